"""`ser-monitor config show|check|init|schema`: what is set and why, whether a file is right, a file to begin with."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from monitor.commands.options import configuration_of, path_of
from monitor.config import Secret, Settings
from monitor.errors import ConfigError, ModelError, NoInputError, OutputFailedError, PermissionDeniedError, UsageError
from monitor.host import config_paths
from monitor.mqtt import access
from monitor.registry import resolve
from monitor.settings.catalogue import Catalogue
from monitor.settings.document import commented_file
from monitor.settings.found import Origin
from monitor.settings.literal import literal
from monitor.settings.schema import file_schema
from monitor.sinks.output import print_line
from monitor.sources.command import without_credentials, words_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.config import Configuration, MqttSettings
    from monitor.settings.found import KeyPath

_WIDEST = 32
"""A longer value pushes its origin to the right, instead of those of all other lines."""
_LENT = "/run/credentials/"
"""Below are files that systemd lends to a service while it runs, and to nobody else."""
_KEY = re.compile(r"\[([\w.]+)\] (\w+)")
"""As errors name a setting: `[mqtt] password_file`."""
_FAULTS = (ConfigError, ModelError, NoInputError, PermissionDeniedError)
"""Of the files that settings name."""
_PASSWORD = ("mqtt", "password")
_COMMAND = ("audio", "command")


def run(options: argparse.Namespace) -> int:
    """Do what `options.action` says.

    Raises:
        ConfigError, ModelError: the settings are refused, or `check`: a file that they name.
        NoInputError: the file that was named, or `check`: the model, does not exist.
        OutputFailedError: the new file cannot be written.
        PermissionDeniedError: a file must not be read or written.
        RefusedError: the program was installed without its source.
        UsageError: the new file exists already.
    """
    if options.action == "init":
        text = commented_file(Catalogue(Settings))
        if options.output is None:
            print_line(text.removesuffix("\n"))
        else:
            _write(text, path_of(options.output), replace=options.force)
    elif options.action == "schema":
        print_line(_json(file_schema(Catalogue(Settings))))
    else:
        print_line(_REPORTS[options.action](configuration_of(options), options))
    return 0


def _check(configuration: Configuration, _options: argparse.Namespace) -> str:
    """The settings were taken; are the files there that a start reads?"""
    try:
        _check_access(configuration.settings.mqtt)
        if command := configuration.settings.audio.command:
            words_of(command)
        _check_model(configuration.settings.model.path)
    except _FAULTS as error:
        raise type(error)(_placed(str(error), configuration)) from None
    return f"{_file(configuration)}: ok"


def _check_access(mqtt: MqttSettings) -> None:
    tls = mqtt.tls
    if mqtt.enabled and not mqtt.password_file.startswith(_LENT):
        access.read_password(mqtt)
    if mqtt.enabled and not any(file.startswith(_LENT) for file in (tls.ca_file, tls.cert_file, tls.key_file)):
        access.ssl_context(mqtt)


def _check_model(name: str) -> None:
    """Whether the file is there and whole; what is shipped is, and nothing is run.

    Raises:
        ModelError, NoInputError, PermissionDeniedError: naming the setting.
    """
    if not name:
        return
    try:
        # Imported here: without a file of one's own, no numbers are needed.
        resolve("monitor.card:read_model_file")(resolve("monitor.model:model_file")(name))
    except _FAULTS as error:
        raise type(error)(f"[model] path: {error}") from None


def _placed(message: str, configuration: Configuration) -> str:
    """The message after the place of the setting that it begins with."""
    key = _KEY.match(message)
    found = configuration.found.get((*key[1].split("."), key[2])) if key else None
    return f"{found.origin}: {message}" if found else message


def _show(configuration: Configuration, options: argparse.Namespace) -> str:
    return _json(_as_object(configuration)) if options.json else "\n".join(_table(configuration))


_REPORTS = {"check": _check, "show": _show}


def _values(configuration: Configuration) -> Iterator[tuple[str, Any, Origin]]:
    """Name, effective value and origin of each setting."""
    mqtt = configuration.settings.mqtt
    for path in Catalogue(Settings).keys:
        if path == _PASSWORD and mqtt.password_file and not mqtt.password:
            yield ".".join(path), Secret("in that file"), Origin("password_file")
        else:
            yield ".".join(path), _value(configuration.settings, path), configuration.origin(path)


def _value(settings: Settings, path: KeyPath) -> Any:
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return without_credentials(value) if path == _COMMAND else value


def _as_object(configuration: Configuration) -> dict[str, Any]:
    return {
        "file": str(configuration.file) if configuration.file else None,
        "settings": {
            name: {
                "value": ("***" if value else "") if isinstance(value, Secret) else value,
                "source": origin.source,
                "where": origin.where or None,
            }
            for name, value, origin in _values(configuration)
        },
    }


def _table(configuration: Configuration) -> Iterator[str]:
    yield _file(configuration)
    rows = [(name, literal(value), str(origin)) for name, value, origin in _values(configuration)]
    widths = [min(max(len(row[column]) for row in rows), _WIDEST) for column in (0, 1)]
    for name, value, origin in rows:
        yield f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}"


def _file(configuration: Configuration) -> str:
    return str(configuration.file or f"no configuration file at {' or '.join(map(str, config_paths()))}")


def _write(text: str, path: Path, *, replace: bool) -> None:
    if not replace and os.path.lexists(path):
        raise UsageError(f"{path} exists already; --force replaces it, or name another place with --output")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except PermissionError:
        raise PermissionDeniedError(f"{path}: this user may not write it; name another place with --output") from None
    except OSError as error:
        raise OutputFailedError(f"{path} cannot be written: {error.strerror}; name another place") from None
    print_line(f"{path}: written")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1)

"""Settings from environment variables: `SER_MONITOR__VAD__MODE` is `[vad] mode`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from monitor.errors import ConfigError
from monitor.settings.found import Found, Origin
from monitor.settings.key import VARIABLE_PREFIX
from monitor.settings.literal import named
from monitor.settings.nearest import nearest_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.settings.catalogue import Catalogue
    from monitor.settings.found import KeyPath
    from monitor.settings.key import Key

_OURS = VARIABLE_PREFIX.removesuffix("_")
"""What begins so is meant for this program, also when an underscore is missing."""


_SYSTEMDS = ("NOTIFY_SOCKET", "WATCHDOG_", "CREDENTIALS_DIRECTORY")
"""The service's way to systemd, and to its secrets."""


def public_environment() -> dict[str, str]:
    """This process' environment for its children: without settings, which may hold the password."""
    private = (VARIABLE_PREFIX, *_SYSTEMDS)
    return {name: value for name, value in os.environ.items() if not name.startswith(private)}


def read_environment(environment: Mapping[str, str], catalogue: Catalogue[Any]) -> dict[KeyPath, Found]:
    """The settings in variables; those that do not begin with `SER_MONITOR_` are none of ours.

    Raises:
        ConfigError: a variable that is no setting, a wrong type or a value out of range.
    """
    keys = {key.variable: key for key in catalogue.keys.values()}
    found: dict[KeyPath, Found] = {}
    for name, text in sorted(environment.items()):
        if not name.startswith(_OURS):
            continue
        if name not in keys:
            raise ConfigError(f"environment: unknown variable {named(name)}; {_meant(name, keys)}")
        found[keys[name].path] = _accepted(keys[name], text)
    return found


def _accepted(key: Key, text: str) -> Found:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"environment: {key.variable} is not UTF-8 text") from None
    return Found(key.accept(text, f"environment: {key.variable}", as_text=True), Origin("environment", key.variable))


def _meant(name: str, keys: Mapping[str, Key]) -> str:
    inner = [variable for variable in keys if variable.startswith(f"{name}__")]
    if inner:
        return f"it names a table, wanted a key in it, such as {inner[0]}"
    meant = nearest_variable(name, keys)
    return f"did you mean {meant}?" if meant else f"settings are called {VARIABLE_PREFIX}TABLE__KEY"

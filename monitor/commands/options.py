"""From parsed flags to settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.config import Flag, load_configuration

if TYPE_CHECKING:
    import argparse

    from monitor.config import Configuration, Settings

_FLAGS = {
    "device": ("--device", ("audio", "device")),
    "model": ("--model", ("model", "path")),
    "file": ("FILE", ("model", "path")),
    "log_level": ("--log-level", ("log", "level")),
}
"""Option to its name and the setting it overrides; `file` is the argument of `model show` and `model verify`."""


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings with the flags of `options` on top."""
    return configuration_of(options).settings


def configuration_of(options: argparse.Namespace) -> Configuration:
    """The settings with the flags of `options` on top, and where each comes from."""
    given = {name: value for name in _FLAGS if (value := getattr(options, name, None)) is not None}
    flags = [Flag(*_FLAGS[name], value) for name, value in given.items()]
    if given.get("device"):
        # It takes the place of whatever was to be heard.
        flags.append(Flag("--device", ("audio", "command"), ""))
    return load_configuration(config_path_of(options), flags=flags)


def config_path_of(options: argparse.Namespace) -> Path | None:
    """The file that `--config` names; None where it is looked for in the standard places."""
    config = getattr(options, "config", None)
    return path_of(config) if config else None


def path_of(name: str) -> Path:
    """A path that the user wrote; `~` is their home, as in a shell."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        # `~nobody`: there is no such user, so it is a name like any other.
        return Path(name)

"""From parsed flags to settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.config import load_settings

if TYPE_CHECKING:
    import argparse

    from monitor.config import Settings

_FLAGS = {
    "device": ("audio", "device"),
    "model": ("model", "path"),
    "file": ("model", "path"),
    "log_level": ("log", "level"),
}
"""Flag to the setting it overrides; `file` is the argument of `model show` and `model verify`."""


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings with the flags of `options` on top."""
    overrides: dict[str, Any] = {}
    for flag, (table, key) in _FLAGS.items():
        if (value := getattr(options, flag, None)) is not None:
            overrides.setdefault(table, {})[key] = value
    config = getattr(options, "config", None)
    return load_settings(Path(config).expanduser() if config else None, overrides=overrides)

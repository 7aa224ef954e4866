"""Registries are plain dicts of `"name": "module:Name"`, so that a heavy module is imported only when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def resolve(entry: str) -> Any:
    """The object behind `"module:Name"`."""
    module, _, name = entry.partition(":")
    return getattr(import_module(module), name)

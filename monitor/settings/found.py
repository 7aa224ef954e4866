"""Values as they were found, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

KeyPath = tuple[str, ...]
"""`("mqtt", "tls", "enabled")` is `enabled` in the table `[mqtt.tls]`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a setting comes from."""

    source: Literal["default", "file", "environment", "flag", "password_file"]
    where: str = ""
    """`config.toml:7`, the name of a variable, or a flag; "" for a default, and for what `password_file` names."""

    def __str__(self) -> str:
        return self.where or self.source


DEFAULT = Origin("default")


@dataclass(frozen=True, slots=True)
class Found:
    """A value that was accepted."""

    value: Any
    origin: Origin

"""A value as TOML writes it."""

from __future__ import annotations

import json
import re
from typing import Any

from monitor.settings.secret import Secret

_SHOWN_CHARACTERS = 40
_LARGEST_SHORT = 0xFFFF
_NAME = re.compile(rf"[\w-]{{1,{_SHOWN_CHARACTERS}}}")
_LARGEST = 2**63 - 1
"""TOML promises no larger integers, and Python refuses to print those of more than 4300 digits."""


def literal(value: Any) -> str:
    """Text, number or truth value as TOML; a secret as stars."""
    if isinstance(value, str):
        # JSON's escapes are a part of TOML's; what no terminal shows, or takes for the end of a line, is escaped too.
        return "".join(map(_visible, json.dumps(value, ensure_ascii=False)))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Secret):
        return "***" if value else '""'
    return repr(value)


def _visible(letter: str) -> str:
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) <= _LARGEST_SHORT else f"\\U{ord(letter):08x}"


def named(key: str) -> str:
    """A name as it was written, in quotes where it would not be taken for one."""
    return key if _NAME.fullmatch(key) else shown(key)


def shown(value: Any) -> str:
    """Any value that TOML can hold, short enough for an error of one line."""
    if isinstance(value, str):
        return literal(value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…")
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "an integer of more than 64 bits"
    if isinstance(value, bool | int | float):
        return literal(value)
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a table"
    return "a date or time"

"""On which line each key of a TOML file stands, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.settings.found import KeyPath

_DEEPEST = 8
"""Keys below are not told apart: no setting lies so deep, and all beginnings of a long dotted key would fill memory."""

# Up to two quotes may stand before the three that close a text of several lines. Blanks match nothing and are skipped.
_TOKEN = re.compile(
    r"""
    (?P<word> \"{3} (?: \\[\s\S] | [^\\] )*? \"{3} (?!\") | '{3} [\s\S]*? '{3} (?!')
            | \" (?: \\. | [^\"\\\n] )* \"                | ' [^'\n]* '
            | [^\s\"'\#\[\]{},.=]+ )
    | (?P<comment> \#[^\n]* )
    | (?P<mark> [\[\]{},.=\n] )
    """,
    re.VERBOSE,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, on which each key and table first appears.

    What lies in an array has the path of the array, without an index.

    Args:
        text: what tomllib has read without complaint; anything else gives lines that mean nothing.
    """
    return _scanned(text).lines


@dataclass(frozen=True, slots=True)
class Repeated:
    """What stands in a file for the second time."""

    path: KeyPath
    line: int
    """Where it stands first."""
    is_table: bool
    """Both times it is the header of a table."""


def repeated(text: str) -> Repeated | None:
    """The key or table that `text` ends with, where it stands further above already.

    Args:
        text: the beginning of a file, up to where tomllib complains of it.
    """
    scanner = _scanned(text)
    path, line = scanner.end
    if path in scanner.headers and scanner.ends_in_header:
        return Repeated(path, scanner.headers[path], is_table=True)
    # `a.b = 1` also meets an `a = 1`.
    for length in range(len(path), 0, -1):
        first = path[:length]
        if first not in scanner.headers and scanner.lines.get(first, line) < line:
            return Repeated(first, scanner.lines[first], is_table=False)
    return None


def _scanned(text: str) -> _Scanner:
    scanner = _Scanner()
    line = 1
    last = 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", last, token.start())
        last = token.start()
        if token.lastgroup == "word":
            scanner.word(token.group(), line)
        elif token.lastgroup == "mark":
            scanner.mark(token.group())
    return scanner


class _Scanner:
    """Follows keys, headers and brackets; values are passed over."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.headers: dict[KeyPath, int] = {}
        """Tables by the first line on which they have a header of their own."""
        self._table: KeyPath = ()
        self._path: KeyPath = ()
        """Of the value being passed over."""
        self._brackets: list[tuple[str, KeyPath]] = []
        """Those open around, each with the path of the value that it begins."""
        self._parts: list[str] = []
        """Of the key being read."""
        self._line = 1
        self._in_value = False

    @property
    def ends_in_header(self) -> bool:
        """Whether what was read last is the name in a header: tomllib complains before the bracket that closes it."""
        return bool(self._parts)

    @property
    def end(self) -> tuple[KeyPath, int]:
        """What was read last, a header or the key of a value, and its line."""
        return tuple(self._parts) or self._path, self._line

    def word(self, text: str, line: int) -> None:
        """A part of a key, or of a value."""
        if self._in_value:
            return
        if not self._parts:
            self._line = line
        self._parts.append(_unquoted(text))

    def mark(self, sign: str) -> None:
        """A bracket, a comma, an equals sign or the end of a line; the points in keys say nothing new."""
        if self._in_value:
            self._mark_in_value(sign)
        elif sign == "=":
            above = self._brackets[-1][1] if self._brackets else self._table
            self._path = self._note(above)
            self._in_value = True
        elif sign == "}":
            self._close()
        elif sign == "]" and self._parts:
            self._table = self._note(())
            self.headers.setdefault(self._table, self._line)

    def _mark_in_value(self, sign: str) -> None:
        if sign in "[{":
            self._brackets.append((sign, self._path))
            self._in_value = sign == "["
        elif sign in "]}":
            self._close()
        elif sign == ",":
            self._in_value = self._brackets[-1][0] == "["
        elif sign == "\n":
            self._in_value = bool(self._brackets)

    def _close(self) -> None:
        _, self._path = self._brackets.pop()
        self._in_value = True

    def _note(self, above: KeyPath) -> KeyPath:
        path = (*above, *self._parts)[:_DEEPEST]
        for length in range(len(above) + 1, len(path) + 1):
            self.lines.setdefault(path[:length], self._line)
        self._parts.clear()
        return path


def _unquoted(text: str) -> str:
    if text[0] not in "\"'":
        return text
    (key,) = tomllib.loads(f"{text} = 0")
    return key

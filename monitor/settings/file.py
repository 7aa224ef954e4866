"""The configuration file: where it is, what it says, and on which line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.errors import ConfigError, NoInputError, PermissionDeniedError, quoted
from monitor.host import config_paths
from monitor.settings.found import Found, Origin
from monitor.settings.key import labelled
from monitor.settings.literal import named, shown
from monitor.settings.nearest import nearest
from monitor.settings.positions import key_lines, repeated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from monitor.settings.catalogue import Catalogue
    from monitor.settings.found import KeyPath
    from monitor.settings.key import Key

_LARGEST_BYTES = 2**20
"""More is no configuration but a file named by mistake, e.g. a recording."""
_POSITION = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_TWICE = ("Cannot declare", "Cannot overwrite")
"""What tomllib says of a table or a key that is there already."""


def find_file() -> Path | None:
    """The first standard place where something stands, readable or not."""
    for path in config_paths():
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            # Whoever may not look into the folder is told so by the attempt to read.
            return path
        return path
    return None


def read_file(path: Path, catalogue: Catalogue[Any]) -> dict[KeyPath, Found]:
    """The settings in a TOML file.

    Raises:
        ConfigError: not TOML, an unknown key, a wrong type, a value out of range, or a secret.
        NoInputError: there is no such file.
        PermissionDeniedError: this user may not read it.
    """
    text = _decoded(path, _content(path))
    page = _Page(path, key_lines(text), catalogue) if (tree := _parsed(path, text)) else None
    return dict(page.found(tree, ())) if page else {}


@dataclass(frozen=True, slots=True)
class _Page:
    """What one file says, checked key by key."""

    path: Path
    lines: Mapping[KeyPath, int]
    catalogue: Catalogue[Any]

    def found(self, tree: Mapping[str, Any], above: KeyPath) -> Iterator[tuple[KeyPath, Found]]:
        for name, value in tree.items():
            path = (*above, name)
            if path in self.catalogue.tables:
                yield from self.found(self._table(path, value), path)
            elif path in self.catalogue.keys:
                yield path, self._accepted(self.catalogue.keys[path], value)
            else:
                raise ConfigError(f"{self._place(path)}: {self._unknown(path, value)}")

    def _place(self, path: KeyPath) -> str:
        return f"{self.path}:{self.lines[path]}" if path in self.lines else str(self.path)

    def _accepted(self, key: Key, value: Any) -> Found:
        place = self._place(key.path)
        if key.is_secret:
            raise ConfigError(
                f"{place}: {key.label} must not stand in a file; name a file that holds it with {key.path[-1]}_file, "
                f"give systemd the credential {'-'.join(key.path)}, or set the variable {key.variable}"
            )
        return Found(key.accept(value, f"{place}: {key.label}"), Origin("file", place))

    def _table(self, path: KeyPath, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            name = ".".join(path)
            raise ConfigError(f"{self._place(path)}: {labelled(path)} is {shown(value)}, wanted a table: [{name}]")
        return value

    def _unknown(self, path: KeyPath, value: Any) -> str:
        what = f"unknown {'table' if isinstance(value, dict) else 'key'} '{_dotted(path)}'"
        meant = nearest(path, self.catalogue.names)
        if meant is None:
            siblings = [name[-1] for name in self.catalogue.names if name[:-1] == path[:-1]]
            return f"{what}; wanted one of {', '.join(siblings)}"
        where = ", which stands above the first [table]" if not meant[1:] and path[1:] else ""
        return f"{what}; did you mean '{_dotted(meant)}'{where}?"


def _dotted(path: KeyPath) -> str:
    return ".".join(map(named, path))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise NoInputError(f"no such configuration file: {path}") from None
    except PermissionError:
        raise PermissionDeniedError(
            f"{path}: this user may not read it; mend its owner and mode, or name another file with --config"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: found a folder, wanted a TOML file") from None
    except (OSError, ValueError) as error:
        # ValueError: a name with a null character.
        reason = getattr(error, "strerror", None) or error
        raise NoInputError(f"{path}: the configuration cannot be read: {reason}") from None
    if len(content) > _LARGEST_BYTES:
        raise ConfigError(f"{path}: found more than 1 MiB, wanted a TOML file; is it the right one?")
    return content


def _decoded(path: Path, content: bytes) -> str:
    try:
        # Editors on Windows put a byte-order mark in front, which tomllib refuses.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = content.count(b"\n", 0, error.start) + 1, content[error.start]
        raise ConfigError(f"{path}:{line}: found the byte 0x{byte:02x}, wanted UTF-8; save the file as that") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_malformed(path, text, str(error))) from None
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables lie too deep in each other") from None
    except ValueError:
        # Python refuses to read thousands of decimal digits.
        raise ConfigError(f"{path}: a number has more digits than any setting takes") from None


def _malformed(path: Path, text: str, message: str) -> str:
    """The complaint of tomllib with the line in front."""
    position = _POSITION.search(message)
    reason = quoted(message[: position.start()] if position else message)
    if position and position["line"]:
        line, column = position["line"], f" (column {position['column']})"
    else:
        line, column = str(text.rstrip().count("\n") + 1), ""
    hint = "; texts stand in quotes, switches are true or false" if reason == "Invalid value" else ""
    twice = _twice(_beginning(text, position)) if reason.startswith(_TWICE) else ""
    return f"{path}:{line}: {twice or f'not TOML: {reason}{column}{hint}'}"


def _beginning(text: str, position: re.Match[str] | None) -> str:
    """The text up to the position of which tomllib complains."""
    if position is None or not position["line"]:
        return text
    lines = text.replace("\r\n", "\n").split("\n")[: int(position["line"])]
    return "\n".join([*lines[:-1], lines[-1][: int(position["column"]) - 1]])


def _twice(text: str) -> str:
    """Where the end of `text` stands already, and what to do; empty where that is not clear."""
    first = repeated(text)
    if first is None:
        return ""
    if first.is_table:
        return f"[{_dotted(first.path)}] stands already in line {first.line}; put these lines there"
    return f"{labelled(first.path)} stands already in line {first.line}; keep one of them"

"""What was probably meant by a key that does not exist."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from monitor.settings.found import KeyPath

_CLOSE_ENOUGH = 0.6


def nearest(path: KeyPath, known: Collection[KeyPath]) -> KeyPath | None:
    """The same name in the one other table that has it, else a like name in this table, else a like name anywhere."""
    *table, name = path
    name = name.lower().replace("-", "_")
    siblings = {other[-1]: other for other in known if other[:-1] == tuple(table)}
    if name in siblings:
        return siblings[name]
    elsewhere = _unique(known)
    if name in elsewhere:
        return elsewhere[name]
    return _closest(name, siblings) or _closest(name, elsewhere)


def nearest_variable(name: str, known: Collection[str]) -> str | None:
    """The variable whose name differs least; how many underscores stand together does not matter."""
    plain = {_words(one): one for one in known}
    close = get_close_matches(_words(name), plain, n=1, cutoff=_CLOSE_ENOUGH)
    return plain[close[0]] if close else None


def _unique(known: Collection[KeyPath]) -> dict[str, KeyPath]:
    names = [path[-1] for path in known]
    return {path[-1]: path for path in known if names.count(path[-1]) == 1}


def _closest(name: str, names: dict[str, KeyPath]) -> KeyPath | None:
    close = get_close_matches(name, names, n=1, cutoff=_CLOSE_ENOUGH)
    return names[close[0]] if close else None


def _words(variable: str) -> str:
    # Without what all variables begin with: it would make any two alike.
    return "_".join(filter(None, variable.upper().removeprefix("SER_MONITOR").split("_")))

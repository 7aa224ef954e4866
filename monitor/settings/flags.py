"""Settings from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.errors import ConfigError
from monitor.settings.found import Found, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitor.settings.catalogue import Catalogue
    from monitor.settings.found import KeyPath


@dataclass(frozen=True, slots=True)
class Flag:
    """A setting that was given on the command line."""

    name: str
    """As the user writes it: `--device`."""
    path: KeyPath
    value: Any


def read_flags(flags: Iterable[Flag], catalogue: Catalogue[Any]) -> dict[KeyPath, Found]:
    """The settings that flags give.

    Raises:
        ConfigError: no such setting, a wrong type or a value out of range.
    """
    found: dict[KeyPath, Found] = {}
    for flag in flags:
        if flag.path not in catalogue.keys:
            raise ConfigError(f"{flag.name}: there is no setting '{'.'.join(flag.path)}'")
        value = catalogue.keys[flag.path].accept(flag.value, flag.name, as_text=True)
        found[flag.path] = Found(value, Origin("flag", flag.name))
    return found


def flags_of(overrides: Mapping[str, Any], above: KeyPath = ()) -> Iterator[Flag]:
    """Nested values as flags without names of their own."""
    for name, value in overrides.items():
        if isinstance(value, dict):
            yield from flags_of(value, (*above, name))
        else:
            yield Flag("command line", (*above, name), value)

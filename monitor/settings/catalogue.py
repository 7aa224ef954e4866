"""All settings there are: the keys in a tree of msgspec tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec
from msgspec.structs import fields

from monitor.errors import ConfigError
from monitor.settings.key import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec.structs import FieldInfo

    from monitor.settings.found import Found, KeyPath

Tables = TypeVar("Tables", bound=msgspec.Struct)


class Catalogue(Generic[Tables]):
    """The keys and tables below one table, in the order they are declared."""

    def __init__(self, root: type[Tables]) -> None:
        """Take the keys of `root` and of all tables in it."""
        self.tables: dict[KeyPath, type[msgspec.Struct]] = dict(_tables(root, ()))
        self.keys: dict[KeyPath, Key] = {key.path: key for path in self.tables for key in self.keys_in(path)}
        self.names: list[KeyPath] = [*self.keys, *filter(None, self.tables)]

    def keys_in(self, path: KeyPath) -> list[Key]:
        """The keys of one table, without those of tables in it."""
        found = fields(self.tables[path])
        return [Key((*path, f.name), f.type, _default(f)) for f in found if not _is_table(f.type)]

    def build(self, found: Mapping[KeyPath, Found]) -> Tables:
        """The tables with the values that were found, defaults elsewhere.

        Raises:
            ConfigError: values that are right by themselves do not go together.
        """
        return cast("Tables", self._build((), found))

    def _build(self, path: KeyPath, found: Mapping[KeyPath, Found]) -> msgspec.Struct:
        values: dict[str, Any] = {}
        for field in fields(self.tables[path]):
            inner = (*path, field.name)
            if inner in self.tables:
                values[field.name] = self._build(inner, found)
            elif inner in found:
                values[field.name] = found[inner].value
        try:
            return self.tables[path](**values)
        except ValueError as error:
            raise ConfigError(_together(path, str(error), found)) from None


def _tables(table: type[msgspec.Struct], path: KeyPath) -> Iterator[tuple[KeyPath, type[msgspec.Struct]]]:
    yield path, table
    for field in fields(table):
        if _is_table(field.type):
            yield from _tables(field.type, (*path, field.name))


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _default(field: FieldInfo) -> Any:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _together(path: KeyPath, message: str, found: Mapping[KeyPath, Found]) -> str:
    """The message, after the places of the keys that it names."""
    named = ((*path, word) for word in re.findall(r"\w+", message))
    places = dict.fromkeys(str(found[key].origin) for key in named if key in found)
    table = f"[{'.'.join(path)}] " if path else ""
    return f"{', '.join(places)}: {table}{message}" if places else f"{table}{message}"

"""A commented configuration file, made from the settings themselves."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from msgspec import inspect

from monitor.settings.docstrings import attribute_docstrings
from monitor.settings.literal import literal
from monitor.settings.ranges import in_words, worth_saying

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.settings.catalogue import Catalogue
    from monitor.settings.found import KeyPath
    from monitor.settings.key import Key

_WIDTH = 100
_PREFACE = """\
Configuration of ser-monitor, written by `ser-monitor config init`.

Lines like `#key = value` show the defaults: remove the # to change one. `ser-monitor config check` tells whether the
file is right, `ser-monitor config show` what holds and where it comes from.

One file is read: that of --config, else ~/.config/ser-monitor/config.toml, else /etc/ser-monitor/config.toml.
Environment variables such as SER_MONITOR__VAD__MODE=3 override it.
"""


def commented_file(catalogue: Catalogue[Any]) -> str:
    """TOML with every key, its meaning, range and default; loads as the defaults.

    Raises:
        RefusedError: the program was installed without its source.
    """
    lines = [line for paragraph in _PREFACE.split("\n\n") for line in [*_comment(paragraph), "#"]][:-1]
    for path in catalogue.tables:
        lines += _table(catalogue, path)
    return "\n".join(lines) + "\n"


def _table(catalogue: Catalogue[Any], path: KeyPath) -> Iterator[str]:
    table = catalogue.tables[path]
    meaning = attribute_docstrings(table)
    if path:
        yield from ["", "", *_comment(table.__doc__ or ""), f"[{'.'.join(path)}]"]
    for number, key in enumerate(catalogue.keys_in(path)):
        if number or not path:
            yield ""
        yield from _entry(key, meaning.get(key.path[-1], ""))


def _entry(key: Key, meaning: str) -> Iterator[str]:
    if key.is_secret:
        yield from _comment(f"({key.path[-1]}) {meaning}")
        return
    wanted = f" {in_words(key.kind)}." if worth_saying(key.kind) else ""
    yield from _comment(meaning + wanted[:2].upper() + wanted[2:])
    example = _example(key)
    mark = "" if key.path == ("schema_version",) else "#"
    yield f"{mark}{key.path[-1]} = {literal(key.default if example is None else example)}"


def _example(key: Key) -> Any:
    """What stands in for a default that differs from machine to machine."""
    info = inspect.type_info(key.kind)
    examples = (info.extra_json_schema or {}).get("examples") if isinstance(info, inspect.Metadata) else None
    return examples[0] if examples else None


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)

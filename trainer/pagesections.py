"""Pages of Markdown by their sections: what is measured anew takes the place of what was, the rest stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_START = "## "
_LINK = re.compile(r"\]\((?![a-z]+:|\.\./|#)")
"""The begin of a link into the page's own folder."""


def split_sections(page: str) -> tuple[str, dict[str, str]]:
    """What stands before the first section, and each section by its heading, which begins it."""
    head, *parts = re.split(rf"(?m)^(?={_START})", page)
    return head.strip(), {part.partition("\n")[0].removeprefix(_START).strip(): part.strip() for part in parts}


def joined(head: str, sections: Iterable[str]) -> str:
    """A whole page."""
    return "\n\n".join([head, *sections]) + "\n"


def replaced(page: str, new: Mapping[str, str]) -> str:
    """`page` with the sections `new`, by heading: in the place of those of the same name, else at the end."""
    head, old = split_sections(page)
    return joined(head, {**old, **new}.values())


def moved(section: str, folder: str) -> str:
    """A section for a page elsewhere: links into its own folder lead to `folder`."""
    return _LINK.sub(f"]({folder}/", section)

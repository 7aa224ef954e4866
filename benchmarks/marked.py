"""A page part of which is made of figures, between two marks."""

from __future__ import annotations


def with_part(page: str, begin: str, end: str, part: str) -> str:
    """The page with `part` between its marks, in place of what was there.

    Raises:
        ValueError: the page has no such marks.
    """
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"found no '{begin}' and '{end}' on the page, wanted a place for the figures")
    return f"{before}{begin}\n\n{part}\n\n{end}{after}"

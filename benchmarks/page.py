"""The figures in docs/performance.md: one table, written anew from what a run found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.marked import with_part
from benchmarks.table import HEADINGS, row

if TYPE_CHECKING:
    from benchmarks.results import Results

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN = "<!-- figures: `make bench-write` -->"
END = "<!-- end of the figures -->"
_ALIGNMENT = (" --- ", " ---: ", " ---: ", " --- ", " ---: ", " --- ", " --- ")


def with_figures(page: str, results: Results) -> str:
    """The page with the table of these results.

    Raises:
        ValueError: the page has no place for it.
    """
    return with_part(page, BEGIN, END, figures(results))


def figures(results: Results) -> str:
    """Machine, audio and all figures as Markdown, group by group."""
    lines = [_line(HEADINGS), f"|{'|'.join(_ALIGNMENT)}|"]
    for group, measurements in results.groups.items():
        lines.append(_line((f"**{group}**", *[""] * (len(HEADINGS) - 1))))
        lines += [_line(tuple(cell.strip() for cell in row(results, one))) for one in measurements]
    return "\n".join([f"{results.machine}. {results.recording}. Taken {results.taken}.", "", *lines])


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"

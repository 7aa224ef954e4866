"""Figures as tables for people, in Markdown that also reads well in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_MILLION = 1_000_000


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, columns aligned; the first to the left, the others to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (lines[0], rule, *lines[1:]))


def percent(share: float | None) -> str:
    """`61.5`, or `-` for none."""
    return "-" if share is None else f"{100 * share:.1f}"


def shares(interval: Sequence[float] | None) -> str:
    """`55.0-75.0` per cent, or `-` for none."""
    return f"{percent(interval[0])}-{percent(interval[1])}" if interval else "-"


def millions(n: float) -> str:
    """Two digits: `0.047`, `0.3`, `61`, `317`."""
    return f"{n / 1e6:.0f}" if n >= _MILLION else f"{n / 1e6:.2g}"


def score_table(corpora: Mapping[str, Any], conditions: Sequence[str]) -> str:
    """UAR in % of each corpus at each level (and of changed answers), its spread; WAR and unanswered clips."""
    head = ["corpus", "clips", *(_condition(name) for name in conditions), "spread", "WAR", "unanswered"]
    return table(head, [_score_row(corpus, figures, conditions) for corpus, figures in corpora.items()])


def confusion_table(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """Counts: rows truth, columns prediction; labels that never occur have no row."""
    rows = zip(labels, confusion, strict=True)
    return table(["", *labels, "none"], [[label, *map(str, counts)] for label, counts in rows if sum(counts)])


def _score_row(corpus: str, figures: Mapping[str, Any], conditions: Sequence[str]) -> list[str]:
    levels = figures["levels"]
    first = levels[conditions[0]]
    return [
        corpus,
        str(first["clips"]),
        f"{100 * first['uar']:.1f}",
        *(f"{100 * levels[name]['uar']:.1f} ({100 * levels[name]['changed']:.1f})" for name in conditions[1:]),
        f"{figures['level_spread_points']:.1f}",
        f"{100 * first['war']:.1f}",
        str(first["unanswered"]),
    ]


def _condition(name: str) -> str:
    return f"{name} dBFS" if name.lstrip("-").isdigit() else name


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "| " + " | ".join([first, *others]) + " |"

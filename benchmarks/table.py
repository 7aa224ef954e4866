"""The results as one table of text."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measurement import Measurement
    from benchmarks.results import Results

HEADINGS = ("", "median", "smallest .. largest", "unit", "times ours", "target", "")
_RIGHT = (1, 4)
"""Columns of numbers."""
_DIGITS = 3
_MOST_DECIMALS = 4


def table(results: Results) -> str:
    """Everything, group by group; what was not measured says why."""
    rows: list[tuple[str, ...]] = []
    for group, measurements in results.groups.items():
        rows.append((group, *[""] * (len(HEADINGS) - 1)))
        rows += [row(results, one) for one in measurements]
    measured = [row for row in rows if not row[-1].startswith("not measured")]
    widths = [max(len(cells[n]) for cells in (HEADINGS, *measured)) for n in range(len(HEADINGS))]
    lines = [_line(cells, widths) for cells in (HEADINGS, *rows)]
    return "\n".join([results.machine, results.recording, "", *lines])


def row(results: Results, one: Measurement) -> tuple[str, ...]:
    """The cells of one figure, as many as there are headings."""
    name = f"  {one.name}"
    if not one.is_measured:
        return (name, *[""] * 5, f"not measured: {one.note}")
    return (
        name,
        number(one.median),
        _spread(one.values),
        one.unit,
        _ratio(results.times_ours(one)),
        goal(results, one),
        one.note,
    )


def _spread(values: Sequence[float]) -> str:
    return f"{number(min(values))} .. {number(max(values))}" if len(values) > 1 else ""


def _ratio(ratios: Sequence[float]) -> str:
    """The median, and in brackets the spread, of all rounds."""
    if not ratios:
        return ""
    spread = _spread(ratios)
    return number(statistics.median(ratios)) + (f" ({spread})" if spread else "")


def goal(results: Results, one: Measurement) -> str:
    """The target and whether it is met."""
    found = results.goal(one)
    if found is None:
        return ""
    value, target = found
    bound = f"{'<=' if target.side == 'at most' else '>='} {number(target.bound)}"
    times = "" if one.target is not None else " times ours"
    return f"{bound}{times}: {'met' if target.is_met(value) else 'MISSED'}"


def number(value: float) -> str:
    """Three digits that mean something, and no more than four decimals."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = min(max(_DIGITS - 1 - math.floor(math.log10(abs(value))), 0), _MOST_DECIMALS)
    return f"{value:,.{decimals}f}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    if cells[-1].startswith("not measured"):
        return f"{cells[0]:<{widths[0]}}  {cells[-1]}"
    aligned = [
        f"{cell:>{width}}" if column in _RIGHT else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()

"""Bars of the picture, as they are drawn in several of its panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.everyhop import EVERY_HOP

if TYPE_CHECKING:
    from benchmarks.measurement import Measurement

OURS_COLOUR, OTHERS_COLOUR, TARGET_COLOUR = "#1b6ca8", "#b0b7bf", "#c0392b"
COLOURS = ("#1b6ca8", "#4fa3d1", "#f2a541", "#7a9e5e", "#b0b7bf")


def bars(found: list[Measurement], names: list[str], texts: list[str], colours: list[str], axis: Any) -> None:
    """Horizontal bars on a logarithmic axis, the first at the top; whiskers reach over all rounds."""
    at = np.arange(len(found))[::-1]
    medians = np.array([one.median for one in found])
    reach = np.abs(np.array([one.spread for one in found]).T - medians)
    axis.barh(at, medians, color=colours, xerr=reach, error_kw={"ecolor": "0.25", "elinewidth": 1, "capsize": 2})
    logarithmic(axis)
    axis.set_yticks(at, names)
    ends = [one.spread[1] for one in found]
    for y, end, text in zip(at, ends, texts, strict=True):
        axis.annotate(text, (end, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_xlim(min(one.spread[0] for one in found if one.median > 0) / 3 or None, max(ends) * 12)


def stacks(found: dict[str, dict[str, float]], axis: Any) -> None:
    """Horizontal bars by name, each of parts by name, one beside the other; the legend below the last bar."""
    parts = list(dict.fromkeys(part for bar in found.values() for part in bar))
    at, left = np.arange(len(found))[::-1], np.zeros(len(found))
    for number_of, part in enumerate(parts):
        width = np.array([bar.get(part, 0.0) for bar in found.values()])
        hatch = "" if number_of < len(COLOURS) else "//"
        axis.barh(at, width, 0.7, left=left, color=COLOURS[number_of % len(COLOURS)], label=part, hatch=hatch)
        left += width
    axis.set_yticks(at, list(found))
    axis.set_ylim(-1.3, len(found) - 0.4)
    axis.legend(loc="lower center", ncols=3, fontsize=8, columnspacing=1.0, handlelength=1.2)


def short_name(name: str) -> str:
    """Of a figure: long names leave little room for bars."""
    return name.removesuffix(": the limit").removesuffix(": our pipeline").replace(EVERY_HOP, "every hop")


def logarithmic(axis: Any) -> None:
    """With ticks at 1 and 3 of each power of ten, as plain numbers."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=9))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())

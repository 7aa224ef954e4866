"""Systems under their own protocol and under a speaker-independent one: how much of a headline is knowing the voice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.style import BLUE, FAINT, INK, ORANGE, RULE, WIDTH, headed, ruled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROW_HEIGHT = 0.52
_KINDS = {
    "headline": ("stated by the authors", "D", FAINT),
    "random": ("other clips of the same speakers: LEAKY", "o", ORANGE),
    "independent": ("speakers never heard before, here", "o", BLUE),
}
"""Key to legend, mark and colour."""


def draw(figure: Any, systems: Sequence[Mapping[str, Any]], metric: str = "WAR or UAR, as stated") -> None:
    """Fill `figure`: a row for each system, in the order given, the first at the top.

    Args:
        figure: empty.
        systems: each with `name`, and any of `headline` (what its authors stated), `random` (under its own protocol)
            and `independent` (speaker-independent), 0-1 or None; `interval` (lower, upper) of `independent`, 0-1 or
            None; `chance`, 0-1 or None; `note`, a second line below the name.
        metric: what the shares count.

    Raises:
        ValueError: there is no system.
    """
    if not systems:
        raise ValueError("no system to compare; wanted one or more")
    figure.set_size_inches(WIDTH, 1.7 + _ROW_HEIGHT * len(systems))
    axes = figure.subplots()
    for row, system in enumerate(systems):
        _draw_system(axes, row, system)
    for kind, (words, marker, fill) in _KINDS.items():
        found = [(row, system[kind]) for row, system in enumerate(systems) if system.get(kind) is not None]
        if found:
            axes.plot(
                [100 * value for _, value in found],
                [row for row, _ in found],
                linestyle="",
                marker=marker,
                markersize=7 if kind == "headline" else 9,
                markerfacecolor="none" if kind == "headline" else fill,
                markeredgecolor=INK if kind == "headline" else fill,
                label=words,
                zorder=3,
            )
    _draw_chance(axes, systems)
    names = [f"{s['name']}\n{s['note']}" if s.get("note") else str(s["name"]) for s in systems]
    axes.set_yticks(range(len(systems)), names)
    axes.set_ylim(len(systems) - 0.4, -0.6)
    axes.set_xlim(0, 103)
    axes.set_xlabel(f"recognised ({metric}, %)")
    axes.set_ylabel("system")
    axes.tick_params(axis="y", length=0)
    ruled(axes, "x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    headed(figure, "What is left when the speakers are new")


def _draw_system(axes: Any, row: int, system: Mapping[str, Any]) -> None:
    """The line between a system's marks, the interval, and the speaker-independent value in figures."""
    values = [100 * system[kind] for kind in _KINDS if system.get(kind) is not None]
    if values:
        axes.hlines(row, min(values), max(values), color=RULE, linewidth=5, zorder=1)
    if system.get("independent") is None:
        return
    value = 100 * system["independent"]
    interval = system.get("interval")
    if interval is not None:
        label = None if "95 % interval" in axes.get_legend_handles_labels()[1] else "95 % interval"
        axes.hlines(row, 100 * interval[0], 100 * interval[1], color=BLUE, linewidth=1.6, zorder=2, label=label)
    axes.annotate(
        f"{value:.0f}",
        (value, row),
        (0, -9),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8.5,
        color=BLUE,
    )


def _draw_chance(axes: Any, systems: Sequence[Mapping[str, Any]]) -> None:
    found = [(row, system["chance"]) for row, system in enumerate(systems) if system.get("chance") is not None]
    if found:
        axes.plot(
            [100 * value for _, value in found],
            [row for row, _ in found],
            linestyle="",
            marker="|",
            markersize=13,
            color=INK,
            label="guessing",
        )

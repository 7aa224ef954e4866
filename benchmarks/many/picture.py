"""Draws the curve: processor, memory and latency over the number of microphones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from benchmarks.many.figures import LATE_MS
from benchmarks.many.limit import end_word, first_late
from trainer.plots.style import BLUE, FAINT, INK, ORANGE, headed, new_figure, outlined, ruled, save, styled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.many.figures import LoadFigures, StepFigures
    from benchmarks.many.processes import Way
    from benchmarks.many.scene import Load

_COLOURS: dict[Load, str] = {"usual": BLUE, "speech": ORANGE}
_NAMES: dict[Load, str] = {"usual": "each speaks a tenth of the time", "speech": "all speak at once"}
_STYLES: dict[Way, tuple[str, str]] = {"processes": ("-", "o"), "together": ("--", "s")}
_WAYS: dict[Way, str] = {"processes": "a process each", "together": "one process for all"}
_LABEL_OFFSETS: dict[Way, tuple[int, int]] = {"processes": (-8, 8), "together": (-8, -26)}
_LINE_POINTS = 14
"""Between labels one above the other."""
_APART = 1.5
"""Numbers nearer to each other than by this factor would be written over each other."""
_HEIGHT = 8.4
_TITLE = "What one machine carries"


def draw(steps: Sequence[StepFigures], n_cores: int, path: Path) -> None:
    """Write the picture."""
    with styled():
        figure = new_figure()
        figure.set_size_inches(figure.get_figwidth(), _HEIGHT)
        headed(figure, f"{_TITLE}: {n_cores} {'core' if n_cores == 1 else 'cores'}")
        processor, memory, latency = figure.subplots(3, 1, sharex=True)
        _draw_processor(processor, steps, n_cores)
        _draw_memory(memory, steps)
        _draw_latency(latency, steps)
        _mark_lateness((processor, memory, latency), steps)
        _draw_numbers(latency, steps)
        figure.align_ylabels()
        figure.legend(*processor.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    save(figure, path)


def _draw_processor(axes: Any, steps: Sequence[StepFigures], n_cores: int) -> None:
    _curves(axes, steps, lambda load: load.cpu_percent)
    axes.set_yscale("log")
    axes.axhline(100 * n_cores, color=FAINT, linewidth=0.8)
    limit = "the core" if n_cores == 1 else "all cores"
    axes.annotate(limit, (1, 100 * n_cores), xytext=(0, 3), textcoords="offset points", color=FAINT, fontsize=8)
    axes.set_ylabel("processor, % of one core")
    _label_decades(axes)
    ruled(axes)


def _draw_memory(axes: Any, steps: Sequence[StepFigures]) -> None:
    for way, (line, mark) in _STYLES.items():
        own = [step for step in steps if step.way == way and not step.failure]
        if own:
            axes.plot([step.n for step in own], [step.pss_mb for step in own], line, marker=mark, color=INK, ms=4)
            label = axes.annotate(
                _WAYS[way],
                (own[-1].n, own[-1].pss_mb),
                xytext=_LABEL_OFFSETS[way],
                textcoords="offset points",
                ha="right",
                fontsize=9,
            )
            outlined(label)
    axes.set_yscale("log")
    axes.set_ylabel("memory (Pss), MB")
    _label_decades(axes)
    ruled(axes)


def _draw_latency(axes: Any, steps: Sequence[StepFigures]) -> None:
    _curves(axes, steps, lambda load: load.latency_p95_ms)
    axes.set_yscale("log")
    axes.axhline(LATE_MS, color=FAINT, linewidth=0.8)
    axes.annotate("late", (1, LATE_MS), xytext=(0, 3), textcoords="offset points", color=FAINT, fontsize=8)
    axes.set_ylabel("latency of events, p95, ms")
    _label_decades(axes)
    ruled(axes)


def _label_decades(axes: Any) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _curves(axes: Any, steps: Sequence[StepFigures], value: Callable[[LoadFigures], float]) -> None:
    for way, (line, mark) in _STYLES.items():
        for load, colour in _COLOURS.items():
            points = [(step.n, value(step.loads[load])) for step in steps if step.way == way and load in step.loads]
            known = [(n, y) for n, y in points if math.isfinite(y)]
            if known:
                name = f"{_NAMES[load]}, {_WAYS[way]}"
                axes.plot(*zip(*known, strict=True), line, marker=mark, color=colour, ms=4, label=name)


def _mark_lateness(all_axes: Sequence[Any], steps: Sequence[StepFigures]) -> None:
    """Where events of one process a microphone begin to be late."""
    for row, (load, colour) in enumerate(_COLOURS.items()):
        n = first_late(steps, "processes", load)
        if n is None:
            continue
        for axes in all_axes:
            axes.axvline(n, color=colour, linewidth=1, linestyle=":")
        label = all_axes[-1].annotate(
            f"{end_word(steps, 'processes', n)} with {n}", (n, 1), xycoords=("data", "axes fraction"),
            xytext=(-4, -12 - _LINE_POINTS * row), textcoords="offset points", ha="right", color=colour, fontsize=9,
        )  # fmt: skip
        outlined(label)


def _draw_numbers(axes: Any, steps: Sequence[StepFigures]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(_told_apart({step.n for step in steps})))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.set_xlabel("microphones")


def _told_apart(numbers: set[int]) -> list[int]:
    """In order, without those that are too near to the one before."""
    found: list[int] = []
    for n in sorted(numbers):
        if not found or n >= _APART * found[-1]:
            found.append(n)
    return found


def _number(value: float, _position: int) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"

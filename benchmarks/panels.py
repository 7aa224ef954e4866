"""The panels of the picture: each draws what it finds in the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import floor, latency, live, microphone, recorded, stages
from benchmarks.listening import PERCENT
from benchmarks.measurement import OURS, PER_WINDOW
from benchmarks.table import number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measurement import Measurement
    from benchmarks.results import Results

_OURS, _OTHERS, _BAD = "#1b6ca8", "#b0b7bf", "#c0392b"
_COLOURS = ("#1b6ca8", "#4fa3d1", "#f2a541", "#7a9e5e", "#b0b7bf")
_BY_LENGTH = ("CPU of an hour", "peak memory")


@dataclass(frozen=True, slots=True)
class Panel:
    """One question, and what answers it."""

    title: str
    wanted: Callable[[Results], list[Measurement]]
    draws: Callable[[Results, list[Measurement], Any], None]

    def has_data(self, results: Results) -> bool:
        """Whether anything was measured that it shows."""
        return bool(self.wanted(results))

    def draw(self, results: Results, axis: Any) -> None:
        """Onto matplotlib axes."""
        self.draws(results, self.wanted(results), axis)


def _of(results: Results, groups: Sequence[str], unit: str = "") -> list[Measurement]:
    every = [one for group in groups for one in results.groups.get(group, []) if one.is_measured]
    return [one for one in every if not unit or one.unit == unit]


def _windows(results: Results) -> list[Measurement]:
    found = [one for one in results.measurements if one.unit == PER_WINDOW and one.is_measured]
    return sorted(found, key=lambda one: one.median)


def _bars(found: list[Measurement], names: list[str], texts: list[str], colours: list[str], axis: Any) -> None:
    """Horizontal bars on a logarithmic axis, the first at the top; whiskers reach over all rounds."""
    at = np.arange(len(found))[::-1]
    medians = np.array([one.median for one in found])
    reach = np.abs(np.array([one.spread for one in found]).T - medians)
    axis.barh(at, medians, color=colours, xerr=reach, error_kw={"ecolor": "0.25", "elinewidth": 1, "capsize": 2})
    axis.set_xscale("log")
    axis.set_yticks(at, names)
    ends = [one.spread[1] for one in found]
    for y, end, text in zip(at, ends, texts, strict=True):
        axis.annotate(text, (end, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_xlim(min(one.spread[0] for one in found if one.median > 0) / 3 or None, max(ends) * 12)


def _draw_windows(results: Results, found: list[Measurement], axis: Any) -> None:
    ratios = [results.times_ours(one) for one in found]
    texts = [
        f"{number(one.median)} ms" + ("" if ratio is None or one.name.startswith(OURS) else f", {number(ratio)} x ours")
        for one, ratio in zip(found, ratios, strict=True)
    ]
    colours = [_OURS if one.name.startswith(OURS) else _OTHERS for one in found]
    _bars(found, [one.name for one in found], texts, colours, axis)
    axis.set_xlabel("CPU time of one analysis window, ms")


def _listening(results: Results) -> list[Measurement]:
    return [one for one in _of(results, (live.GROUP, microphone.GROUP, floor.GROUP), PERCENT) if one.median > 0]


def _draw_listening(results: Results, found: list[Measurement], axis: Any) -> None:
    short = {live.GROUP: "pipe, MQTT: ", microphone.GROUP: "microphone, MQTT: ", floor.GROUP: ""}
    names = [short[one.group] + one.name.removesuffix(": CPU") for one in found]
    colours = [_OTHERS if one.group == floor.GROUP else _OURS for one in found]
    texts = [f"{number(one.median)} %" for one in found]
    _bars(found, names, texts, colours, axis)
    for at, one in zip(range(len(found) - 1, -1, -1), found, strict=True):
        goal = results.goal(one)
        if goal is not None:
            axis.plot([goal[1].bound] * 2, [at - 0.45, at + 0.45], color=_BAD, lw=2)
    axis.set_xlabel("% of a core, in real time; red: target")


def _stages(results: Results) -> list[Measurement]:
    return _of(results, (stages.STAGES,))


def _threads(results: Results) -> list[Measurement]:
    return _of(results, (live.THREADS, microphone.THREADS))


def _draw_parts(found: list[Measurement], axis: Any) -> None:
    """A bar for each thing that was heard, of its parts one upon the other."""
    short = {live.THREADS: "pipe, ", microphone.THREADS: "microphone, "}
    bars: dict[str, dict[str, float]] = {}
    for one in found:
        heard, _, part = one.name.partition(": ")
        bars.setdefault(short.get(one.group, "") + heard, {})[part] = one.median
    parts = list(dict.fromkeys(part for bar in bars.values() for part in bar))
    at, left = np.arange(len(bars))[::-1], np.zeros(len(bars))
    for number_of, part in enumerate(parts):
        width = np.array([bar.get(part, 0.0) for bar in bars.values()])
        hatch = "" if number_of < len(_COLOURS) else "//"
        axis.barh(at, width, left=left, color=_COLOURS[number_of % len(_COLOURS)], label=part, hatch=hatch)
        left += width
    axis.set_yticks(at, list(bars))
    axis.set_xlabel("% of a core")
    axis.legend(loc="lower right", fontsize=8)


def _latencies(results: Results) -> list[Measurement]:
    return [one for one in _of(results, (latency.GROUP,)) if one.name.endswith("p50")]


def _draw_latencies(results: Results, found: list[Measurement], axis: Any) -> None:
    for one, colour in zip(found, (_OURS, _COLOURS[2]), strict=False):
        ms = np.sort(one.values)
        axis.step(ms, 100 * np.arange(1, len(ms) + 1) / len(ms), where="post", color=colour, label=one.name[:-5])
    for one in _of(results, (latency.GROUP,)):
        if one.target is not None:
            axis.plot([one.target.bound], [95], "v", color=_BAD, label="target of p95")
    axis.set(xlabel="ms until the message is at a subscriber", ylabel="% of messages", ylim=(0, 101), xlim=(0, None))
    axis.legend(loc="lower right")


def _lengths(results: Results) -> list[Measurement]:
    return [one for one in _of(results, (recorded.GROWTH,)) if one.name.endswith(_BY_LENGTH)]


def _draw_lengths(_results: Results, found: list[Measurement], axis: Any) -> None:
    names = list(dict.fromkeys(one.name.partition(":")[0] for one in found))
    right = axis.twinx()
    right.spines["right"].set_visible(True)
    for kind, one_axis, colour, unit in zip(_BY_LENGTH, (axis, right), (_OURS, _COLOURS[2]), ("s", "MB"), strict=True):
        medians = [one.median for one in found if one.name.endswith(kind)]
        one_axis.plot(names, medians, "o-", color=colour)
        one_axis.set_ylim(0, 1.4 * max(medians))
        one_axis.set_ylabel(f"{kind}, {unit}", color=colour)
    axis.set_xlabel("length of the recording; the start's CPU is taken off")


def _goals(results: Results) -> list[Measurement]:
    return [one for one in results.measurements if results.goal(one) is not None]


def _draw_goals(results: Results, found: list[Measurement], axis: Any) -> None:
    """How far from the target, on one side for all: right of the line is missed."""
    at = np.arange(len(found))[::-1]
    shares, colours, names = [], [], []
    for one in found:
        goal = results.goal(one)
        assert goal is not None
        value, target = goal
        shares.append(value / target.bound if target.side == "at most" else target.bound / value)
        colours.append(_OURS if target.is_met(value) else _BAD)
        names.append(f"{one.name} ({one.group.partition(':')[0]})")
    axis.barh(at, np.array(shares) - 1, left=1, color=colours)
    axis.set_xscale("log")
    axis.axvline(1, color="0.25", lw=1)
    axis.set_yticks(at, names)
    axis.set_xlabel("times the target: left of the line is met (blue), right of it missed (red)")


PANELS = (
    Panel("A window: ours, and what others do", _windows, _draw_windows),
    Panel("Listening", _listening, _draw_listening),
    Panel("Where the pipeline's CPU goes", _stages, lambda _results, found, axis: _draw_parts(found, axis)),
    Panel("Where the daemon's CPU goes", _threads, lambda _results, found, axis: _draw_parts(found, axis)),
    Panel("Latency", _latencies, _draw_latencies),
    Panel("analyze: more audio", _lengths, _draw_lengths),
    Panel("Targets", _goals, _draw_goals),
)

"""The panels of the picture: each draws what it finds in the results."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import floor, latency, live, microphone, recorded, stages
from benchmarks.bars import COLOURS, OTHERS_COLOUR, OURS_COLOUR, TARGET_COLOUR, bars, logarithmic, short_name, stacks
from benchmarks.everyhop import EVERY_HOP
from benchmarks.listening import PERCENT
from benchmarks.measurement import OURS, PER_WINDOW
from benchmarks.table import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.measurement import Measurement
    from benchmarks.results import Results

_LIMIT = "arithmetic limit"
_HEARING = {
    live.GROUP: "pipe, MQTT: ",
    microphone.GROUP: "microphone, MQTT: ",
    stages.GROUP: "pipeline alone: ",
    _LIMIT: "arithmetic limit: ",
    floor.GROUP: "",
}
"""Groups of audio in real time, as the picture calls them."""
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


def _of(results: Results, groups: Iterable[str], unit: str = "") -> list[Measurement]:
    every = [one for group in groups for one in results.groups.get(group, []) if one.is_measured]
    return [one for one in every if not unit or one.unit == unit]


def _windows(results: Results) -> list[Measurement]:
    found = [one for one in results.measurements if one.unit == PER_WINDOW and one.is_measured]
    return sorted(found, key=lambda one: one.median)


def _times_ours(results: Results, one: Measurement) -> str:
    """The median of all rounds; of what is ours in part, it says little."""
    ratios = results.times_ours(one)
    return f", {number(statistics.median(ratios))} x ours" if ratios and not one.name.startswith(OURS) else ""


def _draw_windows(results: Results, found: list[Measurement], axis: Any) -> None:
    texts = [f"{number(one.median)} ms" + _times_ours(results, one) for one in found]
    colours = [OURS_COLOUR if one.name.startswith(OURS) else OTHERS_COLOUR for one in found]
    bars(found, [one.name for one in found], texts, colours, axis)
    axis.set_xlabel("CPU time of one analysis window, ms")


def _listening(results: Results) -> list[Measurement]:
    found = [one for one in _of(results, _HEARING, PERCENT) if one.median > 0]
    return [one for one in found if one.group != _LIMIT or one.name.endswith("the limit")]


def _draw_listening(results: Results, found: list[Measurement], axis: Any) -> None:
    names = [_HEARING[one.group] + short_name(one.name).removesuffix(": CPU") for one in found]
    colours = [OTHERS_COLOUR if one.group in (floor.GROUP, _LIMIT) else OURS_COLOUR for one in found]
    bars(found, names, [f"{number(one.median)} %" for one in found], colours, axis)
    for at, one in zip(range(len(found) - 1, -1, -1), found, strict=True):
        goal = results.goal(one)
        if goal is not None:
            axis.plot([goal[1].bound] * 2, [at - 0.45, at + 0.45], color=TARGET_COLOUR, lw=2)
    axis.set_xlabel("% of a core, in real time; red: target")


def _stages(results: Results) -> list[Measurement]:
    return _of(results, (stages.STAGES,))


def _threads(results: Results) -> list[Measurement]:
    return _of(results, (live.THREADS, microphone.THREADS))


def _draw_parts(_results: Results, found: list[Measurement], axis: Any) -> None:
    """A bar for each thing that was heard."""
    short = {live.THREADS: "pipe, ", microphone.THREADS: "microphone, "}
    heard: dict[str, dict[str, float]] = {}
    for one in found:
        name, _, part = one.name.partition(": ")
        heard.setdefault(short.get(one.group, "") + name, {})[part] = one.median
    stacks(heard, axis)
    axis.set_xlabel("% of a core")


def _draw_stages(results: Results, found: list[Measurement], axis: Any) -> None:
    _draw_parts(results, found, axis)
    axis.set_xlabel(f"% of a core, with {EVERY_HOP}")


def _memory(results: Results) -> list[Measurement]:
    return _of(results, (live.GROUP, microphone.GROUP), "MB")


def _draw_memory(_results: Results, found: list[Measurement], axis: Any) -> None:
    at, mb = np.arange(len(found))[::-1], [one.median for one in found]
    kinds = {live.GROUP: "pipe: ", microphone.GROUP: "microphone: "}
    axis.barh(at, mb, 0.7, color=[OURS_COLOUR if one.name.endswith("steady") else OTHERS_COLOUR for one in found])
    axis.set_yticks(at, [kinds[one.group] + one.name.removeprefix("memory, ") for one in found])
    for y, one in zip(at, found, strict=True):
        axis.annotate(number(one.median), (one.median, y), xytext=(4, 0), textcoords="offset points", va="center")
        if one.target is not None:
            axis.plot([one.target.bound] * 2, [y - 0.45, y + 0.45], color=TARGET_COLOUR, lw=2)
    axis.set(xlabel="MB; its share: what is shared counts in part; red: target", xlim=(0, 1.15 * max(mb)))


def _latencies(results: Results) -> list[Measurement]:
    return [one for one in _of(results, (latency.GROUP,)) if one.name.endswith("p50")]


def _draw_latencies(results: Results, found: list[Measurement], axis: Any) -> None:
    for one, colour in zip(found, (COLOURS[0], COLOURS[2], COLOURS[1], COLOURS[3]), strict=False):
        ms = np.sort(one.values)
        axis.step(ms, 100 * np.arange(1, len(ms) + 1) / len(ms), where="post", color=colour, label=_since(one)[:-5])
    for bound in {one.target.bound for one in _of(results, (latency.GROUP,)) if one.target is not None}:
        axis.plot([bound], [95], "v", color=TARGET_COLOUR, label="target of p95")
    axis.set(xlabel="ms until the message is at a subscriber", ylabel="% of messages", ylim=(0, 101), xlim=(0, None))
    axis.legend(loc="lower right", fontsize=7, title="since", title_fontsize=7)


def _since(one: Measurement) -> str:
    """A latency's name in few words: the moment from which it runs."""
    return one.name.replace("after the ", "")


def _lengths(results: Results) -> list[Measurement]:
    return [one for one in _of(results, (recorded.GROWTH,)) if one.name.endswith(_BY_LENGTH)]


def _draw_lengths(_results: Results, found: list[Measurement], axis: Any) -> None:
    names = list(dict.fromkeys(one.name.partition(":")[0] for one in found))
    right = axis.twinx()
    right.spines["right"].set_visible(True)
    for kind, one_axis, colour, unit in zip(
        _BY_LENGTH, (axis, right), (OURS_COLOUR, COLOURS[2]), ("s", "MB"), strict=True
    ):
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
        colours.append(OURS_COLOUR if target.is_met(value) else TARGET_COLOUR)
        name = short_name(_since(one)).replace(": ", ", ")
        names.append(f"{_goal_group(one.group)}: {name}")
    axis.barh(at, np.array(shares) - 1, left=1, color=colours)
    logarithmic(axis)
    axis.axvline(1, color="0.25", lw=1)
    axis.set_yticks(at, names)
    axis.set_xlabel("how many times the target; blue: met, red: missed")


def _goal_group(group: str) -> str:
    return "microphone" if group == microphone.GROUP else group.partition(":")[0].partition(" of")[0]


PANELS = (
    Panel("A window: ours, and what others do", _windows, _draw_windows),
    Panel("Targets", _goals, _draw_goals),
    Panel("Listening", _listening, _draw_listening),
    Panel("Memory while listening", _memory, _draw_memory),
    Panel("Where the pipeline's CPU goes", _stages, _draw_stages),
    Panel("Where the daemon's CPU goes", _threads, _draw_parts),
    Panel("Latency", _latencies, _draw_latencies),
    Panel("analyze: more audio", _lengths, _draw_lengths),
)

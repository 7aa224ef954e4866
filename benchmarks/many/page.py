"""The part of docs/many-microphones.md that is made of figures."""

from __future__ import annotations

import math
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from benchmarks.many.limit import carried, end_word, first_late
from benchmarks.many.scene import LOADS
from benchmarks.marked import with_part

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.many.figures import LoadFigures, StepFigures
    from benchmarks.many.processes import Way
    from benchmarks.many.scene import Load

BEGIN = "<!-- figures: `make bench-many BENCH='--cores 1 --write'` -->"
END = "<!-- end of figures -->"
WAYS: dict[Way, str] = {"processes": "a process each", "together": "one for all"}
_HEAD = (
    "| microphones | way | CPU, a tenth speech | CPU, all speak | memory (Pss) | p50 / p95, a tenth speech "
    "| p50 / p95, all speak | ready after |"
)
_RULE = "|--:|---|--:|--:|--:|--:|--:|--:|"
_MOST_OF_REASON = 160
_LOAD_NAMES: dict[Load, str] = {"usual": "each speaks a tenth of the time", "speech": "all speak at once"}


def figures_text(result: dict[str, Any], steps: Sequence[StepFigures]) -> str:
    """Machine, table and what follows from it, as Markdown."""
    head = [result["machine"], result.get("placement"), result["date"]]
    lines = [f"{'; '.join(filter(None, head))}.", "", _HEAD, _RULE]
    lines += [_row(step) for step in steps]
    lines += [
        "",
        *_carried_lines(steps),
        *_failure_lines(steps),
        *_core_lines(result["cores"], steps),
        "",
        _cost_line(steps),
    ]
    return "\n".join(lines)


def put(page: Path, text: str) -> None:
    """Replace what stands between the marks.

    Raises:
        ValueError: the page has no marks.
    """
    page.write_text(with_part(page.read_text(encoding="utf-8"), BEGIN, END, text), encoding="utf-8")


def _row(step: StepFigures) -> str:
    if step.failure:
        return f"| {step.n} | {WAYS[step.way]} | - | - | - | **failed** | **failed** | - |"
    usual, speech = (step.loads.get(load) for load in LOADS)
    cells = [
        f"{step.n}",
        WAYS[step.way],
        _cpu(usual),
        _cpu(speech),
        f"{step.pss_mb:,.0f} MB",
        _latency(usual),
        _latency(speech),
        f"{step.ready_s:.1f} s",
    ]
    return f"| {' | '.join(cells)} |"


def _cpu(load: LoadFigures | None) -> str:
    return "-" if load is None else f"{load.cpu_percent:.1f} %"


def _latency(load: LoadFigures | None) -> str:
    if load is None:
        return "-"
    text = f"{_ms(load.latency_p50_ms)} / {_ms(load.latency_p95_ms)} ms"
    return f"**late:** {text}" if load.late else text


def _ms(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "∞" if math.isinf(value) else f"{value:,.0f}"


def _carried_lines(steps: Sequence[StepFigures]) -> list[str]:
    lines = []
    for way, name in WAYS.items():
        for load in LOADS:
            end = _end_text(steps, way, load)
            lines.append(f"- {_LOAD_NAMES[load].capitalize()}, {name}: **{carried(steps, way, load)}** in time, {end}.")
    return lines


def _end_text(steps: Sequence[StepFigures], way: Way, load: Load) -> str:
    late = first_late(steps, way, load)
    return "more were not tried" if late is None else f"{end_word(steps, way, late)} with {late}"


def _core_lines(n_cores: int, steps: Sequence[StepFigures]) -> list[str]:
    """What one core carries, either way, where it was found."""
    lines = []
    for way, name in WAYS.items():
        if first_late(steps, way, "speech") is not None:
            # Python holds one process to one core.
            n_used = 1 if way == "together" else n_cores
            speech, usual = carried(steps, way, "speech") // n_used, carried(steps, way, "usual") // n_used
            more = " or more" if first_late(steps, way, "usual") is None else ""
            lines.append(
                f"- One core carries **{speech}** microphones ({name}) when {_LOAD_NAMES['speech']}, "
                f"{usual}{more} when {_LOAD_NAMES['usual']}."
            )
    return lines


def _failure_lines(steps: Sequence[StepFigures]) -> list[str]:
    """Why there are no figures; in one line each, all of it is in the JSON."""
    return [
        f"- With {step.n}, {WAYS[step.way]}, the step failed: {shorten(step.failure, _MOST_OF_REASON)}"
        for step in steps
        if step.failure
    ]


def _cost_line(steps: Sequence[StepFigures]) -> str:
    """What a further microphone costs, from the largest number that both ways were tried with in time."""
    both = {way: {step.n: step for step in steps if step.way == way and not step.late} for way in WAYS}
    common = sorted(both["processes"].keys() & both["together"].keys())
    if not common:
        return "Both ways were not tried with the same number."
    n = common[-1]
    costs = []
    for way, name in WAYS.items():
        step = both[way][n]
        usual, speech = (step.loads[load].cpu_percent / n if load in step.loads else math.nan for load in LOADS)
        costs.append(f"{step.pss_mb / n:.1f} MB, {usual:.2f} % and {speech:.2f} % of a core ({name})")
    return f"With {n} microphones, each took {'; '.join(costs)}: a tenth speech, and all speech."

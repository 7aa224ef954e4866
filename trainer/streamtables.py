"""The figures of streams as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.streamaims import AIMS, CHANGES, DELAY, FALSE, GAPS, LOSS, MARGIN_POINTS, keeps_aims
from trainer.streamfigures import most_events
from trainer.tables import percent, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainer.streamaims import Aim

_N_SHOWN = 10
"""Best settings of a search."""
_CONDITION_HEAD = ["condition", "UAR", "loss", "alone", "no answer", "missed", "right", "p95", "never", "any"]
_CONDITION_HEAD += ["changes", "certain", "right of these", "false"]
_LEGEND = (
    "In brackets: 95 % intervals over speakers. UAR: of segments, in %. loss: against clips heard alone, as recorded, "
    "in points. alone: UAR of clips heard alone in the same sounds and room, in %. no answer: clips without a segment "
    "of their own, in % of the answers. missed: % of speech. "
    "right, p95: median and 95th percentile of the seconds from the onset to the first right label, of the clips that "
    "get one. never: % of clips that do not. any: median to the first event. changes: of the label, a minute of "
    "speech. certain: % of segments that end with a label; right of these, in %. false: segments an hour of gaps."
)
_GATE = {
    "mode": "mode",
    "floor": "floor_dbfs",
    "SNR": "min_snr_db",
    "onset": "onset_ms",
    "hangover": "hangover_ms",
    "pre-roll": "preroll_ms",
    "posterior": "min_speech_posterior",
    "pause": "activity_hangover_ms",
    "activity": "min_activity_posterior",
}
"""Heading to field of the gate's rule; here and below."""
_WINDOWS = {"hop": "hop_frames", "apart": "settled_hops", "min speech": "min_speech_s", "final": "min_final_speech_s"}
_DECISION = {
    "smoothing": "smoothing_s",
    "confidence": "min_confidence",
    "margin": "change_margin",
    "dwell": "min_dwell_s",
}
_SHOWN_THRESHOLDS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
"""Of `min_confidence`; and the one that was judged."""
_SETTING_HEAD = ["worth", "UAR", "missed", "right", "never", "changes", "gaps/h", "sounds/h", "intense", "windows/min"]


def stream_tables(result: Mapping[str, Any]) -> str:
    """The result of `trainer.streamevaluation.stream_evaluation`."""
    clips, conditions = result["clips"], result["conditions"]
    all_conditions = {**conditions, **({"all together": result["together"]} if "together" in result else {})}
    title = (
        f"{result['identity']}, {result['speakers']} speakers, as a stream; {clips['answers']} clips, each heard "
        f"alone: UAR {percent(clips['uar'])}{_interval(clips['uar_interval'])} %"
    )
    parts = [
        title,
        table(_CONDITION_HEAD, [_condition_row(name, figures) for name, figures in conditions.items()]),
        _LEGEND,
        table(["UAR", "clips", "alone", *conditions], [_group_row(*item) for item in _groups(result)]),
        *_selective_parts(result),
        _noise_table(result["noise_kinds"], result["noise"]),
        _held_out_line(result),
        _neutral_line(result["neutral"]),
        table(["aim", "at most", *all_conditions], [_aim_row(aim, all_conditions) for aim in AIMS]),
        f"worth, as tune counts it: {result['worth']:.1f} points" if "worth" in result else "",
    ]
    return "\n\n".join(part for part in parts if part)


def tuning_tables(result: Mapping[str, Any]) -> str:
    """The result of `trainer.tuning.tune`: the best settings that keep the aims, the defaults last; what is chosen."""
    keeping = [row for row in result["settings"] if keeps_aims(row, result["defaults"])]
    ranked = sorted(keeping, key=lambda row: -row["worth"])[:_N_SHOWN]
    rows = [*((str(i + 1), row) for i, row in enumerate(ranked)), ("defaults", result["defaults"])]
    about = (
        f"{result['identity']}, {result['speakers']} speakers, {len(result['settings'])} settings; the best of the "
        f"{len(keeping)} that miss no aim (below) by more than the defaults; means over the conditions"
    )
    aims = "; ".join(f"{aim.about} <= {aim.at_most:g}" for aim in (DELAY, CHANGES, GAPS, FALSE))
    parts = [
        about,
        table(["setting", *_GATE, *_WINDOWS, *_DECISION], [[name, *_values(row["setting"])] for name, row in rows]),
        table(["setting", *_SETTING_HEAD], [[name, *_setting_row(row)] for name, row in rows]),
        "One value alone, all others as by default:",
        table(["value", *_SETTING_HEAD, "misses no aim further"], _single_rows(result)),
        f"aims: {aims}",
        result["objective"],
        _chosen_words(result, max(row["worth"] for row in result["settings"])),
    ]
    return "\n\n".join(parts)


def _condition_row(name: str, figures: Mapping[str, Any]) -> list[str]:
    unanswered = figures["unanswered"] / figures["answers"] if figures["answers"] else None
    return [
        name,
        percent(figures["uar"]) + _interval(figures["uar_interval"]),
        _number(figures[LOSS.figure], 1),
        percent(figures["alone_uar"]),
        percent(unanswered),
        percent(figures["missed"]),
        _number(figures["right_delay_median_s"], 2),
        _number(figures["right_delay_p95_s"], 2),
        percent(figures["never_right"]),
        _number(figures["first_delay_median_s"], 2),
        _number(figures["changes_per_min"], 1),
        percent(figures["coverage"]),
        percent(figures["selective_accuracy"]) + _interval(figures.get("selective_accuracy_interval")),
        _number(figures["false_per_h"], 1),
    ]


def _groups(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of corpora, languages and genders; results of before those were told apart have the first alone."""
    for kind in ("corpora", "languages", "genders"):
        yield from result.get(kind, {}).items()


def _group_row(name: str, figures: Mapping[str, Any]) -> list[str]:
    uars = (figures["clip_uar"], *figures["uar"].values())
    return [name, str(figures["clips"]), *(percent(uar) for uar in uars)]


def _selective_parts(result: Mapping[str, Any]) -> Iterator[str]:
    """What each `min_confidence` is worth live, and which is the lowest that is right often enough."""
    selective = result.get("selective")
    if selective is None:
        return
    curves, own = selective["curves"], selective["min_confidence"]
    thresholds = next(iter(curves.values()))["thresholds"]
    rows = [
        [f"{threshold:.2f}{', as judged' if threshold == own else ''}", *(_named(c, i) for c in curves.values())]
        for i, threshold in enumerate(thresholds)
        if threshold in {*_SHOWN_THRESHOLDS, own}
    ]
    yield table(["min_confidence", *curves], rows)
    yield f"Segments that are named, in %; in brackets, how many of the names are right. {naming_words(result)}"


def naming_words(result: Mapping[str, Any]) -> str:
    """The lowest `min_confidence` that is right often enough, of these speakers."""
    selective = result["selective"]
    wanted = f"{100 * selective['wanted_accuracy']:.0f} %"
    lowest = selective["lowest"]
    right = f"{wanted} of the names right under every condition on the {result['speakers']} speakers"
    if lowest is None:
        return f"No min_confidence makes {right}."
    return f"The lowest min_confidence that makes {right}: {lowest:.2f}."


def _named(curve: Mapping[str, Any], i: int) -> str:
    return f"{percent(curve['coverage'][i])} ({percent(curve['accuracy'][i])})"


def _noise_table(kinds: Mapping[str, Any], noise: Mapping[str, Any]) -> str:
    if not noise["hours"]:
        return ""
    head = ["sound without speech", "minutes", "false segments", "not uncertain", f"an hour (aim: {FALSE.at_most:g})"]
    rows = [
        [
            kind,
            _number(60 * figures["hours"], 1),
            str(figures["false_segments"]),
            str(figures["false_certain"]),
            _number(figures["false_per_h"], 0) + (_at_most(noise) if kind == "all" else ""),
        ]
        for kind, figures in (*kinds.items(), ("all", noise))
    ]
    return table(head, rows)


def _held_out_line(result: Mapping[str, Any]) -> str:
    """How much of the noise no training has heard, and what can be said of that alone."""
    held_out_s = result.get("noise_held_out_s")
    if held_out_s is None or not result["noise"]["hours"]:
        return ""
    line = f"Of these minutes {_number(held_out_s / 60, 1)} were left out of every training; from the others "
    line += "networks may have learnt what is no speech."
    if held_out_s and not result["noise"]["false_segments"]:
        per_h = 3600 * most_events(0) / held_out_s
        line += f" No false segment in those that were left out: at most {_number(per_h, 0)} an hour (95 %)."
    return line


def _neutral_line(neutral: Mapping[str, Any]) -> str:
    if not neutral["segments"]:
        return ""
    most = neutral.get("intense_at_most")
    limit = "" if most is None else f" (at most {percent(most)} %, with 95 % confidence)"
    return (
        f"ordinary speech called an intense emotion: {percent(neutral['intense'])} % of {neutral['segments']} "
        f"segments when they end{limit}, {percent(neutral['ever_intense'])} % at any time"
    )


def _at_most(noise: Mapping[str, Any]) -> str:
    most = noise.get("false_per_h_at_most")
    return "" if most is None else f" (95 %: at most {most:.1f})"


def _aim_row(aim: Aim, conditions: Mapping[str, Any]) -> list[str]:
    return [aim.about, f"{aim.at_most:g}", *(_against(aim, figures) for figures in conditions.values())]


def _against(aim: Aim, figures: Mapping[str, Any]) -> str:
    value, interval = figures.get(aim.figure), figures.get(f"{aim.figure}_interval")
    if value is None:
        return "-"
    limits = "" if interval is None else f" [{interval[0]:.2f}, {interval[1]:.2f}]"
    return f"{value:.2f}{limits} {'met' if value <= aim.at_most else 'not met'}"


def _values(setting: Mapping[str, Any]) -> list[str]:
    gate, decision = setting["gate"], setting["decision"]
    of_gate = [gate["rule"][field] for field in _GATE.values()]
    of_windows = [gate[field] for field in _WINDOWS.values()]
    of_decision = [decision[field] for field in _DECISION.values()]
    return [f"{value:g}" for value in (*of_gate, *of_windows, *of_decision)]


def _chosen_words(result: Mapping[str, Any], highest: float) -> str:
    best, defaults = _fields(result["best"]["setting"]), _fields(result["defaults"]["setting"])
    changed = ", ".join(f"{name} = {value:g}" for name, value in best.items() if value != defaults[name])
    what = f"Chosen: {changed or 'the defaults'}, worth {result['best']['worth']:.1f}."
    why = "" if changed else f" Nothing that misses no aim by more is worth {MARGIN_POINTS:g} points more."
    return f"{what}{why} The highest worth of all, whatever it does to the aims, is {highest:.1f}."


def _single_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """Settings in which one value differs from the defaults, by what it is; the defaults last."""
    defaults = _fields(result["defaults"]["setting"])
    found = []
    for row in result["settings"]:
        fields = _fields(row["setting"])
        if len(differing := [name for name, value in fields.items() if value != defaults[name]]) == 1:
            found.append(([*fields].index(differing[0]), fields[differing[0]], differing[0], row))
    rows = [
        [f"{name} = {value:g}", *_setting_row(row), "yes" if keeps_aims(row, result["defaults"]) else "no"]
        for _, value, name, row in sorted(found, key=lambda one: one[:2])
    ]
    return [*rows, ["defaults", *_setting_row(result["defaults"]), "yes"]]


def _fields(setting: Mapping[str, Any]) -> dict[str, float]:
    """A setting without its tables."""
    gate = {name: value for name, value in setting["gate"].items() if name != "rule"}
    return {**setting["gate"]["rule"], **gate, **setting["decision"]}


def _setting_row(row: Mapping[str, Any]) -> list[str]:
    means = row["means"]
    return [
        _number(row["worth"], 1),
        percent(means["uar"]),
        percent(means["missed"]),
        _number(means["right_delay_median_s"], 2),
        percent(means["never_right"]),
        _number(means["changes_per_min"], 1),
        _number(means["false_per_h"], 1),
        _number(row["noise"]["false_per_h"], 0),
        percent(row["neutral"]["intense"]),
        _number(means["windows_per_min"], 1),
    ]


def _interval(interval: Sequence[float] | None) -> str:
    return "" if interval is None else f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"

"""A setting of the stream: everything between the voice-activity gate and the event that can be chosen."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import numpy as np

from monitor.errors import ConfigError, NoInputError
from monitor.pipeline import GateRule, PipelineRules
from monitor.pipeline.smoother import DecisionRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from monitor.pipeline.windows import WindowRule

# Not the floor in dBFS: whoever speaks softly, or far away, would not be heard. Nor hangovers below 0.4 s: the corpora
# are single sentences, and lack the pauses of people who think while they speak.
_GATE: Mapping[str, Sequence[float]] = {
    "mode": (0, 1, 2, 3),
    "onset_ms": (60, 90, 150, 210, 300),
    "hangover_ms": (400, 500, 700, 900),
    "preroll_ms": (100, 200, 300),
    "min_snr_db": (0.0, 6.0, 9.0, 12.0, 15.0),
    "min_speech_posterior": (0.3, 0.5, 0.7, 0.75, 0.8, 0.9, 0.95, 0.97),
    "activity_hangover_ms": (0, 500, 550, 600, 700, 1000, 1500),
    "min_activity_posterior": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
}
# Their length is no setting: a network is trained on it.
_WINDOW: Mapping[str, Sequence[float]] = {
    "hop_frames": (25, 50, 100),
    "settled_hops": (1, 2, 3, 6),
    "min_speech_s": (0.5, 0.75, 1.0, 1.25, 1.5),
    "min_final_speech_s": (0.25, 0.4, 0.5, 0.6, 0.8, 1.0),
}
_PLACES = dict.fromkeys(_WINDOW, "[window] of the model's recipe")
_PLACES["settled_hops"] = "WindowRule of monitor/pipeline/windows.py"
# Not the least confidence: how often an answer has to be right is asked of it, see `trainer.selective`.
_DECISION: Mapping[str, Sequence[float]] = {
    "smoothing_s": (0.0, 0.5, 1.0, 1.5, 2.5),
    "change_margin": (0.0, 0.05, 0.1, 0.15, 0.2),
    "min_dwell_s": (0.0, 0.6, 1.0, 1.5, 2.0),
}

_T = TypeVar("_T")


class GateSetting(msgspec.Struct, frozen=True):
    """What decides which windows are classified.

    What is None is as the model has it: the first three in its card, the last one in the pipeline.

    Attributes:
        rule: of the gate.
        hop_frames: distance between windows in frames.
        min_speech_s: voiced time that a window needs while speech goes on.
        min_final_speech_s: the same for the last window of a segment.
        settled_hops: hops from one window to the next in long speech, at most.
    """

    rule: GateRule = GateRule()
    hop_frames: Annotated[int, msgspec.Meta(ge=1)] | None = None
    min_speech_s: float | None = None
    min_final_speech_s: float | None = None
    settled_hops: Annotated[int, msgspec.Meta(ge=1)] | None = None

    @property
    def windows(self) -> dict[str, float]:
        """The fields of the window that this setting overrides."""
        return {name: value for name in _WINDOW if (value := getattr(self, name)) is not None}

    def window(self, own: WindowRule) -> WindowRule:
        """The windows that are classified; `own` are the model's."""
        return replace(own, **self.windows)  # type: ignore[arg-type]


class StreamSetting(msgspec.Struct, frozen=True):
    """All of it.

    Attributes:
        gate: decides which windows are classified.
        decision: what their posteriors become.
    """

    gate: GateSetting = GateSetting()
    decision: DecisionRule = DecisionRule()

    @property
    def rules(self) -> PipelineRules:
        """As the pipeline takes them; without a limit of events, which would hide changes."""
        return PipelineRules(gate=self.gate.rule, decision=self.decision)

    def to_toml(self, own: WindowRule) -> str:
        """The tables of the monitor's configuration; windows that differ from `own`, the model's, are in comments."""
        differing = {name: value for name, value in self.gate.windows.items() if value != getattr(own, name)}
        head = "".join(f"# With {name} = {value:g}: {_PLACES[name]}.\n" for name, value in differing.items())
        return head + _toml("vad", self.gate.rule) + "\n" + _toml("decision", self.decision)


def drawn_gates(n: int, own: WindowRule, seed: int) -> list[GateSetting]:
    """`n` different gates: the defaults, then such with one value changed, then others; `own` is the model's."""
    defaults = {**msgspec.to_builtins(GateRule()), **{name: getattr(own, name) for name in _WINDOW}}

    def typed(values: Mapping[str, Any]) -> GateSetting:
        rule = {name: value for name, value in values.items() if name not in _WINDOW}
        windows = {name: values[name] for name in _WINDOW}
        # A last window that needs more than the others would never be there for a long one.
        windows["min_final_speech_s"] = min(windows["min_speech_s"], windows["min_final_speech_s"])
        return GateSetting(GateRule(**rule), **windows)

    return _different(defaults, {**_GATE, **_WINDOW}, typed, n, seed)


def drawn_decisions(n: int, seed: int) -> list[DecisionRule]:
    """`n` different decision rules, or all there are: the defaults, then such with one value changed, then others."""
    n_all = math.prod(len(values) for values in _DECISION.values())
    defaults = msgspec.to_builtins(DecisionRule())
    return _different(defaults, _DECISION, lambda values: DecisionRule(**values), min(n, n_all), seed)


def read_setting(path: Path) -> StreamSetting:
    """The best setting in the `tune.json` that `ser-train tune` wrote.

    Raises:
        NoInputError: there is no such file.
        ConfigError: it is another file, or names a setting that there is not.
    """
    try:
        found = msgspec.json.decode(path.read_bytes())["best"]["setting"]
        setting = msgspec.convert(found, StreamSetting)
    except FileNotFoundError:
        raise NoInputError(f"no such file: {path}; make it with ser-train tune") from None
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: no setting in it ({error}); wanted a tune.json made by ser-train tune") from None
    if unknown := _unknown(found, msgspec.to_builtins(setting), "best.setting"):
        raise ConfigError(f"{path}: no such setting: {unknown}; wanted those of a tune.json made by ser-train tune")
    return setting


def _unknown(found: Mapping[str, Any], known: Mapping[str, Any], place: str) -> str:
    """The first key of `found`, in tables of tables, that `known` has not; empty where it has all."""
    for key, value in found.items():
        if key not in known:
            return f"{place}.{key}"
        if isinstance(value, dict) and (unknown := _unknown(value, known[key], f"{place}.{key}")):
            return unknown
    return ""


def _different(
    defaults: Mapping[str, Any],
    choices: Mapping[str, Sequence[float]],
    typed: Callable[[Mapping[str, Any]], _T],
    n: int,
    seed: int,
) -> list[_T]:
    """The defaults; for up to half of the list, such as differ from them in one value; then draws by `_near`."""
    rng = np.random.default_rng(seed)
    single = [{**defaults, name: value} for name, values in choices.items() for value in values]
    ordered = dict.fromkeys(typed(values) for values in [defaults, *(single[i] for i in rng.permutation(len(single)))])
    found = dict.fromkeys([*ordered][: n // 2 + 1])
    while len(found) < n:
        found[typed(_near(defaults, choices, rng))] = None
    return list(found)


def _near(
    defaults: Mapping[str, Any], values: Mapping[str, Sequence[float]], rng: np.random.Generator
) -> dict[str, Any]:
    """The defaults with one to three of them drawn anew, which is where something better mostly lies, or with all."""
    n = rng.choice((1, 2, 3, len(values)))
    return {**defaults, **{name: _one_of(values[name], rng) for name in rng.choice(list(values), n, replace=False)}}


def _one_of(values: Sequence[float], rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def _toml(table: str, rule: GateRule | DecisionRule) -> str:
    lines = (f"{name} = {value}" for name, value in msgspec.to_builtins(rule).items())
    return "\n".join([f"[{table}]", *lines, ""])

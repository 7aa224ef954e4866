"""The arithmetic limit: operations and bytes for a second of audio, at the rates that this machine reaches.

Held against it is the pipeline alone, without capture and broker, on the same audio: as it is shipped, which leaves
windows out of long speech, and with a window at every hop; either against the windows that it classifies itself. What
is held against what is measured in the same round: rates, speech detection, pipelines. Speech detection is no
arithmetic that can be counted from a specification: webrtcvad is taken as measured, and is part of the limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.everyhop import EVERY_HOP, EveryHop
from benchmarks.interpreter import operators
from benchmarks.listening import PERCENT
from benchmarks.measurement import Measurement, Target
from benchmarks.operations import Kind, work_in_silence, work_in_speech
from benchmarks.rates import Rates, webrtcvad_cpu_s
from benchmarks.recording import RATE_HZ
from benchmarks.stageruns import run
from benchmarks.stages import cpu_s
from monitor.card import read_model_file
from monitor.model import shipped_model
from monitor.pipeline import GateRule, Pipeline
from monitor.pipeline.gate import VAD_FRAME_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.operations import Work
    from benchmarks.recording import Recording
    from monitor.pipeline.classifier import Answer, Classifier

GROUP = "arithmetic limit"
RATES = "this machine, one thread"
_TIMES = "times the limit"
_WANTED = Target(3.0)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A kind of audio, and what speech detection alone takes for it, % of a core, one value a round."""

    name: str
    samples: NDArray[np.int16]
    detection: list[float] = field(default_factory=list)

    def run_round(self) -> None:
        self.detection.append(100 * webrtcvad_cpu_s(self.samples, RATE_HZ, VAD_FRAME_MS, GateRule().mode))


@dataclass(frozen=True, slots=True)
class _Held:
    """A pipeline on a stretch, what it has to compute for a second, and what it takes, % of a core, a value a round."""

    name: str
    stretch: _Stretch
    model: Classifier
    works: Sequence[Work]
    taken: list[float] = field(default_factory=list)

    def run_round(self) -> None:
        self.taken.append(pipeline_percent(self.model, self.stretch.samples))


def measure(recording: Recording) -> list[Measurement]:
    """Rates of the machine, the limit by parts, and our pipeline held against it."""
    every = EveryHop.shipped()
    rates = Rates(every.spec.n_fft)
    speech, silence = _Stretch("speech", recording.speech), _Stretch("silence", recording.room)
    shipped = _Held("speech", speech, every.model, _works(every.model, speech))
    at_every_hop = _Held(f"speech, {EVERY_HOP}", speech, every, _works(every, speech))
    held = (shipped, at_every_hop, _Held("silence", silence, every.model, work_in_silence()))
    for _ in range(recording.n_rounds):
        for taker in (rates, speech, silence, *held):
            taker.run_round()
    by_kind = rates.fastest()
    each = [dict(zip(by_kind, values, strict=True)) for values in zip(*by_kind.values(), strict=True)]
    found = [_rate(kind, values) for kind, values in by_kind.items()]
    found += [_part(shipped.name, work, each) for work in shipped.works]
    found.append(_part(at_every_hop.name, at_every_hop.works[-1], each))
    found += [_row(f"{one.name}: webrtcvad, as measured", one.detection) for one in (speech, silence)]
    return found + [row for one in held for row in _held_rows(one, each)]


def limit_percent(works: Sequence[Work], rates: Mapping[Kind, float]) -> float:
    """Of a core, for all `works` once a second: each is bound by its operations or its bytes, whichever take longer."""
    return 100 * sum(max(work.n / rates[work.kind], work.n_bytes / rates[Kind.BYTE]) for work in works)


def pipeline_percent(model: Classifier, samples: NDArray[np.int16]) -> float:
    """Of a core, what a new pipeline takes for int16 samples (n,)."""
    return 100 * cpu_s(partial(run, Pipeline(model), samples)) / (len(samples) / RATE_HZ)


def n_classified(model: Classifier, samples: NDArray[np.int16]) -> int:
    """Windows that a new pipeline classifies in int16 samples (n,)."""
    counting = _Counting(model)
    run(Pipeline(counting), samples)
    return counting.n_windows


class _Counting:
    """A classifier that counts its windows, see `monitor.pipeline.classifier.Classifier`."""

    def __init__(self, model: Classifier) -> None:
        self.labels, self.spec, self.window = model.labels, model.spec, model.window
        self._model = model
        self.n_windows = 0

    def answer(self, values: NDArray[np.float32]) -> Answer:
        self.n_windows += 1
        return self._model.answer(values)


def _works(model: Classifier, stretch: _Stretch) -> list[Work]:
    """Of a second of this speech, with the windows that this model is asked of it."""
    windows_per_s = n_classified(model, stretch.samples) * RATE_HZ / len(stretch.samples)
    return work_in_speech(model.spec, windows_per_s, operators(read_model_file(shipped_model()).flatbuffer))


def _rate(kind: Kind, values: Sequence[float]) -> Measurement:
    scale, prefix = (1e6, "M") if kind is Kind.TRANSFORM else (1e9, "G")
    name = kind.value
    return Measurement(name=name, group=RATES, unit=f"{prefix} a second", values=tuple(v / scale for v in values))


def _part(audio: str, work: Work, rates: Sequence[Mapping[Kind, float]]) -> Measurement:
    values = tuple(limit_percent([work], each) for each in rates)
    note = f"{work.n:,.0f} {work.kind.value}, {work.n_bytes / 1e3:,.0f} kB"
    return Measurement(name=f"{audio}: {work.part}", group=GROUP, unit=PERCENT, values=values, note=note)


def _held_rows(held: _Held, rates: Sequence[Mapping[Kind, float]]) -> list[Measurement]:
    """The limit, what the pipeline takes, and their ratio round by round."""
    floors = held.stretch.detection
    limits = [limit_percent(held.works, each) + floor for each, floor in zip(rates, floors, strict=True)]
    ratios = tuple(taken / limit for taken, limit in zip(held.taken, limits, strict=True))
    return [
        _row(f"{held.name}: the limit", limits),
        _row(f"{held.name}: our pipeline", held.taken),
        Measurement(name=f"{held.name}: our pipeline", group=GROUP, unit=_TIMES, values=ratios, target=_WANTED),
    ]


def _row(name: str, values: Sequence[float]) -> Measurement:
    return Measurement(name=name, group=GROUP, unit=PERCENT, values=tuple(values))

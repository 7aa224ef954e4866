"""The arithmetic limit: operations and bytes for a second of audio, at the rates that this machine reaches.

Held against it is the pipeline alone, without capture and broker, on the same audio. Speech detection is no arithmetic
that can be counted from a specification: webrtcvad is taken as measured, and is part of the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.everyhop import EveryHop
from benchmarks.interpreter import operators
from benchmarks.listening import PERCENT
from benchmarks.measurement import Measurement, Target
from benchmarks.operations import Kind, work_in_silence, work_in_speech
from benchmarks.rates import measure_rates, webrtcvad_cpu_s
from benchmarks.recording import RATE_HZ
from benchmarks.stages import cpu_s, run
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
    from monitor.pipeline.classifier import Classifier

GROUP = "arithmetic limit"
RATES = "this machine, one thread"
_TIMES = "times the limit"
_WANTED = Target(3.0)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A kind of audio, and what has to be computed for a second of it."""

    name: str
    samples: NDArray[np.int16]
    works: Sequence[Work]


def measure(recording: Recording) -> list[Measurement]:
    """Rates of the machine, the limit by parts, and our pipeline held against it."""
    file = read_model_file(shipped_model())
    spec = file.card.features
    by_kind = measure_rates(spec.n_fft, recording.n_rounds)
    rates = [dict(zip(by_kind, values, strict=True)) for values in zip(*by_kind.values(), strict=True)]
    speech = work_in_speech(spec, file.card.hop_frames, operators(file.flatbuffer))
    stretches = (
        _Stretch("speech", recording.speech, speech),
        _Stretch("silence", recording.room, work_in_silence(spec.rate_hz)),
    )
    found = [_rate(kind, values) for kind, values in by_kind.items()]
    found += [_part(work, rates) for work in speech]
    return found + [row for stretch in stretches for row in _held(stretch, rates)]


def limit_percent(works: Sequence[Work], rates: Mapping[Kind, float]) -> float:
    """Of a core, for all `works` once a second: each is bound by its operations or its bytes, whichever take longer."""
    return 100 * sum(max(work.n / rates[work.kind], work.n_bytes / rates[Kind.BYTE]) for work in works)


def pipeline_percent(model: Classifier, samples: NDArray[np.int16]) -> float:
    """Of a core, what a new pipeline takes for int16 samples (n,)."""
    return 100 * cpu_s(partial(run, Pipeline(model), samples)) / (len(samples) / RATE_HZ)


def _rate(kind: Kind, values: Sequence[float]) -> Measurement:
    scale, prefix = (1e6, "M") if kind is Kind.TRANSFORM else (1e9, "G")
    name = kind.value
    return Measurement(name=name, group=RATES, unit=f"{prefix} a second", values=tuple(v / scale for v in values))


def _part(work: Work, rates: Sequence[Mapping[Kind, float]]) -> Measurement:
    values = tuple(limit_percent([work], each) for each in rates)
    note = f"{work.n:,.0f} {work.kind.value}, {work.n_bytes / 1e3:,.0f} kB"
    return Measurement(name=f"speech: {work.part}", group=GROUP, unit=PERCENT, values=values, note=note)


def _held(stretch: _Stretch, rates: Sequence[Mapping[Kind, float]]) -> list[Measurement]:
    """The limit, what the pipeline takes, and their ratio round by round."""
    model = EveryHop.shipped()
    detection, ours = [], []
    for _ in rates:
        seconds = webrtcvad_cpu_s(stretch.samples, RATE_HZ, VAD_FRAME_MS, GateRule().mode)
        detection.append(100 * seconds)
        ours.append(pipeline_percent(model, stretch.samples))
    limits = [limit_percent(stretch.works, each) + floor for each, floor in zip(rates, detection, strict=True)]
    ratios = tuple(taken / limit for taken, limit in zip(ours, limits, strict=True))
    return [
        _row(f"{stretch.name}: webrtcvad, as measured", detection),
        _row(f"{stretch.name}: the limit", limits),
        _row(f"{stretch.name}: our pipeline", ours),
        Measurement(name=f"{stretch.name}: our pipeline", group=GROUP, unit=_TIMES, values=ratios, target=_WANTED),
    ]


def _row(name: str, values: Sequence[float]) -> Measurement:
    return Measurement(name=name, group=GROUP, unit=PERCENT, values=tuple(values))

"""What the microphones hear, composed from the bundled clip, and at which sample the pipeline decides each event.

`python -m benchmarks.many.streams FOLDER USUAL_S SPEECH_S` writes it, as a process of its own: who measures memory
must not share the libraries of the measured processes.

A stream is: a quiet room, the usual stretch (a tenth of it is speech), a quiet room, speech without pauses, a quiet
room. In the usual stretch each variant speaks in another tenth.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from benchmarks.many.configuration import write_configuration
from benchmarks.many.player import RATE_HZ
from benchmarks.many.scene import LOADS, VARIANTS, Plan
from monitor.assembly import make_pipeline
from monitor.config import load_settings
from monitor.demo import clip_path
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, EmotionEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from monitor.config import Settings

_ROOM_DBFS = -70.0
_BLOCK_SAMPLES = 1600


def compose(plan: Plan, variant: int, talk: NDArray[np.int16]) -> NDArray[np.int16]:
    """One stream, int16 (n,) at `RATE_HZ`; `talk` is speech without pauses, repeated as needed."""
    tenth = round(plan.usual_s * RATE_HZ / VARIANTS)
    stream = room(plan.duration_s(LOADS))
    _put(stream, np.resize(talk, tenth), round(plan.stretch("usual")[0] * RATE_HZ) + variant * tenth)
    _put(stream, np.resize(talk, round(plan.speech_s * RATE_HZ)), round(plan.stretch("speech")[0] * RATE_HZ))
    return stream


def room(duration_s: float) -> NDArray[np.int16]:
    """A quiet room, int16 (n,): noise far below speech."""
    noise = np.random.default_rng(0).standard_normal(round(duration_s * RATE_HZ))
    samples: NDArray[np.int16] = np.rint(noise * 32768 * 10 ** (_ROOM_DBFS / 20)).astype(np.int16)
    return samples


def talk_of(clip: NDArray[np.int16], pipeline: Pipeline) -> NDArray[np.int16]:
    """The clip's speech without its pauses, int16 (n,)."""
    ends = [event for event in _events(clip, pipeline) if event.type == "end"]
    return np.concatenate([clip[event.start_sample : event.end_sample] for event in ends])


def decisions(stream: NDArray[np.int16], pipeline: Pipeline) -> list[dict[str, object]]:
    """Every event of a stream, in order: which, and at which sample it is decided."""
    return [
        {"segment": event.segment, "type": event.type, "emotion": event.emotion, "at_sample": event.decided_sample}
        for event in _events(stream, pipeline)
    ]


def _put(stream: NDArray[np.int16], piece: NDArray[np.int16], at: int) -> None:
    stream[at : at + len(piece)] = piece


def _events(samples: NDArray[np.int16], pipeline: Pipeline) -> Iterable[EmotionEvent]:
    for at in range(0, len(samples), _BLOCK_SAMPLES):
        for event in pipeline.push(AudioBlock(samples[at : at + _BLOCK_SAMPLES], at)):
            if isinstance(event, EmotionEvent):
                yield event
    yield from (event for event in pipeline.flush() if isinstance(event, EmotionEvent))


def write(folder: Path, plan: Plan) -> None:
    """Into `folder`: `0.raw` and so on, s16le, and `decisions.json`, a list of events for each of them."""
    model = EmotionModel.load(shipped_model())
    settings: Settings = load_settings(write_configuration(folder / "streams.toml", "streams", 0), environment={})
    clip, rate_hz = soundfile.read(clip_path(), dtype="int16")
    if rate_hz != RATE_HZ or model.spec.rate_hz != RATE_HZ:
        raise ValueError(f"found {rate_hz} Hz in the clip and {model.spec.rate_hz} Hz in the model, wanted {RATE_HZ}")
    talk = talk_of(clip, Pipeline(model))
    of_all = []
    for variant in range(VARIANTS):
        stream = compose(plan, variant, talk)
        (folder / f"{variant}.raw").write_bytes(stream.astype("<i2").tobytes())
        of_all.append(decisions(stream, make_pipeline(settings, model)))
    (folder / "decisions.json").write_text(json.dumps(of_all), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Plan(float(sys.argv[2]), float(sys.argv[3])))

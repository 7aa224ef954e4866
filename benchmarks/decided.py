"""What the program decides in some audio, and how long after its audio each message of it was heard.

The same audio goes through a pipeline of this process: its events are those of the program, in the same order, and tell
at which sample each was decided.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.program import write_settings
from benchmarks.recording import RATE_HZ
from monitor.assembly import make_pipeline
from monitor.config import load_configuration
from monitor.model import EmotionModel, shipped_model
from monitor.records import AudioBlock, EmotionEvent, Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.broker import Heard

_ROUNDING = 0.0015
"""A message has three decimals, and may move the last one so that the scores add up."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An event, and the audio that it waited for."""

    event: EmotionEvent
    decided_sample: int
    """The stream was heard up to here: all that was needed, the rest of a VAD frame included."""
    window_end_sample: int | None
    """Where the analysis window ended that it follows from; None for an `end` that follows from the gate."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """In seconds, one a message, in the order in which they came."""

    after_last_sample: list[float]
    """Since the last sample that was needed was written."""
    after_window: list[float]
    """Since the last sample of the analysis window would have been heard; of `new` and `update`."""


def decisions(samples: NDArray[np.int16], settings: Mapping[str, str]) -> list[Decision]:
    """What the program decides in these int16 samples, in order."""
    with TemporaryDirectory() as folder:
        found = load_configuration(write_settings(Path(folder) / "config.toml", settings)).settings
    pipeline = make_pipeline(found, EmotionModel.load(shipped_model()))
    decided: list[Decision] = []
    window_end: int | None = None
    for event in [*pipeline.push(AudioBlock(samples, 0)), *pipeline.flush()]:
        if isinstance(event, Estimate):
            window_end = event.end_sample
        elif isinstance(event, EmotionEvent):
            end_sample = None if event.type == "end" else window_end
            decided.append(Decision(event, event.decided_sample, end_sample))
    return decided


def latencies(
    wanted: Sequence[Decision], heard: Sequence[Heard], written_at: Callable[[int], float], started_s: float
) -> Latencies:
    """Match messages to decisions, one to one in order.

    Probabilities are compared too: where samples were lost, windows hold other audio, and the probabilities show it.

    Args:
        wanted: what was decided.
        heard: messages of the topic `event`.
        written_at: when the samples up to this one were written.
        started_s: when sample 0 was heard, on the same clock.

    Raises:
        ValueError: a message is missing, or another one came.
    """
    messages = [json.loads(one.payload) for one in heard]
    if len(messages) != len(wanted) or not all(
        _tells(message, one.event) for message, one in zip(messages, wanted, strict=True)
    ):
        raise ValueError(f"{len(heard)} messages came that are not the {len(wanted)} events of the same audio")
    pairs = list(zip(wanted, heard, strict=True))
    ends = [(one.window_end_sample, arrived.at_s) for one, arrived in pairs]
    return Latencies(
        [arrived.at_s - written_at(one.decided_sample) for one, arrived in pairs],
        [at_s - started_s - end / RATE_HZ for end, at_s in ends if end is not None],
    )


def _tells(message: Mapping[str, Any], event: EmotionEvent) -> bool:
    number = int(str(message["id"]).rpartition("-")[2])
    told = number, message["type"], message["emotion"], message["windows"]
    expected = event.segment, event.type, event.emotion, event.windows
    return told == expected and abs(message["confidence"] - event.confidence) < _ROUNDING

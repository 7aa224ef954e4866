"""What listening takes beyond the pipeline alone, as `make bench` measured both on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import live, microphone, stages
from benchmarks.page import PAGE
from benchmarks.results import Results

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = PAGE.with_name("bench.json")
WAYS = {"program, pipe to MQTT": live.GROUP, "program, microphone to MQTT": microphone.GROUP}
"""Groups of `make bench`, by what they are called here."""


def measured_extra(audio: str, file: Path = FIGURES) -> dict[str, float]:
    """By way of listening, what it takes beyond the pipeline, as so many times what the pipeline takes in silence.

    Nearly all of that is Python's, as it is in the pipeline in silence: both grow alike on a slower processor. Without
    what was not measured.

    Args:
        audio: `speech` or `silence`.
        file: what `make bench-write` wrote; where there is none, nothing is known.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    if not file.is_file():
        return {}
    results = Results.from_json(file.read_bytes())
    medians = {(one.group, one.name): one.median for one in results.measurements if one.is_measured}
    pipeline, in_silence = medians.get((stages.GROUP, audio)), medians.get((stages.GROUP, "silence"))
    found = {way: medians.get((group, f"{audio}: CPU")) for way, group in WAYS.items()}
    return {
        way: (percent - pipeline) / in_silence for way, percent in found.items() if percent and pipeline and in_silence
    }

"""The JSON object users see for an emotion event, its one-line form, and the JSON Schema that promises it.

Field names, order and units are a frozen contract: fields are only ever added.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.clock import StreamClock
    from monitor.records import EmotionEvent

SCHEMA_VERSION = 1

_SHORTEST_GAP_S = 0.001
_THOUSANDTHS = 1000
_MS_PER_S = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who says it: what is the same in every event of a run."""

    node: str
    """Name of this monitor."""
    model_name: str
    """Name and hash of the model, e.g. `emotion@9f2c41aa`."""
    id_prefix: str
    """Sets the ids of this run apart from those of every other run."""
    rate_hz: int
    """Samples a second: what sample counts are divided by."""
    affect: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    """Label to (valence, arousal), each -1 to 1, from the model card."""


def event_payload(event: EmotionEvent, start_s: float, clock: StreamClock, identity: Identity) -> dict[str, Any]:
    """The event as the JSON object that users see.

    Args:
        event: what the pipeline decided, times in samples.
        start_s: wall clock of the segment's start, seconds since 1970-01-01 UTC; the same for all its events.
        clock: gives the times of those samples; latency runs from the end of what the event covers.
        identity: the node, the model and the prefix of ids.

    Returns:
        A dict in the order of the contract; scores and confidence with 3 decimals, and the scores add up to what
        they added up to before rounding.
    """
    scores = _rounded_scores(event.scores)
    valence, arousal, derived = _affect(event.scores, identity.affect)
    duration_s = (event.end_sample - event.start_sample) / identity.rate_hz
    latency_s = clock.latency_s(event.end_sample)
    return {
        "schema": SCHEMA_VERSION,
        "id": f"{identity.id_prefix}-{event.segment:06d}",
        "type": event.type,
        "event_type": event.emotion,
        "emotion": event.emotion,
        # As it stands in the scores, so that the two never differ in the last digit.
        "confidence": scores.get(event.emotion, max(scores.values())),
        "scores": scores,
        "start": utc_iso(start_s),
        "end": utc_iso(start_s + duration_s),
        "duration_s": _rounded(duration_s),
        "speech_s": _rounded(event.speech_samples / identity.rate_hz),
        "windows": event.windows,
        "level_dbfs": _rounded(event.level_dbfs, 1) if math.isfinite(event.level_dbfs) else None,
        # What is missing when the gap is noticed may be a sample or two: it is never rounded to none.
        "gap_s": _rounded(max(event.gap_samples / identity.rate_hz, _SHORTEST_GAP_S if event.gap_samples else 0.0)),
        "latency_s": None if latency_s is None else _rounded(latency_s),
        "clock_synced": clock.synced,
        "valence": valence,
        "arousal": arousal,
        "derived": derived,
        "node": identity.node,
        "model": identity.model_name,
    }


def to_json_line(payload: Mapping[str, Any]) -> str:
    r"""The payload as compact JSON without a line break, ready to be encoded as UTF-8.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot say.
    """
    line = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A name from the environment may hold undecodable bytes as lone surrogates; `\udcXX` is their JSON escape too.
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def utc_iso(wall_s: float) -> str:
    """Seconds since 1970-01-01 UTC as ISO 8601 with milliseconds and Z."""
    moment = _EPOCH + timedelta(milliseconds=round(wall_s * _MS_PER_S))
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def event_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `event_payload`. Readers must let unknown fields pass: more may come."""
    properties = _properties()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ser-monitor:event:{SCHEMA_VERSION}",
        "title": "ser-monitor event",
        "description": "One step in the life of a speech segment: every `new` gets exactly one `end`.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _rounded(value: float, decimals: int = 3) -> float:
    # Adding zero turns -0.0 into 0.0.
    return round(value, decimals) + 0.0


def _rounded_scores(scores: Mapping[str, float]) -> dict[str, float]:
    """Thousandths by the method of largest remainders: each is off by less than 0.001, the sum by at most 0.0005."""
    exact = {label: score * _THOUSANDTHS for label, score in scores.items()}
    units = {label: math.floor(value) for label, value in exact.items()}
    missing = round(sum(exact.values())) - sum(units.values())
    # Scores that differ in their last digit may have the same remainder: the higher one goes first.
    for label in sorted(exact, key=lambda label: (units[label] - exact[label], -scores[label]))[:missing]:
        units[label] += 1
    return {label: unit / _THOUSANDTHS for label, unit in units.items()}


def _affect(
    scores: Mapping[str, float], affect: Mapping[str, tuple[float, float]]
) -> tuple[float | None, float | None, list[str]]:
    """Valence, arousal and the names of the derived fields: the mean of the labels' coordinates, weighted by score."""
    if not all(label in affect for label in scores):
        return None, None, []
    valence = sum(score * affect[label][0] for label, score in scores.items())
    arousal = sum(score * affect[label][1] for label, score in scores.items())
    return _rounded(valence), _rounded(arousal), ["valence", "arousal"]


def _properties() -> dict[str, dict[str, Any]]:
    return {
        "schema": {"const": SCHEMA_VERSION},
        "id": _text("one a speech segment, stable over its life: the key for dropping doubles", r"^.+-[0-9]{6,}$"),
        "type": {"enum": ["new", "update", "end"], "description": "`new`, `update` on change, `end`"},
        "event_type": _text("the same as `emotion`, under the name that event entities look for"),
        "emotion": _text("a label of the model, or `uncertain`"),
        "confidence": _number("score of the emotion; of the most likely label where it is `uncertain`", 0, 1),
        "scores": {
            "type": "object",
            "description": "label to probability; `end`: mean over the segment",
            "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
            "minProperties": 1,
        },
        "start": _time("start of the speech"),
        "end": _time("end of what this event covers"),
        "duration_s": _number("`end` minus `start`", 0),
        "speech_s": _number("voiced part of it", 0),
        "windows": {"type": "integer", "minimum": 0, "description": "analysis windows classified so far"},
        "level_dbfs": _nullable(_number("RMS of the voiced frames; null when nothing was measured", None, 0)),
        "gap_s": _number("audio lost at the end of the segment", 0),
        "latency_s": _nullable(_number("from `end` until the event was made; null for recordings")),
        "clock_synced": {"type": ["boolean", "null"], "description": "whether the wall clock can be trusted"},
        "valence": _nullable(_number("unpleasant to pleasant, derived from the scores", -1, 1)),
        "arousal": _nullable(_number("calm to excited, derived from the scores", -1, 1)),
        "derived": {
            "type": "array",
            "items": {"enum": ["valence", "arousal"]},
            "uniqueItems": True,
            "description": "fields that are computed from the scores, not heard",
        },
        "node": _text("name of the monitor"),
        "model": _text("name and hash of the model"),
    }


def _text(description: str, pattern: str | None = None) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "description": description}
    return schema if pattern is None else {**schema, "pattern": pattern}


def _number(description: str, minimum: float | None = None, maximum: float | None = None) -> dict[str, Any]:
    limits = {name: limit for name, limit in (("minimum", minimum), ("maximum", maximum)) if limit is not None}
    return {"type": "number", **limits, "description": description}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


def _time(description: str) -> dict[str, Any]:
    pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
    return {"type": "string", "format": "date-time", "pattern": pattern, "description": f"ISO 8601, UTC: {description}"}

"""What is said on each topic, and the JSON Schemas that promise it. A frozen contract: fields are only ever added."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

from monitor.mqtt.topics import NO_EMOTION
from monitor.records import MonitorState, StatusTaken
from monitor.sinks.schema import SCHEMA_VERSION, utc_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.card import ModelCard

PRIVACY = "Audio is analysed in memory and forgotten; none is stored or sent."
NOTICE = (
    "Emotion is inferred from how a voice sounds; it is not a reading of what someone feels. Tell the people who are "
    "listened to. In the EU, inferring emotions at work and in education is prohibited (AI Act, Regulation (EU) "
    "2024/1689, Art. 5(1)(f)) save for medical or safety reasons."
)


def encoded(payload: Mapping[str, Any]) -> bytes:
    """The payload as compact UTF-8 JSON.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def info_payload(
    *, node: str, version: str, card: ModelCard, identity: str, limits: Mapping[str, float | int]
) -> dict[str, Any]:
    """Who this is: for topic `info`. No secret stands in it."""
    spec = card.features
    return {
        "schema": SCHEMA_VERSION,
        "node": node,
        "version": version,
        "model": {
            "name": card.name,
            "identity": identity,
            "sha256": card.tflite_sha256,
            "labels": list(card.labels),
            "window_s": round(card.window_frames * spec.hop_samples / spec.rate_hz, 3),
            "hop_s": round(card.hop_frames * spec.hop_samples / spec.rate_hz, 3),
        },
        "limits": dict(limits),
        "privacy": PRIVACY,
        "notice": NOTICE,
    }


def state_payload(event: Mapping[str, Any] | None, since_s: float, updated_s: float) -> dict[str, Any]:
    """What the voice expresses now, for topic `state`; `event` is the last event's payload, None while nobody speaks.

    Args:
        event: as `schema.event_payload` makes it.
        since_s: wall clock since when the emotion holds.
        updated_s: wall clock up to which that is known.
    """
    return {
        "schema": SCHEMA_VERSION,
        "emotion": NO_EMOTION if event is None else event["emotion"],
        "confidence": None if event is None else event["confidence"],
        "scores": {} if event is None else event["scores"],
        "since": utc_iso(since_s),
        "updated": utc_iso(updated_s),
        "event_id": None if event is None else event["id"],
    }


def status_payload(status: StatusTaken) -> dict[str, Any]:
    """How the monitor is doing, for topic `status`: the fields of `StatusTaken`."""
    return {"schema": SCHEMA_VERSION, **{name: getattr(status, name) for name in StatusTaken.__slots__}}


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas (draft 2020-12) of the JSON topics, by the topic's name; that of `event` is in `sinks.schema`."""
    return {
        "state": _state_schema(),
        "status": _status_schema(),
        "info": _info_schema(),
        "response": _response_schema(),
        "level": _level_schema(),
    }


def _state_schema() -> dict[str, Any]:
    return _schema(
        "state",
        {
            "schema": {"const": SCHEMA_VERSION},
            "emotion": {"type": "string", "minLength": 1, "description": "a label, `uncertain`, or `none`"},
            "confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "scores": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
            "since": {"type": "string", "format": "date-time", "description": "since when the emotion holds"},
            "updated": {"type": "string", "format": "date-time", "description": "up to when that is known"},
            "event_id": {"type": ["string", "null"], "description": "`id` of the events of this speech"},
        },
    )


def _status_schema() -> dict[str, Any]:
    counts = ("rate_hz", "reopens", "reconnects", "events", "dropped", "queue")
    return _schema(
        "status",
        {
            "schema": {"const": SCHEMA_VERSION},
            "state": {"enum": list(get_args(MonitorState))},
            "reason": {
                "type": "string",
                "description": "why nothing is heard or something is lost; empty if all is well",
            },
            "device": {"type": "string"},
            **{name: {"type": "integer", "minimum": 0} for name in counts},
            **{name: {"type": "number", "minimum": 0} for name in ("uptime_s", "cpu_percent", "audio_lost_s")},
            **{
                name: {"type": ["number", "null"], "minimum": 0}
                for name in ("audio_age_s", "memory_mb", "inference_p95_ms")
            },
        },
    )


def _info_schema() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    model = {
        "type": "object",
        "properties": {
            "name": text,
            "identity": text,
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "labels": {"type": "array", "items": text, "minItems": 2},
            "window_s": {"type": "number", "exclusiveMinimum": 0},
            "hop_s": {"type": "number", "exclusiveMinimum": 0},
        },
        "required": ["name", "identity", "sha256", "labels", "window_s", "hop_s"],
    }
    return _schema(
        "info",
        {
            "schema": {"const": SCHEMA_VERSION},
            "node": text,
            "version": text,
            "model": model,
            "limits": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "bounds of buffers",
            },
            "privacy": text,
            "notice": text,
        },
    )


def _response_schema() -> dict[str, Any]:
    schema = _schema(
        "response",
        {
            "schema": {"const": SCHEMA_VERSION},
            "status": {"enum": ["ok", "error"]},
            "transaction": {"type": ["string", "integer", "null"], "description": "as in the request"},
        },
    )
    schema["properties"]["error"] = {"type": "string", "description": "what was found and what was wanted"}
    schema["properties"]["data"] = {"type": "object", "description": "of `health_check`: status; of `info`: info"}
    return schema


def _level_schema() -> dict[str, Any]:
    level = {
        "type": ["number", "null"],
        "maximum": 0,
        "description": "dB relative to full scale; null: digital silence",
    }
    return _schema("level", {"rms_dbfs": level, "peak_dbfs": level})


def _schema(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ser-monitor:{name}:{SCHEMA_VERSION}",
        "title": f"ser-monitor {name}",
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }

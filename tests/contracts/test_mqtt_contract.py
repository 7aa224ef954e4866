"""What subscribers rely on, written down by hand: a change here is a break for them."""

import pytest

from monitor.mqtt.payloads import schemas
from monitor.mqtt.topics import REQUESTS, TOPICS, TopicTree
from monitor.sinks.schema import event_schema

TREE = {  # retained, QoS, expiry in seconds
    "availability": (True, 1, None),
    "info": (True, 1, None),
    "state": (True, 1, 300),
    "event": (False, 1, 3600),
    "speech": (True, 0, 120),
    "status": (True, 0, 120),
    "level": (False, 0, None),
    "mute/state": (True, 1, None),
}
NUMBER, INTEGER, TEXT, OBJECT = "number", "integer", "string", "object"
FIELDS = {
    "state": {
        "schema": 1,
        "emotion": TEXT,
        "confidence": [NUMBER, "null"],
        "scores": OBJECT,
        "since": TEXT,
        "updated": TEXT,
        "event_id": [TEXT, "null"],
    },
    "status": {
        "schema": 1,
        "state": ["starting", "listening", "speech", "muted", "no_audio", "degraded"],
        "reason": TEXT,
        "device": TEXT,
        "rate_hz": INTEGER,
        "audio_age_s": [NUMBER, "null"],
        "uptime_s": NUMBER,
        "memory_mb": [NUMBER, "null"],
        "cpu_percent": NUMBER,
        "inference_p95_ms": [NUMBER, "null"],
        "audio_lost_s": NUMBER,
        "reopens": INTEGER,
        "reconnects": INTEGER,
        "events": INTEGER,
        "dropped": INTEGER,
        "queue": INTEGER,
    },
    "info": {
        "schema": 1,
        "node": TEXT,
        "version": TEXT,
        "model": OBJECT,
        "limits": OBJECT,
        "privacy": TEXT,
        "notice": TEXT,
    },
    "level": {"rms_dbfs": [NUMBER, "null"], "peak_dbfs": [NUMBER, "null"]},
    "response": {"schema": 1, "status": ["ok", "error"], "transaction": [TEXT, INTEGER, "null"]},
    "event": {
        "schema": 1,
        "id": TEXT,
        "type": ["new", "update", "end"],
        "event_type": TEXT,
        "emotion": TEXT,
        "confidence": NUMBER,
        "scores": OBJECT,
        "start": TEXT,
        "end": TEXT,
        "duration_s": NUMBER,
        "speech_s": NUMBER,
        "windows": INTEGER,
        "level_dbfs": [NUMBER, "null"],
        "gap_s": NUMBER,
        "latency_s": [NUMBER, "null"],
        "clock_synced": ["boolean", "null"],
        "valence": [NUMBER, "null"],
        "arousal": [NUMBER, "null"],
        "derived": "array",
        "node": TEXT,
        "model": TEXT,
    },
}


def test_topics_are_those_of_the_contract():
    assert {topic.path: (topic.retain, topic.qos, topic.expiry_s) for topic in TOPICS} == TREE
    tree = TopicTree("ser-monitor", "kitchen")
    assert [tree.of(topic) for topic in TOPICS] == [f"ser-monitor/kitchen/{path}" for path in TREE]
    assert REQUESTS == ("health_check", "info", "announce")
    assert (tree.request("info"), tree.response("info")) == (
        "ser-monitor/kitchen/request/info",
        "ser-monitor/kitchen/response/info",
    )


@pytest.mark.parametrize("name", FIELDS)
def test_fields_and_types_are_those_of_the_contract(name):
    schema = event_schema() if name == "event" else schemas()[name]
    found = {
        field: one.get("const") or one.get("enum") or one.get("type") for field, one in schema["properties"].items()
    }
    optional = {"error", "data"} if name == "response" else set()
    assert {field: kind for field, kind in found.items() if field not in optional} == FIELDS[name]
    assert set(schema["required"]) == set(FIELDS[name])

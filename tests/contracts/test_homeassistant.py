"""Home Assistant takes the discovery message, and what the monitor publishes then shows there as it is meant.

The rules, in `homeassistant_rules.py`, are those of Home Assistant 2026.2.3 (the wheel of PyPI). That release itself,
behind a Mosquitto, took the message and all that the bundled clip gives, without a warning before the removal; the
schemas of 2025.4.4 take it too and pass over `default_entity_id` alone.
"""

import json
import os
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from typing import get_args

import pytest
from contracts.homeassistant_rules import Home, RuleError, check_device
from hypothesis import given
from hypothesis import strategies as st
from statuses import status_taken

from monitor.card import read_model_file
from monitor.clock import RecordingClock
from monitor.model import shipped_model
from monitor.mqtt.payloads import encoded, state_payload, status_payload
from monitor.mqtt.topics import (
    AVAILABILITY,
    EVENT,
    LEVEL,
    MUTE_SET,
    MUTE_STATE,
    NO_EMOTION,
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    SPEECH,
    STATE,
    STATUS,
    TopicTree,
)
from monitor.records import UNCERTAIN, EmotionEvent, EventType, MonitorState
from monitor.sinks.homeassistant import device_uid, discovery_payload, discovery_topic, removal_payloads
from monitor.sinks.schema import Identity, event_payload

MACHINE = "3d1219c7c4c5404aaa1f6d2a48adfda4"
TREE = TopicTree("ser-monitor", "kitchen")
LABELS = read_model_file(shipped_model()).card.labels
IDENTITY = Identity("kitchen", "emotion@9f2c41aa", "b3f0c2", 16_000)
CLOCK = RecordingClock(1_795_179_863.12, 16_000)
STATUS_NOW = status_taken(rate_hz=48_000, uptime_s=12.0, memory_mb=None, cpu_percent=0.3)


def announcement(tree=TREE, labels=LABELS):
    uid = device_uid(MACHINE, tree.node)
    payload = discovery_payload(uid=uid, tree=tree, labels=labels, model_name="emotion@9f2c41aa", version="0.1.0")
    return discovery_topic("homeassistant", uid), payload


@pytest.fixture
def home():
    home = Home()
    home.receive(*announcement())
    home.receive(TREE.of(AVAILABILITY), ONLINE)
    return home


@pytest.fixture(scope="module")
def heard():
    """The events of the bundled clip, by the program itself, that names an emotion sooner than by default."""
    command = [sys.executable, "-m", "monitor.cli", "--input", "demo", "--format", "json"]
    decision = {"MIN_CONFIDENCE": "0.3", "MIN_DWELL_S": "0.5"}
    environment = os.environ | {f"SER_MONITOR__DECISION__{key}": value for key, value in decision.items()}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def event_of(emotion, kind):
    scores = dict.fromkeys(LABELS, (1 - 0.4) / (len(LABELS) - 1)) | ({} if emotion == UNCERTAIN else {emotion: 0.4})
    event = EmotionEvent(type=kind, segment=1, emotion=emotion, confidence=0.4, scores=scores, end_sample=32_000)
    return event_payload(event, 1_795_179_863.12, CLOCK, IDENTITY)


def test_the_message_is_taken_whole():
    topic, payload = announcement()
    home = Home()
    home.receive(topic, encoded(payload).decode())
    kinds = {key: (entity.platform, entity.config.get("device_class")) for key, entity in home.entities.items()}
    assert kinds == {
        "emotion": ("sensor", "enum"),
        "confidence": ("sensor", None),
        "event": ("event", None),
        "speech": ("binary_sensor", "sound"),
        "problem": ("binary_sensor", "problem"),
        "mute": ("switch", None),
        "level": ("sensor", None),
    }
    assert [key for key, entity in home.entities.items() if not entity.config.get("enabled_by_default", True)] == [
        "level"
    ]


def test_what_the_verb_prints_is_taken_too():
    command = [sys.executable, "-m", "monitor.cli", "ha-discovery", "--print"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    topic, _, message = done.stdout.partition("\n")
    home = Home()
    home.receive(topic, message)
    assert home.entities["emotion"].config["options"] == [*LABELS, UNCERTAIN, NO_EMOTION]


WRONG = [
    (("origin", "name"), None),
    (("origin", "url"), "https://example.com"),
    (("origin", "support_url"), "example.com"),
    (("device", "identifiers"), []),
    (("device", "serial"), "1"),
    (("icon",), "mdi:home"),
    (("availability",), [{"topic": "a/b"}]),
    (("availability_topic",), "a/#"),
    (("components",), {}),
    (("components", "emotion", "platform"), "emotion"),
    (("components", "emotion", "unique_id"), None),
    (("components", "emotion", "unique_id"), announcement()[1]["components"]["level"]["unique_id"]),
    (("components", "emotion", "unit_of_measurement"), "%"),
    (("components", "emotion", "state_class"), "measurement"),
    (("components", "emotion", "device_class"), None),
    (("components", "emotion", "device_class"), "emotion"),
    (("components", "emotion", "options"), []),
    (("components", "emotion", "options"), None),
    (("components", "emotion", "value_template"), "{{ value_json.emotion "),
    (("components", "emotion", "val_tpl"), "{{ value }}"),
    (("components", "emotion", "object_id"), "emotion"),
    (("components", "emotion", "default_entity_id"), "emotion"),
    (("components", "emotion", "state_topic"), None),
    (("components", "emotion", "state_topic"), "ser-monitor/+/state"),
    (("components", "emotion", "icon"), "emoticon"),
    (("components", "emotion", "qos"), 3),
    (("components", "confidence", "state_class"), "average"),
    (("components", "event", "event_types"), []),
    (("components", "event", "event_types"), ["angry", ""]),
    (("components", "event", "event_types"), None),
    (("components", "event", "device_class"), "sound"),
    (("components", "speech", "expire_after"), "120"),
    (("components", "speech", "expire_after"), -1),
    (("components", "problem", "entity_category"), "config"),
    (("components", "mute", "command_topic"), None),
    (("components", "level", "device_class"), "sound_pressure"),
    (("components", "level", "enabled_by_default"), "false"),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda part: ".".join(part) if isinstance(part, tuple) else None)
def test_the_rules_have_teeth(path, value):
    payload = deepcopy(announcement()[1])
    check_device(deepcopy(payload))
    owner = payload
    for key in path[:-1]:
        owner = owner[key]
    if value is None:
        del owner[path[-1]]
    else:
        owner[path[-1]] = value
    with pytest.raises(RuleError):
        check_device(payload)


def test_the_bundled_clip_as_home_assistant_sees_it(home, heard):
    emotion, confidence, event = (home.entities[key] for key in ("emotion", "confidence", "event"))
    for payload in heard:
        home.receive(TREE.of(EVENT), payload)
        home.receive(TREE.of(STATE), state_payload(payload, 0.0, 0.0))
        assert emotion.state == payload["emotion"]
        assert emotion.attributes["scores"] == payload["scores"]
        assert confidence.state == pytest.approx(payload["confidence"] * 100, abs=0.05)
    assert {payload["type"] for payload in heard} == set(get_args(EventType))
    ends = [payload for payload in heard if payload["type"] == "end"]
    assert [name for name, _ in event.events] == [payload["emotion"] for payload in ends]
    assert [{"event_type": name, **rest} for name, rest in event.events] == ends


@pytest.mark.parametrize("kind", get_args(EventType))
@pytest.mark.parametrize("emotion", [*LABELS, UNCERTAIN])
def test_every_emotion_shows_and_only_an_end_is_an_event(home, emotion, kind):
    payload = event_of(emotion, kind)
    home.receive(TREE.of(EVENT), payload)
    home.receive(TREE.of(STATE), state_payload(payload, 0.0, 0.0))
    assert home.entities["emotion"].state == emotion
    assert [name for name, _ in home.entities["event"].events] == ([emotion] if kind == "end" else [])
    assert home.entities["event"].config["event_types"] == [*LABELS, UNCERTAIN]


def test_silence_is_none_and_its_confidence_unknown(home):
    home.receive(TREE.of(STATE), state_payload(event_of("angry", "new"), 0.0, 0.0))
    home.receive(TREE.of(STATE), state_payload(None, 0.0, 0.0))
    assert home.entities["emotion"].state == NO_EMOTION
    assert home.entities["confidence"].state is None


def test_an_emotion_that_was_not_announced_would_be_noticed(home):
    for topic, payload in ((STATE, state_payload(event_of("angry", "new"), 0.0, 0.0)), (EVENT, event_of("sad", "end"))):
        with pytest.raises(RuleError):
            home.receive(TREE.of(topic), {**payload, "emotion": "bored", "event_type": "bored"})


@pytest.mark.parametrize("state", get_args(MonitorState))
def test_a_problem_is_what_the_status_calls_one(home, state):
    home.receive(TREE.of(STATUS), status_payload(replace(STATUS_NOW, state=state, reason="why")))
    problem = home.entities["problem"]
    assert problem.state is (state in {"no_audio", "degraded"})
    assert problem.attributes == {"monitor_state": state, "reason": "why", "input": "USB"}


def test_speech_and_availability(home):
    speech = home.entities["speech"]
    for text, state in ((ON, True), (OFF, False)):
        home.receive(TREE.of(SPEECH), text)
        assert speech.state is state
    home.receive(TREE.of(AVAILABILITY), OFFLINE)
    assert not any(entity.available for entity in home.entities.values())
    home.receive(TREE.of(AVAILABILITY), ONLINE)
    assert all(entity.available for entity in home.entities.values())


def test_what_is_said_again_and_again_expires_with_its_message(home):
    expiries = {key: entity.config.get("expire_after") for key, entity in home.entities.items()}
    assert (expiries["speech"], expiries["problem"]) == (SPEECH.expiry_s, STATUS.expiry_s)
    # `none` is said once: it would expire in every long silence.
    assert expiries["emotion"] is expiries["confidence"] is None


def test_the_mute_switch_goes_by_what_the_monitor_says(home):
    mute = home.entities["mute"]
    assert home.turn("mute", on=True) == (TREE.of(MUTE_SET), ON)
    assert home.turn("mute", on=False) == (TREE.of(MUTE_SET), OFF)
    assert mute.state is None
    home.receive(TREE.of(MUTE_STATE), ON)
    assert mute.state is True
    # Refused: it is said again, and so the switch goes back.
    home.receive(TREE.of(MUTE_STATE), ON)
    assert mute.state is True


def test_level(home):
    level = home.entities["level"]
    home.receive(TREE.of(LEVEL), {"rms_dbfs": -31.5, "peak_dbfs": -12.0})
    assert level.state == -31.5
    home.receive(TREE.of(LEVEL), {"rms_dbfs": None, "peak_dbfs": None})
    assert level.state is None


def test_what_is_cleared_becomes_unknown(home):
    home.receive(TREE.of(STATE), state_payload(event_of("angry", "new"), 0.0, 0.0))
    home.receive(TREE.of(STATUS), status_payload(replace(STATUS_NOW, state="degraded")))
    for topic in (STATE, STATUS, SPEECH, MUTE_STATE):
        home.receive(TREE.of(topic), "")
    cleared = [home.entities[key] for key in ("emotion", "confidence", "problem", "speech", "mute")]
    assert all(entity.state is None and entity.attributes == {} for entity in cleared)


def test_events_of_before_do_not_happen_again(home):
    home.receive(TREE.of(EVENT), event_of("angry", "end"), retained=True)
    assert home.entities["event"].events == []


def test_the_removal_is_one_empty_message_where_the_announcement_was(home):
    removals = removal_payloads("homeassistant", device_uid(MACHINE, "kitchen"))
    assert removals == {announcement()[0]: b""}
    for topic, payload in removals.items():
        home.receive(topic, payload.decode())
    assert (home.devices, home.entities) == ({}, {})


def test_an_id_is_a_hash_that_stays_the_same():
    uid = device_uid(MACHINE, "kitchen")
    # Another one would be another device in every home: it must never change.
    assert uid == "37660f3601a3923a"
    assert len({uid, device_uid(MACHINE, "hall"), device_uid("another", "kitchen")}) == 3
    assert MACHINE not in json.dumps(announcement())


def test_monitors_of_one_machine_share_no_id():
    ids = [
        component[key]
        for node in ("kitchen", "hall")
        for component in announcement(TopicTree("ser-monitor", node))[1]["components"].values()
        for key in ("unique_id", "default_entity_id")
    ]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("node", "entity_id"),
    [
        ("kitchen", "sensor.ser_monitor_kitchen_emotion"),
        ("Küche.1", "sensor.ser_monitor_kuche_1_emotion"),
        ("--a--", "sensor.ser_monitor_a_emotion"),
        ("厨房", f"sensor.ser_monitor_{device_uid(MACHINE, '厨房')}_emotion"),
    ],
)
def test_entity_ids_follow_the_node(node, entity_id):
    _, payload = announcement(TopicTree("ser-monitor", node))
    assert payload["components"]["emotion"]["default_entity_id"] == entity_id


@given(
    node=st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/+#"), min_size=1),
    labels=st.lists(st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=9), min_size=2, unique=True),
)
def test_any_node_and_labels_make_a_message_that_is_taken(node, labels):
    labels = [label for label in labels if label not in (UNCERTAIN, NO_EMOTION)]
    Home().receive(*announcement(TopicTree("ser-monitor", node), labels))


def test_a_node_that_no_text_can_hold_has_an_id_too():
    assert len(device_uid(MACHINE, "caf\udce9")) == 16

"""Home Assistant's MQTT device discovery: one retained message, and the monitor is a device there.

Names and rules are those of Home Assistant's MQTT integration, `homeassistant/components/mqtt`, since 2024.12; keys are
written out, never abbreviated. Nothing here is sent: the message is only made.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING, Any

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
)
from monitor.records import UNCERTAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.mqtt.topics import Topic, TopicTree

NAME = "ser-monitor"
_UID_BYTES = 8
_LEVEL_STALE_S = 30
"""The level comes once a second; without it, e.g. while muted, the last one must not stand."""

# `None` is Home Assistant's word for unknown. What is retained may be cleared: that comes as an empty text, which has
# no `value_json`, and must not fill Home Assistant's log.
_EMOTION = "{{ value_json.emotion if value_json is defined else None }}"
_EMOTION_ATTRIBUTES = (
    "{{ {'scores': value_json.scores, 'since': value_json.since, 'event_id': value_json.event_id} | tojson "
    "if value_json is defined else '{}' }}"
)
_CONFIDENCE = (
    "{{ (value_json.confidence * 100) | round(1) "
    "if value_json is defined and value_json.confidence is number else None }}"
)
# Text that renders to nothing is passed over without a warning: `new` and `update` are no events there.
_END = "{{ value_json | tojson if value_json.type == 'end' else '' }}"
_PROBLEM = (
    f"{{{{ ('{ON}' if value_json.state in ('no_audio', 'degraded') else '{OFF}') "
    "if value_json is defined else None }}"
)
# An attribute must not be called `state`: Home Assistant drops it.
_PROBLEM_ATTRIBUTES = (
    "{{ {'monitor_state': value_json.state, 'reason': value_json.reason, 'input': value_json.device} | tojson "
    "if value_json is defined else '{}' }}"
)
_LEVEL = "{{ value_json.rms_dbfs }}"


def device_uid(machine_id: str, node: str) -> str:
    """16 hexadecimal digits for this node on this machine: a hash from which the machine's id cannot be had.

    The node is part of it, so that several monitors on one machine are several devices.
    """
    text = f"{machine_id}\n{node}".encode("utf-8", "surrogatepass")
    # As machine-id(5) wants it: a hash of our own, so that nobody else's is the same.
    return hashlib.blake2s(text, digest_size=_UID_BYTES, person=NAME[:8].encode()).hexdigest()


def discovery_topic(prefix: str, uid: str) -> str:
    """Where the message belongs; `prefix` as set in Home Assistant."""
    return f"{prefix}/device/ser_monitor_{uid}/config"


def discovery_payload(
    *, uid: str, tree: TopicTree, labels: Sequence[str], model_name: str, version: str
) -> dict[str, Any]:
    """The message: the device, who sends it, and its entities. It is published retained.

    The mute switch is there also where `[mqtt] allow_remote_unmute` is off: its OFF is then refused by the monitor,
    which says `ON` on `mute/state` again, and the switch goes back. The level entity is disabled by default, and
    stays unknown unless `[mqtt] publish_level` is on.

    Args:
        uid: from `device_uid`.
        tree: this monitor's topics.
        labels: of the model.
        model_name: name and hash of the model, e.g. `emotion@9f2c41aa`.
        version: of this program.
    """
    name = f"ser_monitor_{uid}"
    components = _components(tree, labels)
    for key, component in components.items():
        component["unique_id"] = f"{name}_{key}"
        # Unlike the default, this does not change with the user's language.
        component["default_entity_id"] = f"{component['platform']}.ser_monitor_{_slug(tree.node) or uid}_{key}"
    return {
        "device": {
            "identifiers": [name],
            "name": f"{NAME} {tree.node}",
            "manufacturer": NAME,
            "model": model_name,
            "sw_version": version,
        },
        "origin": {"name": NAME, "sw_version": version},
        "availability_topic": tree.of(AVAILABILITY),
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
        "components": components,
    }


def removal_payloads(prefix: str, uid: str) -> dict[str, bytes]:
    """Topic to payload: published retained, they remove the device with all its entities."""
    return {discovery_topic(prefix, uid): b""}


def _components(tree: TopicTree, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    emotions = [*labels, UNCERTAIN]
    return {
        "emotion": _emotion(tree, emotions),
        "confidence": _confidence(tree),
        "event": _event(tree, emotions),
        "speech": _speech(tree),
        "problem": _problem(tree),
        "mute": _mute(tree),
        "level": _level(tree),
    }


def _emotion(tree: TopicTree, emotions: Sequence[str]) -> dict[str, Any]:
    # No `expire_after`: `none` is said once and holds for as long as the monitor is available.
    return {
        **_entity("sensor", "Emotion", tree, STATE),
        "icon": "mdi:emoticon-outline",
        "device_class": "enum",
        "options": [*emotions, NO_EMOTION],
        "value_template": _EMOTION,
        "json_attributes_topic": tree.of(STATE),
        "json_attributes_template": _EMOTION_ATTRIBUTES,
    }


def _confidence(tree: TopicTree) -> dict[str, Any]:
    return {
        **_entity("sensor", "Confidence", tree, STATE),
        "icon": "mdi:percent-outline",
        "state_class": "measurement",
        "unit_of_measurement": "%",
        "suggested_display_precision": 0,
        "value_template": _CONFIDENCE,
    }


def _event(tree: TopicTree, emotions: Sequence[str]) -> dict[str, Any]:
    return {
        **_entity("event", "Event", tree, EVENT),
        "icon": "mdi:account-voice",
        "event_types": list(emotions),
        "value_template": _END,
    }


def _speech(tree: TopicTree) -> dict[str, Any]:
    return {
        **_entity("binary_sensor", "Speech", tree, SPEECH),
        "device_class": "sound",
        "payload_on": ON,
        "payload_off": OFF,
        "expire_after": SPEECH.expiry_s,
    }


def _problem(tree: TopicTree) -> dict[str, Any]:
    return {
        **_entity("binary_sensor", "Problem", tree, STATUS),
        "entity_category": "diagnostic",
        "device_class": "problem",
        "payload_on": ON,
        "payload_off": OFF,
        "expire_after": STATUS.expiry_s,
        "value_template": _PROBLEM,
        "json_attributes_topic": tree.of(STATUS),
        "json_attributes_template": _PROBLEM_ATTRIBUTES,
    }


def _mute(tree: TopicTree) -> dict[str, Any]:
    return {
        **_entity("switch", "Mute", tree, MUTE_STATE),
        "icon": "mdi:microphone-off",
        "command_topic": tree.of(MUTE_SET),
        "payload_on": ON,
        "payload_off": OFF,
    }


def _level(tree: TopicTree) -> dict[str, Any]:
    # No device class: that of sound pressure wants dB or dBA, which are measured from silence, not from full scale.
    return {
        **_entity("sensor", "Level", tree, LEVEL),
        "icon": "mdi:volume-medium",
        "entity_category": "diagnostic",
        "enabled_by_default": False,
        "state_class": "measurement",
        "unit_of_measurement": "dBFS",
        "suggested_display_precision": 0,
        "expire_after": _LEVEL_STALE_S,
        "value_template": _LEVEL,
    }


def _entity(platform: str, name: str, tree: TopicTree, topic: Topic) -> dict[str, Any]:
    return {"platform": platform, "name": name, "state_topic": tree.of(topic), "qos": topic.qos}


def _slug(node: str) -> str:
    """What of the node may stand in an entity's id: lower-case ASCII letters, digits and single underscores."""
    plain = unicodedata.normalize("NFKD", node).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")

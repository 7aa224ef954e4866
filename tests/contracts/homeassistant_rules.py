"""A small Home Assistant: what it demands of MQTT device discovery, and what it makes of the messages that follow.

Written after Home Assistant 2026.2.3: `homeassistant/components/mqtt/` (discovery, schemas, config, util, entity,
models and the platforms), `components/sensor/`, `helpers/template/`. Whatever is worth a line in its log there is a
`RuleError` here, and so is a key that it would drop without a word, such as `object_id` from 2026.4 on. A platform or
class that no entity of ours has is not known here; add it with the first.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

DISCOVERY_TOPIC = re.compile(r"(?P<component>\w+)/(?:[a-zA-Z0-9_-]+/)?(?P<object_id>[a-zA-Z0-9_-]+)/config")
NONE = "None"
"""A rendered text that stands for unknown."""
MAX_STATE = 255

_AVAILABILITY = {
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "payload_available",
    "payload_not_available",
}
_SHARED = {*_AVAILABILITY, "command_topic", "state_topic"}
"""What a component takes over from the root; not `qos`, not `encoding`."""
_ROOT = {*_SHARED, "device", "origin", "components", "qos", "encoding"}
_DEVICE = {
    "identifiers",
    "connections",
    "manufacturer",
    "model",
    "model_id",
    "name",
    "hw_version",
    "serial_number",
    "sw_version",
    "via_device",
    "suggested_area",
    "configuration_url",
}
_ORIGIN = {"name", "sw_version", "support_url"}
_COMMON = {
    *_AVAILABILITY,
    "default_entity_id",
    "device",
    "enabled_by_default",
    "encoding",
    "entity_category",
    "icon",
    "json_attributes_template",
    "json_attributes_topic",
    "name",
    "origin",
    "qos",
    "state_topic",
    "unique_id",
    "value_template",
    "device_class",
}
_PLATFORMS = {
    "sensor": {
        "expire_after",
        "force_update",
        "last_reset_value_template",
        "options",
        "state_class",
        "suggested_display_precision",
        "unit_of_measurement",
    },
    "binary_sensor": {"expire_after", "force_update", "off_delay", "payload_off", "payload_on"},
    "event": {"event_types"},
    "switch": {
        "command_template",
        "command_topic",
        "optimistic",
        "payload_off",
        "payload_on",
        "retain",
        "state_off",
        "state_on",
    },
}
_REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "switch": {"command_topic"},
}
_DEVICE_CLASSES = {
    "sensor": {"enum", "battery", "humidity", "power_factor", "signal_strength", "sound_pressure"},
    "binary_sensor": {"connectivity", "occupancy", "presence", "problem", "running", "sound"},
    "event": {"button", "doorbell", "motion"},
    "switch": {"outlet", "switch"},
}
_UNITS = {
    "battery": {"%"},
    "humidity": {"%"},
    "power_factor": {"%", None},
    "signal_strength": {"dB", "dBm"},
    "sound_pressure": {"dB", "dBA"},
}
_STATE_CLASSES = {"measurement", "measurement_angle", "total", "total_increasing"}
_BLOCKED_ATTRIBUTES = {
    "assumed_state",
    "available",
    "device_class",
    "device_info",
    "entity_category",
    "entity_picture",
    "entity_registry_enabled_default",
    "extra_state_attributes",
    "force_update",
    "friendly_name",
    "icon",
    "should_poll",
    "state",
    "supported_features",
    "unique_id",
    "unit_of_measurement",
    "event_type",
    "event_types",
    "last_reset",
    "state_class",
}


class RuleError(ValueError):
    """Home Assistant would refuse this, or write it into its log."""


@dataclass
class Entity:
    """One component, and what it shows."""

    platform: str
    config: dict
    state: object = None
    """None is unknown."""
    attributes: dict = field(default_factory=dict)
    available: bool = False
    events: list = field(default_factory=list)
    """(type, attributes), of an event entity."""

    @property
    def numeric(self):
        keys = ("state_class", "unit_of_measurement", "suggested_display_precision")
        return self.config.get("device_class") != "enum" and any(self.config.get(key) is not None for key in keys)


class Home:
    """Hears what a broker passes on; `entities` are what it shows, by the key of their component."""

    def __init__(self, prefix="homeassistant"):
        self.prefix = prefix
        self.devices: dict[str, dict] = {}
        self.entities: dict[str, Entity] = {}

    def receive(self, topic, payload, *, retained=False):
        """One message; `payload` as text or as what becomes JSON."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        if topic.startswith(f"{self.prefix}/"):
            self._discover(topic.removeprefix(f"{self.prefix}/"), text)
            return
        for entity in self.entities.values():
            # In the order in which an entity subscribes.
            if topic == entity.config.get("json_attributes_topic"):
                _take_attributes(entity, text)
            if topic == entity.config.get("availability_topic"):
                _take_availability(entity, text)
            if topic == entity.config.get("state_topic"):
                _TAKERS[entity.platform](entity, text, retained)

    def turn(self, key, on):
        """What is published when somebody turns a switch: topic and payload."""
        config = self.entities[key].config
        return config["command_topic"], config.get("payload_on", "ON") if on else config.get("payload_off", "OFF")

    def _discover(self, topic, text):
        match = DISCOVERY_TOPIC.fullmatch(topic)
        if match is None or match["component"] != "device":
            raise RuleError(f"illegal discovery topic {topic}")
        if text == "":
            if self.devices.pop(match["object_id"], None) is None:
                raise RuleError(f"no such device: {match['object_id']}")
            self.entities.clear()
            return
        payload = json.loads(text)
        configs = check_device(payload)
        self.devices[match["object_id"]] = payload["device"]
        self.entities = {key: Entity(config.pop("platform"), config) for key, config in configs.items()}


def check_device(payload):
    """The components' settings, those of the root merged in.

    Raises:
        RuleError: the message would be refused, in whole or in part.
    """
    _refuse_unknown("root", payload, _ROOT)
    _check_about(payload)
    shared = {key: payload[key] for key in payload.keys() & _SHARED}
    configs = {}
    for key, component in payload.get("components", {}).items():
        _check_keys(key, component)
        # What the component says itself goes before what the root says.
        configs[key] = {**shared, **component}
        _check_values(key, configs[key])
    identifiers = [config["unique_id"] for config in configs.values()]
    if not identifiers or len(set(identifiers)) != len(identifiers):
        raise RuleError(f"unique ids are missing or not unique: {identifiers}")
    return configs


def render(template, text, name="entity"):
    """What a template makes of a payload; undefined values, which Home Assistant logs, are errors.

    Raises:
        RuleError: it cannot be rendered.
    """
    variables = {"value": text, "entity_id": name, "name": name, "this": None}
    with suppress(ValueError):
        variables["value_json"] = json.loads(text, parse_constant=_refuse_constant)
    try:
        return _environment().from_string(template).render(variables).strip()
    except (TemplateError, TypeError, ValueError) as error:
        raise RuleError(f"{template} with {text}: {error}") from error


def _environment():
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined)


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def _check_about(payload):
    """Device and origin."""
    for part, known in (("device", _DEVICE), ("origin", _ORIGIN)):
        if not isinstance(payload.get(part), dict) or not payload[part].get("name"):
            raise RuleError(f"{part} or its name is missing")
        _refuse_unknown(part, payload[part], known)
        for key in payload[part].keys() & {"configuration_url", "support_url"}:
            if not re.match(r"(https?|homeassistant)://\S+", payload[part][key]):
                raise RuleError(f"{key}: {payload[part][key]}")
    if not (payload["device"].get("identifiers") or payload["device"].get("connections")):
        raise RuleError("device has neither identifiers nor connections")


def _refuse_unknown(part, found, known):
    if unknown := found.keys() - known:
        raise RuleError(f"{part}: unknown keys {sorted(unknown)}")


def _check_keys(key, component):
    platform = component.get("platform")
    if platform not in _PLATFORMS:
        raise RuleError(f"{key}: unknown platform {platform}")
    _refuse_unknown(key, component, _COMMON | _PLATFORMS[platform] | {"platform"})


def _check_values(key, config):
    platform = config["platform"]
    if missing := ({"unique_id"} | _REQUIRED[platform]) - config.keys():
        raise RuleError(f"{key}: {sorted(missing)} are missing")
    if "availability" in config and "availability_topic" in config:
        raise RuleError(f"{key}: availability is given twice")
    for name, value in config.items():
        if not _valid(platform, name, value):
            raise RuleError(f"{key}: {name} is {value!r}")
    if platform == "sensor":
        _check_sensor(key, config)


def _valid(platform, name, value):
    if name == "device_class":
        return value in _DEVICE_CLASSES[platform]
    if name == "entity_category":
        # `config` is for entities that can be set.
        return value == "diagnostic" or (value == "config" and platform == "switch")
    if name == "default_entity_id":
        return re.fullmatch(rf"{platform}\.[a-z0-9]+(_[a-z0-9]+)*", value) is not None
    if name in ("options", "event_types"):
        return bool(value) and all(isinstance(text, str) and text for text in value) and len(set(value)) == len(value)
    return _valid_of_any_platform(name, value)


def _valid_of_any_platform(name, value):
    valid = next((check for part, check in _VALUES.items() if re.fullmatch(part, name)), None)
    return isinstance(value, str) and bool(value) if valid is None else valid(value)


def _valid_topic(topic):
    # All of ours are of one monitor: nothing is subscribed with wildcards.
    fits = isinstance(topic, str) and 0 < len(topic.encode("utf-8", "replace")) <= 65_535
    return fits and not re.search(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]", topic)


def _compiles(template):
    try:
        _environment().from_string(template)
    except TemplateError:
        return False
    return True


_VALUES = {
    ".*_topic": _valid_topic,
    ".*_template": lambda value: isinstance(value, str) and _compiles(value),
    "expire_after|suggested_display_precision|off_delay": lambda value: type(value) is int and value >= 0,
    "enabled_by_default|force_update|optimistic|retain": lambda value: type(value) is bool,
    "qos": lambda value: type(value) is int and value in (0, 1, 2),
    "state_class": lambda value: value in _STATE_CLASSES,
    "icon": lambda value: re.fullmatch(r"[a-z]+:[a-z0-9-]+", value) is not None,
}
"""By a pattern of the key's name; all others are text."""


def _check_sensor(key, config):
    unit, device_class, state_class = (config.get(k) for k in ("unit_of_measurement", "device_class", "state_class"))
    if "options" in config and (device_class != "enum" or unit or state_class):
        raise RuleError(f"{key}: options go with device class enum alone")
    if device_class == "enum" and "options" not in config:
        raise RuleError(f"{key}: device class enum has no options")
    if state_class == "measurement_angle" and unit != "°":
        raise RuleError(f"{key}: unit {unit} with state class {state_class}")
    if device_class in _UNITS and unit not in _UNITS[device_class]:
        raise RuleError(f"{key}: unit {unit} with device class {device_class}")
    if "last_reset_value_template" in config and state_class != "total":
        raise RuleError(f"{key}: last reset with state class {state_class}")


def _rendered(entity, text):
    template = entity.config.get("value_template")
    return text if template is None else render(template, text)


def _take_availability(entity, text):
    words = {
        entity.config.get("payload_available", "online"): True,
        entity.config.get("payload_not_available", "offline"): False,
    }
    entity.available = words.get(text, entity.available)


def _take_attributes(entity, text):
    rendered = render(entity.config.get("json_attributes_template", "{{ value }}"), text)
    try:
        attributes = json.loads(rendered)
    except ValueError:
        raise RuleError(f"attributes are not JSON: {rendered}") from None
    if not isinstance(attributes, dict):
        raise RuleError(f"attributes are no object: {rendered}")
    if blocked := attributes.keys() & _BLOCKED_ATTRIBUTES:
        raise RuleError(f"attributes that are dropped: {sorted(blocked)}")
    entity.attributes = attributes


def _take_sensor(entity, text, _retained):
    rendered = _rendered(entity, text)
    if rendered == NONE:
        entity.state = None
    elif entity.numeric:
        # An empty text is passed over.
        entity.state = _number(rendered) if rendered else entity.state
    elif "options" in entity.config and rendered not in entity.config["options"]:
        raise RuleError(f"{rendered!r} is none of {entity.config['options']}")
    elif len(rendered) > MAX_STATE:
        raise RuleError(f"a state of {len(rendered)} characters")
    else:
        entity.state = rendered


def _number(text):
    try:
        return float(text)
    except ValueError:
        raise RuleError(f"{text!r} is not a number") from None


def _take_binary_sensor(entity, text, _retained):
    rendered = _rendered(entity, text)
    words = {entity.config.get("payload_on", "ON"): True, entity.config.get("payload_off", "OFF"): False, NONE: None}
    if not rendered.strip():
        return
    if rendered not in words:
        raise RuleError(f"{rendered!r} is neither on nor off")
    entity.state = words[rendered]


def _take_switch(entity, text, _retained):
    on, off = entity.config.get("payload_on", "ON"), entity.config.get("payload_off", "OFF")
    words = {entity.config.get("state_on", on): True, entity.config.get("state_off", off): False, NONE: None}
    entity.state = words.get(_rendered(entity, text), entity.state)


def _take_event(entity, text, retained):
    if retained:
        return
    rendered = _rendered(entity, text)
    if rendered in ("", NONE, "{}"):
        return
    try:
        attributes = json.loads(rendered)
        event_type = str(attributes.pop("event_type"))
    except (ValueError, AttributeError, KeyError) as error:
        raise RuleError(f"no event: {rendered}") from error
    if event_type not in entity.config["event_types"]:
        raise RuleError(f"unknown event type {event_type}")
    entity.events.append((event_type, attributes))


_TAKERS = {
    "sensor": _take_sensor,
    "binary_sensor": _take_binary_sensor,
    "event": _take_event,
    "switch": _take_switch,
}

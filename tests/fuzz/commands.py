"""Commands over MQTT: whatever arrives, no exception, and every answer can be sent and is small."""

import logging

from monitor.limits import PACKET_BYTES_MAX
from monitor.mqtt.commands import Commands
from monitor.mqtt.payloads import encoded
from monitor.mqtt.topics import REQUESTS, TopicTree

_TREE = TopicTree("ser-monitor", "kitchen")
logging.getLogger("monitor.mqtt.commands").addHandler(logging.NullHandler())


def check(data):
    """The first byte chooses the topic and the flags; for byte 3 the topic itself is in the data, up to a zero."""
    sent, asked = [], []
    choice, payload = (data[0], data[1:]) if data else (0, b"")
    commands = Commands(
        _TREE,
        allow_unmute=bool(choice & 8),
        on_mute=asked.append,
        answers={name: lambda: {"ok": True} for name in REQUESTS},
        respond=lambda topic, answer: sent.append((topic, encoded(answer))),
        on_mute_refused=lambda: asked.append(None),
    )
    topic, payload = _topic(choice % 4, payload)
    taken = commands.take(topic, payload, retained=bool(choice & 16))
    is_ours = topic.startswith(_TREE.request("")) or topic == "ser-monitor/kitchen/mute/set"
    assert taken == is_ours
    assert len(sent) + len(asked) <= 1
    if False in asked:
        assert payload == b"OFF"
        assert choice & 24 == 8  # allowed, and said now
    for _, answer in sent:
        assert len(answer) < PACKET_BYTES_MAX / 4


def _topic(kind, payload):
    if kind == 3:
        name, _, payload = payload.partition(b"\0")
        return f"ser-monitor/kitchen/request/{name.decode(errors='replace')}", payload
    fixed = ("ser-monitor/kitchen/mute/set", _TREE.request("health_check"), _TREE.request("info"))
    return fixed[kind], payload


def seeds():
    payloads = [
        b'{"transaction": "1"}',
        b'{"transaction": 18446744073709551616, "x": [1e999, {}]}',
        b'{"transaction": "\\ud800\\u0000"}',
        b'{"transaction": null}',
        b"[[[[",
        b"",
    ]
    return [
        b"\x00ON",
        b"\x08OFF",
        b"\x18OFF",
        b"\x00\xff",
        b"\x03announce\0{}",
        b"\x03\xc3\x28+/#\0",
        *(b"\x01" + payload for payload in payloads),
    ]

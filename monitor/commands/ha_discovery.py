"""`ser-monitor ha-discovery --print|--remove`: what Home Assistant is told, and how it forgets this monitor."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

from monitor.assembly import model_path
from monitor.card import read_model_file
from monitor.commands.options import settings_of
from monitor.errors import BrokerError
from monitor.host import machine_id
from monitor.logs import set_up_logging
from monitor.mqtt import access
from monitor.mqtt.topics import TopicTree
from monitor.mqtt.visitor import Visitor
from monitor.sinks.homeassistant import device_uid, discovery_payload, discovery_topic, removal_payloads
from monitor.sinks.output import print_line

if TYPE_CHECKING:
    import argparse

    from monitor.config import MqttSettings, Settings


def run(options: argparse.Namespace) -> int:
    """Print the discovery message, or remove it from the broker; MQTT need not be enabled.

    Raises:
        BrokerError: the broker cannot be reached, refuses this client, or does not let it publish.
        ConfigError, PermissionDeniedError: certificates or password cannot be read.
        ModelError: `--print`: the model that is to be announced cannot be read.
    """
    settings = settings_of(options)
    set_up_logging(settings.log.level)
    uid = device_uid(machine_id(), settings.node)
    if options.remove:
        _remove(settings, uid)
    else:
        _print(settings, uid)
    return 0


def _print(settings: Settings, uid: str) -> None:
    """The topic on a line, then the message."""
    file = read_model_file(model_path(settings))
    payload = discovery_payload(
        uid=uid,
        tree=TopicTree(settings.mqtt.base_topic, settings.node),
        labels=file.card.labels,
        model_name=file.identity,
        version=version("ser-monitor"),
    )
    print_line(discovery_topic(settings.mqtt.homeassistant.prefix, uid))
    print_line(json.dumps(payload, ensure_ascii=False, indent=2))


def _remove(settings: Settings, uid: str) -> None:
    mqtt = settings.mqtt
    # Under the monitor's own id the broker would throw a running monitor out.
    client_id = f"{mqtt.client_id or f'ser-monitor-{settings.node}'}-ha-discovery"
    for topic, payload in removal_payloads(mqtt.homeassistant.prefix, uid).items():
        _publish_retained(mqtt, client_id, topic, payload)
        print_line(f"removed {topic} from {mqtt.host}:{mqtt.port}: Home Assistant forgets node '{settings.node}'")
    if mqtt.enabled and mqtt.homeassistant.enabled:
        print_line("a running monitor announces it again; [mqtt.homeassistant] enabled = false keeps it away")


def _publish_retained(settings: MqttSettings, client_id: str, topic: str, payload: bytes) -> None:
    """Connect, publish, wait for the acknowledgement, and leave.

    Raises:
        BrokerError: it did not come, or is a refusal.
    """
    visitor = Visitor(settings, client_id, access.read_password(settings), access.ssl_context(settings))
    try:
        visitor.connect()
        code = visitor.publish(topic, payload, retain=True)
    except (OSError, EOFError) as error:
        raise BrokerError(access.explain(error, settings)) from None
    finally:
        visitor.close()
    if code >= access.FIRST_FAILURE:
        raise BrokerError(f"the removal is not accepted: {access.refusal(code)}")

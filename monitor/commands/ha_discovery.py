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

_RETAINED_S = 1.0
"""What is retained comes right after the subscription."""


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
    broker = f"{mqtt.host}:{mqtt.port}"
    for topic, payload in removal_payloads(mqtt.homeassistant.prefix, uid).items():
        if _replace_retained(mqtt, client_id, topic, payload):
            print_line(f"removed {topic} from {broker}: Home Assistant forgets node '{settings.node}'")
        else:
            looked = f"{broker} shows this user nothing retained on {topic}"
            remedy = "is the name right, and is this the machine where the node ran?"
            print_line(f"nothing was announced for node '{settings.node}': {looked}; {remedy}")
    if mqtt.enabled and mqtt.homeassistant.enabled:
        print_line("a running monitor announces it again; [mqtt.homeassistant] enabled = false keeps it away")


def _replace_retained(settings: MqttSettings, client_id: str, topic: str, payload: bytes) -> bool:
    """Connect, look what is there, publish, wait for the acknowledgement, and leave; whether something was there.

    It is published in any case: access rules may let this user write what they do not let it read.

    Raises:
        BrokerError: it did not come, or is a refusal.
    """
    visitor = Visitor(settings, client_id, access.read_password(settings), access.ssl_context(settings))
    try:
        visitor.connect()
        _, retained = visitor.retained_on(topic, _RETAINED_S)
        code = visitor.publish(topic, payload, retain=True)
    except (OSError, EOFError) as error:
        raise BrokerError(access.explain(error, settings)) from None
    finally:
        visitor.close()
    if code >= access.FIRST_FAILURE:
        rule = f"{settings.homeassistant.prefix}/device/#"
        forbidden = access.forbidden(settings, topic, rule) if code == access.NOT_AUTHORIZED else ""
        raise BrokerError(f"the removal is not accepted: {forbidden or access.refusal(code)}")
    return bool(retained)

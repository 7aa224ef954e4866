"""A short visit to the broker: log in, publish, look what is retained, leave."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from monitor.errors import BrokerError
from monitor.mqtt import access

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from monitor.config import MqttSettings

_KEEPALIVE_S = 20
_CONNECT_S = 5.0
_ANSWER_S = 10.0
_TURN_S = 0.1


class Visitor:
    """An MQTT 5 client without threads: each call goes on until the broker has answered."""

    def __init__(
        self, settings: MqttSettings, client_id: str, password: str | None, context: ssl.SSLContext | None
    ) -> None:
        """Nothing happens before `connect`."""
        self._settings = settings
        self._connected = False
        self._end: BrokerError | None = None
        """What the broker said at the end."""
        self._acknowledged: dict[int, int] = {}
        """Packet identifier to reason code, of PUBACK and SUBACK."""
        self._retained: bytes | None = None
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self._client.connect_timeout = _CONNECT_S
        if settings.username:
            self._client.username_pw_set(settings.username, password)
        if context is not None:
            self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def connect(self) -> None:
        """Log in.

        Raises:
            BrokerError: the broker refuses, with its reason.
            OSError: it does not answer, or hangs up without a word.
        """
        self._client.connect(self._settings.host, self._settings.port, _KEEPALIVE_S)
        self._turn_until(lambda: self._connected)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Publish with QoS 1; the reason code of the acknowledgement. Errors as in `connect`."""
        number = self._client.publish(topic, payload, qos=1, retain=retain).mid
        self._turn_until(lambda: number in self._acknowledged)
        return self._acknowledged[number]

    def retained_on(self, topic: str, wait_s: float) -> tuple[bool, bytes | None]:
        """Whether the broker lets us read `topic`, and what is retained there. Errors as in `connect`."""
        _, number = self._client.subscribe(topic, qos=1)
        self._turn_until(lambda: number in self._acknowledged)
        granted = self._acknowledged[number or 0] < access.FIRST_FAILURE
        until_s = time.monotonic() + wait_s if granted else 0.0
        self._turn_until(lambda: self._retained is not None or time.monotonic() > until_s)
        return granted, self._retained

    def close(self) -> None:
        """Leave in good order."""
        self._client.disconnect()
        if (connection := self._client.socket()) is not None:
            connection.close()

    def _turn_until(self, answered: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + _ANSWER_S
        while not answered():
            result = self._client.loop(_TURN_S)
            if self._end is not None:
                raise self._end
            if result != paho.MQTT_ERR_SUCCESS:
                raise ConnectionError(paho.error_string(result)) if self._connected else access.HungUpError
            if time.monotonic() > deadline_s:
                raise TimeoutError

    def _on_connect(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._end = BrokerError(access.refusal(reason))
        self._connected = not reason.is_failure

    def _on_disconnect(self, _client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if self._end is None and flags.is_disconnect_packet_from_server:
            self._end = BrokerError(access.refusal(reason))

    def _on_publish(self, _client: paho.Client, _data: Any, number: int, reason: Any, _properties: Any) -> None:
        self._acknowledged[number] = reason.value

    def _on_subscribe(self, _client: paho.Client, _data: Any, number: int, reasons: Any, _properties: Any) -> None:
        self._acknowledged[number] = max(reason.value for reason in reasons)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if message.retain:
            self._retained = bytes(message.payload)

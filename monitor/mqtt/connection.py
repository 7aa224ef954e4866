"""The connection to the broker: one thread that connects, sends what waits, hears commands, and connects again.

Each connection gets a paho client of its own, driven by our loop: paho's thread dies of an exception in a callback
while its client goes on to say that all is well, and its queue of unsent messages has no bound that drops the oldest.
Here an exception ends the connection, is said, and the next one begins.
"""

from __future__ import annotations

import logging
import random
import select
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from monitor.errors import BrokerError
from monitor.host import elapsed_s
from monitor.limits import PACKET_BYTES_MAX, UNACKNOWLEDGED_MAX
from monitor.mqtt import access

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.config import MqttSettings
    from monitor.mqtt.outgoing import Message, Outgoing

log = logging.getLogger(__name__)

_DISCONNECT_WITH_WILL = 0x04
"""Reason code of MQTT 5, section 3.14.2.1."""
_UNSPECIFIED = 0x80
"""What paho calls an end for which it has no other reason: it was not the keep-alive."""
_TURN_S = 1.0
_LONGEST_TURN_S = 5.0
"""While the connection stands, and nothing is to be done: somebody wakes it for everything but the keep-alive."""
_TURNS_PER_KEEPALIVE = 4
_CONNECT_S = 5
"""For the TCP connection, and again for TLS."""
_GREETING_S = 10.0
"""For the broker's answer to CONNECT."""
_SHORTEST_WAIT_S = 1.0
_WAIT_GROWTH = 1.5
_LONGEST_WAIT_S = 15.0
_LONGEST_REFUSED_S = 120.0
"""Where the broker answers and does not want us, asking often only fills its log."""
_JITTER = 0.2
_STEADY_S = 30.0
"""A connection that lasted so long was sound: the next failure is retried soon."""
_CUT_SHORT_S = 5.0
_CLASH_AFTER = 3
"""Connections that the broker took and so soon cut, without a sound one in between: not all brokers say why."""
_SAY_AGAIN_S = 300.0
_HUNG_S = 25.0
"""A thread with a connection, or between two, that has not come round for so long hangs."""
_HUNG_CONNECTING_S = 300.0
"""A resolver that nobody answers takes minutes: several servers, attempts, search domains and addresses."""


class RefusedByBrokerError(BrokerError):
    """The broker answered, and does not want this client."""


class ClosedByBrokerError(ConnectionError):
    """A connection that stood ended without a word."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What the connection needs to know of who speaks through it."""

    client_id: str
    will: Message
    """Published by the broker when the connection breaks."""
    subscriptions: tuple[str, ...]
    announcement: Callable[[], Sequence[Message]]
    """Asked at each connect; called on the connection's thread."""
    on_message: Callable[[str, bytes, bool], None]
    """Topic, payload and whether it was retained; called on the connection's thread."""
    on_refused: Callable[[str, int], None]
    """Topic and reason code of a message that the broker did not take; called on the connection's thread."""


class Connection:
    """Keeps a connection for as long as it is wanted."""

    def __init__(self, settings: MqttSettings, speaker: Speaker, outgoing: Outgoing) -> None:
        """Nothing happens before `start`."""
        self._settings, self._speaker, self._outgoing = settings, speaker, outgoing
        self._wake_reader, self._wake_writer = _socket_pair()
        self._stopping = threading.Event()
        self._again = threading.Event()
        """The settings have changed: end this connection and begin another at once."""
        self._thread: threading.Thread | None = None
        self._turn_s = elapsed_s()
        self._connecting = False
        self._wait_s = _SHORTEST_WAIT_S
        self._n_cut_short = 0
        self._said: tuple[str, float] = ("", float("-inf"))
        self.failure = "not connected yet"
        """Why there is no connection; empty while there is one."""
        self.n_connections = 0
        outgoing.on_change(self.wake)

    def check(self) -> None:
        """Read certificates and password, as each connection will.

        Raises:
            ConfigError, PermissionDeniedError: one cannot be used.
        """
        access.read_password(self._settings)
        access.ssl_context(self._settings)

    def start(self) -> None:
        """Begin to connect, on a thread."""
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._turn_s = elapsed_s()
        self._thread.start()

    def tend(self) -> bool:
        """Start the thread anew if it has died; False where it hangs, which only a new process can mend."""
        thread = self._thread
        if thread is None or self._stopping.is_set():
            return True
        if not thread.is_alive():
            log.error("the MQTT thread has died; starting it anew")
            self._outgoing.disconnected()
            self.failure = "the MQTT thread had died"
            self.start()
        return elapsed_s() - self._turn_s < (_HUNG_CONNECTING_S if self._connecting else _HUNG_S)

    def change(self, settings: MqttSettings, speaker: Speaker) -> None:
        """Connect anew, with other settings; what waits is kept."""
        self._settings, self._speaker = settings, speaker
        self._wait_s = _SHORTEST_WAIT_S
        self._said = ("", float("-inf"))
        self._again.set()
        self.wake()

    def stop(self, timeout_s: float) -> bool:
        """Disconnect in good order; False where the thread hangs and is left behind."""
        self._stopping.set()
        self.wake()
        # Not alive: never started, or one that could not be started.
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        self._wake_reader.close()
        self._wake_writer.close()
        return True

    def wake(self) -> None:
        """There is something to do; from any thread."""
        try:
            self._wake_writer.send(b"\0")
        except OSError:  # full: it will wake up anyway
            return

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._again.clear()
            began_s = elapsed_s()
            unwanted = False
            try:
                self._session()
            except Exception as error:  # noqa: BLE001 - whatever it is: say it, and connect again
                unwanted = self._judge(error, lasted_s=elapsed_s() - began_s)
            finally:
                self._outgoing.disconnected()
            self._pause(_LONGEST_REFUSED_S if unwanted else _LONGEST_WAIT_S)

    def _judge(self, error: Exception, lasted_s: float) -> bool:
        """Say why the connection ended; whether the broker, or somebody of our name, does not want us."""
        greeted, refused = not self.failure, isinstance(error, RefusedByBrokerError)
        if greeted and not refused and lasted_s > _STEADY_S:
            self._wait_s, self._n_cut_short = _SHORTEST_WAIT_S, 0
        elif greeted and lasted_s < _CUT_SHORT_S:
            self._n_cut_short += 1
        clash = self._n_cut_short >= _CLASH_AFTER and not refused
        self._say(access.explain(error, self._settings) + self._hint(error, clash=clash), error)
        return refused or clash

    def _hint(self, error: Exception, *, clash: bool) -> str:
        """What may be behind an end that nobody explains."""
        another = f"does another client use the same client id '{self._speaker.client_id}'"
        if clash:
            return f" again and again: {another}, or do access rules forbid a topic?"
        return f"; was it stopped, or {another}?" if isinstance(error, ClosedByBrokerError) else ""

    def _session(self) -> None:
        """One connection, from the first packet to its end.

        Raises:
            Exception: whatever ended it, save the wish to stop or to change.
        """
        session = _Session(self._settings, self._speaker, self._outgoing)
        self._turn_s, self._connecting = elapsed_s(), True
        try:
            session.connect()
        finally:
            self._turn_s, self._connecting = elapsed_s(), False
        try:
            while not (self._stopping.is_set() or self._again.is_set()):
                self._turn_s = elapsed_s()
                session.turn(self._wake_reader)
                if session.greeted and self.failure:
                    self._greeted()
            session.say_goodbye()
        finally:
            session.close()

    def _greeted(self) -> None:
        self.n_connections += 1
        self.failure = ""
        log.info("connected to the broker %s:%d", self._settings.host, self._settings.port)

    def _say(self, reason: str, error: Exception) -> None:
        self.failure = reason
        now_s = elapsed_s()
        said, at_s = self._said
        if said != reason or now_s - at_s >= _SAY_AGAIN_S:
            self._said = (reason, now_s)
            log.warning("%s; trying again until it works", reason)
            log.debug("the connection ended", exc_info=error)

    def _pause(self, longest_s: float) -> None:
        """Wait before the next attempt, each time longer; not when it is to change or to stop."""
        if self._stopping.is_set() or self._again.is_set():
            self.failure = self.failure or "connecting anew"
            return
        until_s = elapsed_s() + self._wait_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret
        self._wait_s = min(self._wait_s * _WAIT_GROWTH, longest_s)
        while (rest_s := until_s - elapsed_s()) > 0 and not (self._stopping.is_set() or self._again.is_set()):
            self._turn_s = elapsed_s()
            _drain(self._wake_reader, min(rest_s, _TURN_S))


class _Session:
    """One paho client and its socket."""

    def __init__(self, settings: MqttSettings, speaker: Speaker, outgoing: Outgoing) -> None:
        self._settings, self._speaker, self._outgoing = settings, speaker, outgoing
        self._began_s = elapsed_s()
        self._window = UNACKNOWLEDGED_MAX
        self._end: Exception | None = None
        self.greeted = False
        self._client = self._make_client()

    def connect(self) -> None:
        """DNS, TCP, TLS and CONNECT; raises what fails."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = PACKET_BYTES_MAX
        settings = self._settings
        self._client.connect(
            settings.host, settings.port, settings.keepalive_s, clean_start=True, properties=properties
        )
        connection = self._client.socket()
        if connection is not None:
            # An event right behind another message would wait for that one's acknowledgement, 40 ms and more.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[attr-defined]

    def turn(self, wake: socket.socket) -> None:
        """Wait for something to do, and do it.

        Raises:
            Exception: the connection is over.
        """
        connection = self._client.socket()
        if connection is None:
            raise self._end or ConnectionError("the connection was closed")
        # TLS may hold decrypted bytes that select() does not see.
        pending = getattr(connection, "pending", lambda: 0)()
        writers = [connection] if self._client.want_write() else []
        readable, writable, _ = select.select([connection, wake], writers, [], 0 if pending else self._turn_s())
        if wake in readable:
            _drain(wake, 0)
        if pending or connection in readable:
            self._checked(self._client.loop_read())
        if writable:
            self._checked(self._client.loop_write())
        self._checked(self._client.loop_misc())
        if self.greeted:
            self._send()
        elif elapsed_s() - self._began_s > _GREETING_S:
            raise TimeoutError("the broker does not answer CONNECT")

    def _turn_s(self) -> float:
        # The client's: a broker may have asked for a shorter one than is set.
        return min(self._client.keepalive / _TURNS_PER_KEEPALIVE, _LONGEST_TURN_S) if self.greeted else _TURN_S

    def say_goodbye(self) -> None:
        """An end in order: the broker publishes the will, whatever still waits here."""
        if self.greeted:
            reason = ReasonCode(PacketTypes.DISCONNECT, identifier=_DISCONNECT_WITH_WILL)
            self._client.disconnect(reasoncode=reason)
            while self._client.want_write() and self._client.socket() is not None:
                self._client.loop_write()

    def close(self) -> None:
        """Let go of the socket."""
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def _make_client(self) -> paho.Client:
        settings, will = self._settings, self._speaker.will
        client = paho.Client(CallbackAPIVersion.VERSION2, self._speaker.client_id, protocol=paho.MQTTv5)
        client.suppress_exceptions = False
        client.connect_timeout = _CONNECT_S
        client.max_inflight_messages_set(UNACKNOWLEDGED_MAX)
        password = access.read_password(settings)
        if settings.username or password is not None:
            client.username_pw_set(settings.username or None, password)
        if (context := access.ssl_context(settings)) is not None:
            client.tls_set_context(context)
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    def _send(self) -> None:
        # What the socket does not take stays in our queue, which is bounded, and not in paho's.
        while not self._client.want_write() and (message := self._outgoing.take(self._window)) is not None:
            sent = self._client.publish(
                message.topic, message.payload, message.qos, message.retain, _publish_properties(message)
            )
            self._outgoing.sent(message, sent.mid)
            self._checked(sent.rc)

    def _checked(self, result: MQTTErrorCode) -> None:
        if result not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_AGAIN):
            raise self._end or ConnectionError(paho.error_string(result))

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._end = RefusedByBrokerError(access.refusal(reason))
            return
        brokers = getattr(properties, "ReceiveMaximum", 0) or UNACKNOWLEDGED_MAX
        self._window = min(self._settings.queue_max, UNACKNOWLEDGED_MAX, brokers)
        if self._speaker.subscriptions:
            client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in self._speaker.subscriptions])
        self._outgoing.connected()
        self._outgoing.put_first(self._speaker.announcement())
        self.greeted = True

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [
            topic for topic, reason in zip(self._speaker.subscriptions, reasons, strict=False) if reason.is_failure
        ]
        if refused:
            log.warning("the broker does not let this monitor read %s; see its access control", ", ".join(refused))

    def _on_publish(self, _client: paho.Client, _data: Any, number: int, reason: Any, _properties: Any) -> None:
        message = self._outgoing.acknowledged(number, refused=reason.is_failure)
        if message is not None and reason.is_failure:
            self._speaker.on_refused(message.topic, reason.value)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._speaker.on_message(message.topic, bytes(message.payload), bool(message.retain))

    def _on_disconnect(self, _client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if self._end is not None:
            return
        if flags.is_disconnect_packet_from_server:
            self._end = RefusedByBrokerError(access.refusal(reason))
        elif not self.greeted:
            self._end = access.HungUpError(f"the connection broke ({reason})")
        elif reason.value == _UNSPECIFIED:
            self._end = ClosedByBrokerError("the broker closed it")
        else:
            self._end = ConnectionError(f"the connection broke ({reason})")


def _publish_properties(message: Message) -> Properties | None:
    if message.expiry_s is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = message.expiry_s
    return properties


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    return reader, writer


def _drain(wake: socket.socket, timeout_s: float) -> None:
    """Take what woke us, waiting for it if there is nothing."""
    select.select([wake], [], [], timeout_s)
    try:
        while wake.recv(4096):
            pass
    except BlockingIOError:
        return

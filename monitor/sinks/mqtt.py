"""Events, state and status to an MQTT broker.

The sink says what is to be said and keeps what must be said again; `monitor.mqtt.connection` gets it to the broker.
Nothing here waits for the broker, save at the end, and for recordings, which can wait.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.errors import OutputFailedError
from monitor.health import NEW_BORN
from monitor.host import elapsed_s, machine_id
from monitor.mqtt import access
from monitor.mqtt.commands import Commands
from monitor.mqtt.connection import Connection, Speaker
from monitor.mqtt.outgoing import Message, Outgoing
from monitor.mqtt.payloads import encoded, info_payload, state_payload, status_payload
from monitor.mqtt.topics import (
    AVAILABILITY,
    EVENT,
    INFO,
    LEVEL,
    MUTE_STATE,
    OFF,
    OFFLINE,
    ON,
    ONLINE,
    SPEECH,
    STATE,
    STATUS,
    Topic,
    TopicTree,
)
from monitor.records import EmotionEvent, Estimate, LevelMeasured, SpeechEnded, SpeechStarted, StatusTaken
from monitor.sinks.homeassistant import device_uid, discovery_payload, discovery_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.config import MqttSettings
    from monitor.model import EmotionModel
    from monitor.records import PipelineEvent, Report

log = logging.getLogger(__name__)

STATE_EVERY_S = 60.0
"""While somebody speaks, the state is said again so often: it expires."""
LEVEL_EVERY_S = 1.0
GOODBYE_S = 1.5
"""For the last messages of a live source: a stop must end in 5 s, whatever the broker does."""
RECORDING_PATIENCE_S = 30.0
"""For each next message of a recording, which can wait."""
REFUSAL_REMEMBERED_S = 60.0
REFUSAL_SAID_EVERY_S = 300.0
ANNOUNCE_EVERY_S = 5.0
ANNOUNCE_JITTER_S = 2.0
"""Home Assistant's birth is heard by all monitors at once."""
_BIRTH_TOPIC = "status"
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Speech:
    """What the broker is told about: everything that a reload may change."""

    settings: MqttSettings
    node: str
    model: EmotionModel
    version: str
    limits: Mapping[str, float | int]


class MqttSink:
    """Reports on their way to the broker."""

    name = "mqtt"
    events_only = False

    def __init__(
        self,
        speech: Speech,
        *,
        patient: bool,
        on_mute: Callable[[bool], None],
        ask_status: Callable[[], StatusTaken | None] = lambda: None,
    ) -> None:
        """Start to connect.

        Args:
            speech: who speaks, and where to.
            patient: the source waits: nothing is dropped, and the end waits for the broker's acknowledgements.
            on_mute: told whether to be mute; must return at once.
            ask_status: the newest status, for who asks; the last one reported where it knows none.

        Raises:
            ConfigError, PermissionDeniedError: certificates or password cannot be read.
        """
        self._speech, self._patient, self._on_mute, self._ask_status = speech, patient, on_mute, ask_status
        self._tree = TopicTree(speech.settings.base_topic, speech.node)
        self._outgoing = Outgoing(speech.settings.queue_max)
        # What is said, and where, changes only as a whole: between the sink's, the connection's and the main thread.
        self._lock = threading.RLock()
        self._refusals: dict[str, float] = {}
        self._refused_at_s = float("-inf")
        self._refusal = ""
        # What holds now: said at each connect.
        self._state_said_s = time.time()
        self._state: dict[str, Any] = state_payload(None, self._state_said_s, self._state_said_s)
        self._state_due_sample = 0
        self._speaking = False
        self._status = ask_status() or NEW_BORN
        self._muted = self._status.state == "muted"
        self._level_said_s = float("-inf")
        self._announced_s = float("-inf")
        self._announcing: threading.Timer | None = None
        self._announce_lock = threading.Lock()
        self._commands = self._make_commands()
        self._connection = Connection(speech.settings, self._speaker(), self._outgoing)
        self._connection.check()
        self._connection.start()

    @property
    def wants_levels(self) -> bool:
        """Whether levels are told at all."""
        return self._speech.settings.publish_level

    def wants(self, event: PipelineEvent | StatusTaken) -> bool:
        """Whether it has a use for an event: of estimates only for one a minute, so that the state does not expire."""
        return not isinstance(event, Estimate) or event.end_sample >= self._state_due_sample

    @property
    def n_dropped(self) -> int:
        """Events dropped because the broker was away for too long, or did not take them."""
        return self._outgoing.n_dropped + self._outgoing.n_refused

    @property
    def n_queued(self) -> int:
        """Events that wait for the broker."""
        return self._outgoing.n_events

    @property
    def n_reconnects(self) -> int:
        """Connections after the first."""
        return max(self._connection.n_connections - 1, 0)

    @property
    def failure(self) -> str:
        """Why there is no connection, or what the broker does not take; empty while all is well."""
        recently = elapsed_s() - self._refused_at_s < REFUSAL_REMEMBERED_S
        return self._connection.failure or (self._refusal if recently else "")

    def tend(self) -> bool:
        """Look after the connection's thread; False where it hangs."""
        return self._connection.tend()

    def write(self, report: Report) -> None:
        """Queue what the report says; waits only for a recording, whose queue is full."""
        if self._patient:
            self._wait_for_room()
        with self._lock:
            self._take(report)

    def _take(self, report: Report) -> None:
        event = report.event
        if isinstance(event, EmotionEvent) and report.payload is not None:
            self._take_emotion(event, report.payload, report.at_s)
        elif isinstance(event, Estimate):
            self._take_estimate(event, report.at_s)
        elif isinstance(event, SpeechStarted | SpeechEnded):
            self._take_speech(speaking=isinstance(event, SpeechStarted))
        elif isinstance(event, StatusTaken):
            self._take_status(event)
        elif isinstance(event, LevelMeasured):
            self._take_level(event, report.at_s)

    def close(self) -> None:
        """Say goodbye: nobody speaks, offline.

        Raises:
            OutputFailedError: not everything of a recording arrived.
        """
        if self._announcing is not None:
            self._announcing.cancel()
        delivered = self._deliver() if self._patient else True
        with self._lock:
            if self._state["event_id"] is not None:
                self._outgoing.put(self._renewed_state(None, self._state_said_s))
            if self._speaking:
                self._say(SPEECH, OFF)
        if not self._connection.failure:
            self._outgoing.wait_until_empty(GOODBYE_S)
        left = self._outgoing.n_events
        self._connection.stop(_LOOK_S * 5)
        if left:
            log.warning("%d events were not delivered: %s", left, self._connection.failure or "no acknowledgement")
        if self._patient and self._outgoing.n_refused:
            raise OutputFailedError(f"{self._outgoing.n_refused} events were not taken by the broker: {self._refusal}")
        if not delivered:
            reason = self._connection.failure or "no answer"
            raise OutputFailedError(f"{left} events did not reach the broker: {reason}")

    def change(self, speech: Speech) -> None:
        """Go on with another configuration; what waits is kept. From any thread."""
        with self._lock:
            self._leave(speech)
            self._speech = speech
            self._refusals.clear()
            self._tree = TopicTree(speech.settings.base_topic, speech.node)
            self._outgoing.rebound(speech.settings.queue_max)
            self._commands = self._make_commands()
            self._connection.change(speech.settings, self._speaker())

    def _leave(self, speech: Speech) -> None:
        """Before topics change: what is retained under the old names must not stay, also where the broker is away now.

        `offline` is said there by the will of the connection that ends.
        """
        old, new = self._tree, TopicTree(speech.settings.base_topic, speech.node)
        gone = [old.of(topic) for topic in (STATE, SPEECH, STATUS, INFO, MUTE_STATE)] if old != new else []
        discovery = self._discovery_topic(self._speech)
        if discovery and discovery != self._discovery_topic(speech):
            gone.append(discovery)
        if gone:
            self._outgoing.put(*(Message(topic, b"", qos=1, retain=True, keep=True) for topic in gone))

    def _take_emotion(self, event: EmotionEvent, payload: Mapping[str, Any], at_s: float) -> None:
        told = self._message(EVENT, encoded(payload), keep=True)
        self._outgoing.put(told, self._renewed_state(None if event.type == "end" else payload, at_s))
        self._state_due_sample = self._due_sample(event.end_sample)

    def _due_sample(self, said_sample: int) -> int:
        """The state that was said at one sample is to be said again at this one."""
        return said_sample + round(STATE_EVERY_S * self._speech.model.spec.rate_hz)

    def _take_estimate(self, estimate: Estimate, at_s: float) -> None:
        if self._state["event_id"] is not None and not 0 <= at_s - self._state_said_s < STATE_EVERY_S:
            updated = state_payload(None, at_s, at_s)["updated"]
            self._state, self._state_said_s = {**self._state, "updated": updated}, at_s
            self._state_due_sample = self._due_sample(estimate.end_sample)
            self._say(STATE, encoded(self._state))

    def _take_speech(self, *, speaking: bool) -> None:
        self._speaking = speaking
        self._say(SPEECH, ON if speaking else OFF)

    def _take_status(self, status: StatusTaken) -> None:
        self._status = status
        muted = status.state == "muted"
        if muted != self._muted:
            self._muted = muted
            self._say(MUTE_STATE, ON if muted else OFF)
        # Speech is said again before it expires: it must only vanish with the monitor.
        speech = self._message(SPEECH, ON if self._speaking else OFF)
        self._outgoing.put(self._message(STATUS, encoded(status_payload(status))), speech)

    def _take_level(self, level: LevelMeasured, at_s: float) -> None:
        if self._speech.settings.publish_level and not 0 <= at_s - self._level_said_s < LEVEL_EVERY_S:
            self._level_said_s = at_s
            figures = {"rms_dbfs": _finite(level.rms_dbfs), "peak_dbfs": _finite(level.peak_dbfs)}
            self._say(LEVEL, encoded(figures))

    def _renewed_state(self, payload: Mapping[str, Any] | None, at_s: float) -> Message:
        self._state, self._state_said_s = state_payload(payload, at_s, at_s), at_s
        return self._message(STATE, encoded(self._state))

    def _say(self, topic: Topic, payload: str | bytes) -> None:
        self._outgoing.put(self._message(topic, payload))

    def _message(self, topic: Topic, payload: str | bytes, *, keep: bool = False) -> Message:
        encoded_payload = payload.encode() if isinstance(payload, str) else payload
        return Message(self._tree.of(topic), encoded_payload, topic.qos, topic.retain, topic.expiry_s, keep)

    def _announcement(self) -> list[Message]:
        """The present, in the order of the contract: availability, info, discovery, mute, status, state."""
        with self._lock:
            return self._present()

    def _present(self) -> list[Message]:
        self._announced_s = elapsed_s()
        messages = [self._message(AVAILABILITY, ONLINE), self._message(INFO, encoded(self._info()))]
        if self._speech.settings.homeassistant.enabled:
            messages.append(self._discovery())
        messages.append(self._message(MUTE_STATE, ON if self._muted else OFF))
        messages.append(self._message(STATUS, encoded(status_payload(self._status))))
        messages.append(self._message(STATE, encoded(self._state)))
        messages.append(self._message(SPEECH, ON if self._speaking else OFF))
        return messages

    def _info(self) -> dict[str, Any]:
        speech = self._speech
        return info_payload(
            node=speech.node,
            version=speech.version,
            card=speech.model.card,
            identity=speech.model.identity,
            limits=speech.limits,
        )

    def _discovery(self) -> Message:
        speech = self._speech
        uid = device_uid(machine_id(), speech.node)
        payload = discovery_payload(
            uid=uid,
            tree=self._tree,
            labels=speech.model.labels,
            model_name=speech.model.identity,
            version=speech.version,
        )
        return Message(self._discovery_topic(speech), encoded(payload), qos=1, retain=True)

    def _discovery_topic(self, speech: Speech) -> str:
        """Where Home Assistant is told of the monitor; empty where it is not to be told."""
        home_assistant = speech.settings.homeassistant
        uid = device_uid(machine_id(), speech.node)
        return discovery_topic(home_assistant.prefix, uid) if home_assistant.enabled else ""

    def _speaker(self) -> Speaker:
        settings = self._speech.settings
        birth = (f"{settings.homeassistant.prefix}/{_BIRTH_TOPIC}",) if settings.homeassistant.enabled else ()
        return Speaker(
            client_id=settings.client_id or f"ser-monitor-{self._speech.node}",
            will=self._message(AVAILABILITY, OFFLINE),
            subscriptions=(*self._commands.subscriptions, *birth),
            announcement=self._announcement,
            on_message=self._hear,
            on_refused=self._take_refusal,
        )

    def _make_commands(self) -> Commands:
        return Commands(
            self._tree,
            allow_unmute=self._speech.settings.allow_remote_unmute,
            on_mute=self._on_mute,
            answers={
                "health_check": self._health,
                "info": self._info,
                "announce": self._announce_soon,
            },
            respond=lambda topic, payload: self._outgoing.put(Message(topic, encoded(payload), qos=1)),
            on_mute_refused=lambda: self._say(MUTE_STATE, ON if self._muted else OFF),
        )

    def _health(self) -> Mapping[str, Any]:
        return status_payload(self._ask_status() or self._status)

    def _take_refusal(self, topic: str, code: int) -> None:
        """The broker did not take a message: said once in a while, for it will not take the next one either.

        What its access rules forbid is one rule for all topics below ours, not a complaint for each of them.
        """
        rule = self._rule_for(topic) if code == access.NOT_AUTHORIZED else ""
        now_s = elapsed_s()
        self._refused_at_s = now_s
        if now_s - self._refusals.get(rule or topic, float("-inf")) >= REFUSAL_SAID_EVERY_S:
            self._refusals[rule or topic] = now_s
            refused = f"the broker does not take {topic}: {access.refusal(code)}"
            self._refusal = access.forbidden(self._speech.settings, topic, rule) if rule else refused
            log.warning("%s", self._refusal)

    def _rule_for(self, topic: str) -> str:
        """What access rules must let this monitor write, so that `topic` is taken."""
        own, devices = self._tree.everything, f"{self._speech.settings.homeassistant.prefix}/device/#"
        return next((rule for rule in (own, devices) if topic.startswith(rule.removesuffix("#"))), topic)

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if self._commands.take(topic, payload, retained=retained):
            return
        # A retained birth is not one: Home Assistant was there before us, and has our announcement.
        if payload == ONLINE.encode() and not retained:
            self._announce_soon()

    def _announce_soon(self) -> Mapping[str, Any]:
        """Announce once more, soon, and not again and again."""
        with self._announce_lock:
            if self._announcing is None or not self._announcing.is_alive():
                earliest_s = self._announced_s + ANNOUNCE_EVERY_S - elapsed_s()
                delay_s = max(earliest_s, 0.0) + random.uniform(0.0, ANNOUNCE_JITTER_S)  # noqa: S311 - not a secret
                self._announcing = threading.Timer(delay_s, self._announce)
                self._announcing.daemon = True
                self._announcing.start()
        return {}

    def _announce(self) -> None:
        with self._lock:
            self._outgoing.put(*self._present())

    def _wait_for_room(self) -> None:
        """A recording can wait; for a broker that never comes it must not, see `close`."""
        waited_s = elapsed_s()
        while not self._outgoing.wait_for_room(_LOOK_S):
            if elapsed_s() - waited_s > RECORDING_PATIENCE_S:
                raise OutputFailedError(f"the broker takes no events: {self._connection.failure or 'no answer'}")

    def _deliver(self) -> bool:
        """Wait until the broker has acknowledged all; not longer than `RECORDING_PATIENCE_S` for each next one."""
        left, since_s = self._outgoing.n_events, elapsed_s()
        while not self._outgoing.wait_until_empty(_LOOK_S):
            now_left = self._outgoing.n_events
            if now_left != left:
                left, since_s = now_left, elapsed_s()
            if elapsed_s() - since_s > RECORDING_PATIENCE_S:
                return False
        return True


def _finite(value: float) -> float | None:
    return round(value, 1) if value > float("-inf") else None

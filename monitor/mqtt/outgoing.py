"""What waits for the broker: a bounded queue that drops the oldest event, and knows what is not yet acknowledged.

Events are kept while the broker is away, and sent again until they are acknowledged: at least once, in order. All else
tells of the present only: it is not kept, because a new connection begins with an announcement of the present anyway.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.limits import MOMENTARY_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way out."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    expiry_s: int | None = None
    keep: bool = False
    """Whether it outlives a lost connection."""


class Outgoing:
    """Filled by sinks and commands, emptied by the connection's thread."""

    def __init__(self, bound: int) -> None:
        """Let `bound` events wait at most; those on their way come on top, and wait again if the connection breaks."""
        self._bound = bound
        self._changed = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._unacknowledged: dict[int, Message] = {}
        self._online = self._announced = False
        self._notify: Callable[[], None] = lambda: None
        self.n_dropped = 0
        self.n_acknowledged = 0
        """Events whose arrival the broker has confirmed."""
        self.n_refused = 0
        """Events that the broker did not take."""

    def on_change(self, notify: Callable[[], None]) -> None:
        """`notify` is called after each `put`, from its thread."""
        self._notify = notify

    def rebound(self, bound: int) -> None:
        """Another bound."""
        with self._changed:
            self._bound = bound
            self._trim()

    def put(self, *messages: Message) -> None:
        """Take messages, which go out in one go: to wake up for each costs more than to send it. Never blocks."""
        with self._changed:
            for message in messages:
                if message.keep:
                    self._waiting.append(message)
                    self._trim()
                elif self._online:
                    self._make_room_for(message)
                    self._waiting.append(message)
        self._notify()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until there is a connection and room for a few messages without a drop; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(self._has_room, timeout_s)

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until everything is sent, and acknowledged where that is wanted; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._unacknowledged, timeout_s)

    def connected(self) -> None:
        """A connection stands: from now on messages of the present are taken. Say the announcement next."""
        with self._changed:
            self._online = True

    def put_first(self, announcement: Sequence[Message]) -> None:
        """Before everything that waits.

        To be called after `connected`: what changes while the announcement is made then follows it.
        """
        with self._changed:
            self._waiting.extendleft(reversed(announcement))
            self._announced = True
            self._changed.notify_all()

    def disconnected(self) -> None:
        """The connection is lost: events that were not acknowledged wait again, in their order; the rest is over."""
        with self._changed:
            self._online = self._announced = False
            again = [*self._unacknowledged.values(), *self._waiting]
            self._unacknowledged.clear()
            self._waiting = deque(message for message in again if message.keep)
            self._trim()
            self._changed.notify_all()

    def take(self, window: int) -> Message | None:
        """The next message, while less than `window` are unacknowledged; say `sent` when it is."""
        with self._changed:
            if not self._waiting or len(self._unacknowledged) >= window:
                return None
            self._changed.notify_all()
            return self._waiting.popleft()

    def sent(self, message: Message, number: int) -> None:
        """`message` went out under the packet identifier `number`."""
        with self._changed:
            if message.qos:
                self._unacknowledged[number] = message
            self._changed.notify_all()

    def acknowledged(self, number: int, *, refused: bool = False) -> Message | None:
        """The broker confirmed, or refused, the packet `number`; the message it was."""
        with self._changed:
            message = self._unacknowledged.pop(number, None)
            if message is not None and message.keep:
                self.n_acknowledged += not refused
                self.n_refused += refused
            self._changed.notify_all()
            return message

    @property
    def n_events(self) -> int:
        """Events that wait, those not yet acknowledged included."""
        with self._changed:
            return self._n_kept()

    def _has_room(self) -> bool:
        return self._announced and len(self._waiting) + len(self._unacknowledged) < min(self._bound, MOMENTARY_MAX // 2)

    def _n_kept(self) -> int:
        waiting = sum(message.keep for message in self._waiting)
        return waiting + sum(message.keep for message in self._unacknowledged.values())

    def _trim(self) -> None:
        """Drop the oldest waiting events beyond the bound."""
        surplus = sum(message.keep for message in self._waiting) - self._bound
        while surplus > 0 and (oldest := next((m for m in self._waiting if m.keep), None)) is not None:
            self._waiting.remove(oldest)
            self.n_dropped += 1
            surplus -= 1

    def _make_room_for(self, message: Message) -> None:
        momentary = [waiting for waiting in self._waiting if not waiting.keep]
        if len(momentary) < MOMENTARY_MAX:
            return
        self._waiting.remove(next((m for m in momentary if m.topic == message.topic), momentary[0]))

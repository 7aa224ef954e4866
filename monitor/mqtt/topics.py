"""The topic tree: what is said where, whether it is kept, how long, and how surely it arrives. A frozen contract."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic below `{base}/{node}/`."""

    path: str
    retain: bool = False
    qos: int = 0
    expiry_s: int | None = None
    """Message expiry; None is never."""


AVAILABILITY = Topic("availability", retain=True, qos=1)
INFO = Topic("info", retain=True, qos=1)
STATE = Topic("state", retain=True, qos=1, expiry_s=300)
EVENT = Topic("event", qos=1, expiry_s=3600)
SPEECH = Topic("speech", retain=True, expiry_s=120)
STATUS = Topic("status", retain=True, expiry_s=120)
LEVEL = Topic("level")
MUTE_STATE = Topic("mute/state", retain=True, qos=1)
MUTE_SET = Topic("mute/set", qos=1)
"""Received, not sent."""

TOPICS = (AVAILABILITY, INFO, STATE, EVENT, SPEECH, STATUS, LEVEL, MUTE_STATE)
"""All that are published, responses and discovery apart."""
REQUESTS = ("health_check", "info", "announce")
"""`request/{command}`, answered on `response/{command}`."""

ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"
NO_EMOTION = "none"
"""In `state`: nobody speaks."""


@dataclass(frozen=True, slots=True)
class TopicTree:
    """Full names of one monitor's topics."""

    base: str
    node: str

    def of(self, topic: Topic) -> str:
        """Full name of a topic."""
        return f"{self.base}/{self.node}/{topic.path}"

    @property
    def everything(self) -> str:
        """All topics of this monitor, as subscriptions and access rules name them."""
        return f"{self.base}/{self.node}/#"

    def request(self, command: str) -> str:
        """Where `command` is asked for; `+` is all of them."""
        return f"{self.base}/{self.node}/request/{command}"

    def response(self, command: str) -> str:
        """Where it is answered."""
        return f"{self.base}/{self.node}/response/{command}"

"""Commands by themselves: whatever comes, in any order, only what is allowed is done, and every answer is small."""

import time

from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.limits import PACKET_BYTES_MAX
from monitor.mqtt.commands import BURST, MAX_PER_S, Commands
from monitor.mqtt.payloads import encoded
from monitor.mqtt.topics import REQUESTS, TopicTree

TREE = TopicTree("ser-monitor", "kitchen")
MUTE_SET = "ser-monitor/kitchen/mute/set"
TOPICS = st.one_of(
    st.sampled_from([MUTE_SET, *map(TREE.request, REQUESTS), "ser-monitor/kitchen/state", "ser-monitor/hall/mute/set"]),
    st.text(max_size=80).map(TREE.request),
    st.text(max_size=80),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PAYLOADS = st.one_of(
    st.sampled_from([b"", b"ON", b"OFF", b"on", b"[" * 1024, b"x" * 5000, b'{"transaction": "1"}']),
    st.binary(max_size=60),
    st.builds(lambda transaction: encoded({"transaction": transaction}), JSON),
)
MESSAGES = st.lists(
    st.tuples(TOPICS, PAYLOADS, st.booleans())
    | st.tuples(st.just(MUTE_SET), st.sampled_from([b"ON", b"OFF", b""]), st.booleans()),
    max_size=60,
)


class Told:
    """What commands have done, in order."""

    def __init__(self, *, allow_unmute):
        self.mutes, self.answers, self.n_refused = [], [], 0
        self.commands = Commands(
            TREE,
            allow_unmute=allow_unmute,
            on_mute=self.mutes.append,
            answers={"health_check": dict, "info": lambda: {"node": "kitchen"}, "announce": self._fail},
            respond=lambda topic, answer: self.answers.append((topic, encoded(answer))),
            on_mute_refused=self._refuse,
        )

    def _refuse(self):
        self.n_refused += 1

    def _fail(self):
        raise RuntimeError("broken on purpose")


@settings(deadline=None)
@given(MESSAGES, st.booleans())
@example([(MUTE_SET, b"OFF", False)] * (BURST + 5) + [(MUTE_SET, b"ON", False)], True)
def test_whatever_comes_only_what_is_allowed_is_done(messages, allow_unmute):
    began_s, told = time.monotonic(), Told(allow_unmute=allow_unmute)
    for topic, payload, retained in messages:
        taken = told.commands.take(topic, payload, retained=retained)
        assert taken == (topic == MUTE_SET or topic.startswith(TREE.request("")))
    most = BURST + MAX_PER_S * (time.monotonic() - began_s)
    asked = [payload for topic, payload, _ in messages if topic == MUTE_SET]
    allowed = [one for one in messages if one == (MUTE_SET, b"OFF", False) and allow_unmute]
    # Silence is never denied, however much else comes.
    assert told.mutes.count(True) == asked.count(b"ON")
    assert told.mutes.count(False) <= len(allowed)
    assert told.mutes.count(False) + told.n_refused + len(told.answers) <= most
    for topic, answer in told.answers:
        assert topic.startswith("ser-monitor/kitchen/response/")
        assert not set("#+\0") & set(topic)
        assert len(answer) < PACKET_BYTES_MAX / 4


@given(st.lists(st.sampled_from([b"ON", b"OFF"]), max_size=BURST))
def test_mute_and_unmute_are_obeyed_in_their_order(payloads):
    told = Told(allow_unmute=True)
    for payload in payloads:
        told.commands.take(MUTE_SET, payload, retained=False)
    assert told.mutes == [payload == b"ON" for payload in payloads]

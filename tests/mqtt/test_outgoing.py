"""The queue in front of the broker: bounded, the oldest goes first, nothing that was kept is lost or doubled."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.limits import MOMENTARY_MAX
from monitor.mqtt.outgoing import Message, Outgoing


def event(number):
    return Message("event", str(number).encode(), qos=1, keep=True)


def now(topic, text="x"):
    return Message(topic, text.encode())


def taken(outgoing, window=1000):
    messages = []
    while (message := outgoing.take(window)) is not None:
        outgoing.sent(message, len(messages) + 1)
        messages.append(message)
    return messages


def numbers(messages):
    return [int(message.payload) for message in messages if message.keep]


def test_events_wait_for_the_broker_and_the_oldest_are_dropped_and_counted():
    outgoing = Outgoing(bound=10)
    for number in range(25):
        outgoing.put(event(number))
    outgoing.connected()
    assert numbers(taken(outgoing)) == list(range(15, 25))
    assert outgoing.n_dropped == 15


def test_messages_that_belong_together_wake_the_connection_once():
    outgoing, woken = Outgoing(bound=2), []
    outgoing.on_change(lambda: woken.append(outgoing.n_events))
    outgoing.connected()
    outgoing.put(event(1), now("state"), event(2), event(3))
    assert woken == [2]
    assert [message.topic for message in taken(outgoing)] == ["state", "event", "event"]
    assert outgoing.n_dropped == 1


def test_what_tells_of_the_present_is_not_kept_for_later():
    outgoing = Outgoing(bound=10)
    outgoing.put(now("state"))
    outgoing.put(event(1))
    outgoing.connected()
    assert [message.topic for message in taken(outgoing)] == ["event"]


def test_the_announcement_goes_first_and_news_of_its_making_follow():
    outgoing = Outgoing(bound=10)
    outgoing.put(event(1))
    outgoing.connected()
    outgoing.put(now("state", "new"))
    outgoing.put_first([now("availability"), now("state", "old")])
    assert [message.payload for message in taken(outgoing)] == [b"x", b"old", b"1", b"new"]


def test_what_was_not_acknowledged_goes_again_in_order():
    outgoing = Outgoing(bound=10)
    outgoing.connected()
    for number in range(6):
        outgoing.put(event(number))
    assert numbers(taken(outgoing, window=4)) == [0, 1, 2, 3]
    outgoing.acknowledged(1)
    assert outgoing.n_acknowledged == 1
    outgoing.disconnected()
    outgoing.connected()
    assert numbers(taken(outgoing)) == [1, 2, 3, 4, 5]
    assert outgoing.n_dropped == 0


def test_messages_of_the_present_have_a_bound_of_their_own():
    outgoing = Outgoing(bound=10)
    outgoing.connected()
    for number in range(MOMENTARY_MAX * 3):
        outgoing.put(now("level", str(number)))
    outgoing.put(event(1))
    waiting = taken(outgoing, window=10_000)
    assert len(waiting) == MOMENTARY_MAX + 1
    assert waiting[-2].payload == str(MOMENTARY_MAX * 3 - 1).encode()


@given(
    bound=st.integers(1, 8),
    steps=st.lists(st.sampled_from(["put", "take", "ack", "lose", "connect"]), max_size=120),
)
def test_every_event_is_delivered_or_counted_as_dropped(bound, steps):
    """At least once, in order: against a broker that may vanish at any moment."""
    outgoing = Outgoing(bound)
    put, acknowledged, on_their_way, number, online = 0, [], {}, 0, False
    for step in steps:
        if step == "put":
            outgoing.put(event(put))
            put += 1
        elif step == "connect" and not online:
            outgoing.connected()
            online = True
        elif step == "take" and online and (message := outgoing.take(3)) is not None:
            number += 1
            outgoing.sent(message, number)
            on_their_way[number] = message
        elif step == "ack" and on_their_way:
            oldest = min(on_their_way)
            outgoing.acknowledged(oldest)
            acknowledged.append(int(on_their_way.pop(oldest).payload))
        elif step == "lose":
            outgoing.disconnected()
            on_their_way, online = {}, False
        assert outgoing.n_events <= bound + 3
    assert acknowledged == sorted(set(acknowledged))
    assert len(acknowledged) + outgoing.n_dropped + outgoing.n_events == put

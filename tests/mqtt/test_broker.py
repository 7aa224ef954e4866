"""The fixture keeps what it promises."""

import time

import pytest


def test_a_witness_sees_topic_payload_qos_retain_and_expiry(broker):
    witness = broker.watch()
    broker.publish("a/b", {"x": 1}, retain=True, expiry_s=300)
    seen = witness.wait_for("a/#")
    assert (seen.topic, seen.json, seen.qos, seen.retain, seen.expiry_s) == ("a/b", {"x": 1}, 1, True, 300)
    assert broker.watch("a/+").wait_for("a/b").retain


def test_a_witness_is_back_after_a_crash(broker):
    witness = broker.watch()
    broker.publish("first", "1", retain=True)
    witness.wait_for("first")
    for number in range(3):
        broker.kill()
        assert not broker.running
        broker.start()
        broker.publish(f"after/{number}", "x")
        witness.wait_for(f"after/{number}")
    assert broker.watch().last("first") is None


def test_a_frozen_broker_goes_on(broker):
    witness = broker.watch()
    broker.suspend()
    sent = witness.publish("late", "x")
    time.sleep(0.3)
    assert witness.messages == []
    broker.resume()
    sent.wait_for_publish(5)
    witness.wait_for("late")


def test_what_did_not_come_is_an_error_that_lists_what_did(broker):
    witness = broker.watch()
    broker.publish("other", "x")
    witness.wait_for("other")
    with pytest.raises(AssertionError, match="other b'x'"):
        witness.wait_for("wanted", timeout_s=0.1)

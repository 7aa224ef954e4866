"""Ten minutes in which nothing at all is heard: no event, nothing to complain of, and next to no work."""

from mqtt.program import NODE, Monitor

BASE = f"ser-monitor/{NODE}"
SILENCE_S = 600
MOST_PERCENT = 2.0
"""Of one core, had the silence been heard as it passes: more than ten times what a small virtual machine needs."""


def test_ten_minutes_of_digital_silence_are_no_event_and_next_to_no_work(broker):
    witness = broker.watch(f"{BASE}/#")
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.be_silent(10)
        witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "listening", timeout_s=20)
        before_s = monitor.processor_s()
        monitor.be_silent(SILENCE_S)  # returns when all but the pipe's two seconds is heard
        took_s = monitor.processor_s() - before_s
        witness.publish(f"{BASE}/request/health_check", b"")
        health = witness.wait_for(f"{BASE}/response/health_check", timeout_s=10).json["data"]
        assert (health["state"], health["reason"], health["audio_lost_s"]) == ("listening", "", 0)
        assert (health["events"], health["dropped"]) == (0, 0)
        assert not witness.of(f"{BASE}/event")
        assert {seen.json["emotion"] for seen in witness.of(f"{BASE}/state")} == {"none"}
        assert took_s < SILENCE_S * MOST_PERCENT / 100
        assert monitor.end()[0] == 0, monitor.log
    assert not [line for line in monitor.log.splitlines() if " INFO: " not in line], monitor.log

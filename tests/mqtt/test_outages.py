"""The whole program while its broker is away, dies, hangs or forbids, and somebody speaks all the time.

What it prints meanwhile is what must arrive. Each has a short form, and a long one behind the marker `long`.
"""

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from mqtt.conftest import MONITOR
from mqtt.program import NODE, Monitor
from waiting import wait_until

BASE = f"ser-monitor/{NODE}"
OWN = f"{BASE}/#"
PRINTING = ("--input", "-", "--format", "json")


def short_or_long(short, long):
    """Two sets of arguments, or two single ones."""
    several = long if isinstance(long, tuple) else (long,)
    return [short, pytest.param(*several, marks=[pytest.mark.long, pytest.mark.timeout(900)])]


def events(witness):
    return [seen.json for seen in witness.of(f"{BASE}/event")]


def health(witness, timeout_s=20):
    """What the monitor says of itself now; asked until it answers, since it may be about to connect again."""
    transaction = f"{time.monotonic()}"
    answers = []

    def has_answered():
        witness.publish(f"{BASE}/request/health_check", {"transaction": transaction})
        time.sleep(0.3)
        seen = [one.json for one in witness.of(f"{BASE}/response/health_check")]
        answers.extend(one["data"] for one in seen if one.get("transaction") == transaction)
        return answers

    wait_until(has_answered, timeout_s)
    return answers[0]


def ended(monitor, witness):
    """After the end: everything that was printed, and a witness who has seen the goodbye."""
    assert monitor.end()[0] == 0, monitor.log
    witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline", timeout_s=30)
    return monitor.printed


@pytest.mark.parametrize("away_s", short_or_long(5, 60))
def test_a_broker_that_is_absent_at_the_start(make_broker, away_s):
    broker = make_broker(persistent=True)
    witness = broker.watch(("ser-monitor/#", "homeassistant/device/+/config"), lasting=True)
    broker.stop()
    with Monitor(*PRINTING, environment=broker.environment()) as monitor:
        monitor.talk()
        time.sleep(away_s)
        # All that waited is there before more comes.
        n_waited = len(monitor.printed)
        broker.start()
        witness.wait_for(f"{BASE}/event", count=n_waited + 1, timeout_s=60)
        printed = ended(monitor, witness)
    assert n_waited > 0
    assert events(witness) == printed
    topics = [seen.topic.removeprefix(f"{BASE}/") for seen in witness.messages]
    discovery = next(topic for topic in topics if topic.startswith("homeassistant/"))
    order = ["availability", "info", discovery, "mute/state", "status", "state", "event"]
    assert sorted(order, key=topics.index) == order


@pytest.mark.parametrize(("every_s", "times"), short_or_long((4, 3), (20, 12)))
def test_a_broker_that_is_killed_again_and_again(make_broker, every_s, times):
    # Written to disk at each change: what it has acknowledged it must not forget with its death.
    broker = make_broker(persistent=True, lines=("autosave_on_changes true", "autosave_interval 1"))
    witness = broker.watch(OWN, lasting=True)
    with Monitor(*PRINTING, environment=broker.environment()) as monitor:
        monitor.talk()
        for _ in range(times):
            witness.wait_for(f"{BASE}/event", timeout_s=20)
            time.sleep(every_s)
            broker.kill()
            time.sleep(0.5)
            broker.start()
        wait_until(lambda: health(witness, 30)["queue"] == 0, 30)
        printed = ended(monitor, witness)
    seen = Counter(json.dumps(event) for event in events(witness))
    wanted = [json.dumps(event) for event in printed]
    # The last words of a process that was killed: acknowledged, and not yet on the disk or on its way to the witness.
    assert len([event for event in wanted if event not in seen]) <= times
    # Doubles are whole: the same id, and the same in all the rest.
    assert set(seen) <= set(wanted)


@pytest.mark.parametrize("frozen_s", short_or_long(8, 60))
def test_a_broker_that_is_frozen(broker, frozen_s):
    """It resumes: nothing is lost, and nothing waited for it."""
    witness = broker.watch(OWN)
    with Monitor(*PRINTING, environment=broker.environment(keepalive_s=5)) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        broker.suspend()
        time.sleep(frozen_s)
        broker.resume()
        wait_until(lambda: {json.dumps(one) for one in monitor.printed} <= {json.dumps(one) for one in events(witness)})
        seen = {json.dumps(one) for one in events(witness)}
        told = health(witness)
        printed = ended(monitor, witness)
    assert told["audio_lost_s"] == 0
    assert told["dropped"] == 0
    # Speech that was heard late would say so.
    assert max(event["latency_s"] for event in printed) < 1
    assert {json.dumps(event) for event in printed} <= seen | {json.dumps(one) for one in events(witness)}


@pytest.mark.parametrize("wrong_s", short_or_long(4, 290))
def test_a_wrong_password_is_said_once_and_the_right_one_is_taken_on_sighup(secured_broker, tmp_path, wrong_s):
    password = tmp_path / "password"
    password.write_text("wrong\n")
    environment = secured_broker.environment(username=MONITOR.username, password_file=password)
    witness = secured_broker.watch(OWN)
    with Monitor("--input", "-", environment=environment) as monitor:
        monitor.talk()
        monitor.wait_for_log("password")
        time.sleep(wrong_s)
        assert monitor.log.count("WARNING") == 1
        password.write_text(f"{MONITOR.password}\n")
        monitor.reload()
        witness.wait_for(f"{BASE}/availability")
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        assert monitor.end()[0] == 0


def test_tls_that_turns_plain_and_back_is_refused_until_it_is_put_right(make_broker, authority):
    """A reload to plain against TLS, and to TLS against plain: neither falls back to the other."""
    tls = make_broker(certificate=authority.issue("server"))
    plain = make_broker()
    witness = tls.watch(OWN)
    base = f'[mqtt]\nenabled = true\nhost = "localhost"\nport = {tls.port}\n'
    secure = f'[mqtt.tls]\nenabled = true\nca_file = "{authority.ca_file}"\n'
    with Monitor("--input", "-", environment=only_from_file(tls), config=base + secure) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        monitor.configure(base)
        monitor.reload()
        monitor.wait_for_log("if that port speaks TLS")
        witness.clear()
        monitor.configure(base.replace(str(tls.port), str(plain.port)) + secure)
        monitor.reload()
        monitor.wait_for_log("if that port speaks plain MQTT")
        with plain.watch("#") as nobody:
            time.sleep(2)
            assert not nobody.messages
        monitor.configure(base + secure)
        monitor.reload()
        witness.wait_for(f"{BASE}/event", timeout_s=20)


def only_from_file(broker):
    return {name: value for name, value in broker.environment().items() if not name.startswith("SER_MONITOR__")}


@pytest.mark.parametrize("seconds", short_or_long(4, 60))
def test_a_thousand_bad_commands_a_second_do_not_reach_the_audio(broker, seconds):
    witness = broker.watch(OWN)
    bad = [b"\xff\xfe\x00", b"[" * 5000, b'{"transaction":' + b"9" * 4000 + b"}", b"{" * 15_000, b"x" * 60_000, b""]
    with Monitor(*PRINTING, environment=broker.environment()) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        n_threads = threads_of(monitor)
        with broker.watch(topics=()) as flooder:
            began = time.monotonic()
            for number in range(1000 * seconds):
                topic = ("request/health_check", "request/nonsense", "mute/set")[number % 3]
                flooder.publish(f"{BASE}/{topic}", bad[number % len(bad)], qos=0)
                time.sleep(max(began + number / 1000 - time.monotonic(), 0))
        # At least some are told what was wrong with them.
        answer = witness.wait_for(f"{BASE}/response/health_check", lambda seen: "error" in seen.json)
        assert answer.json["error"]
        time.sleep(1.5)
        told = health(witness)
        assert told["state"] in ("listening", "speech")
        assert told["audio_lost_s"] == 0
        assert threads_of(monitor) == n_threads
        witness.clear()
        wait_until(lambda: events(witness), 20)
        assert max(event["latency_s"] for event in monitor.printed) < 1


def threads_of(monitor):
    return len(list(Path(f"/proc/{monitor.process.pid}/task").iterdir()))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_is_retained_of_a_killed_monitor_vanishes(broker):
    """The emotion within 5 minutes, and whether somebody speaks within 2; only `offline` stays."""
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/state", lambda seen: seen.json["emotion"] != "none", timeout_s=20)
        monitor.process.kill()
    time.sleep(125)
    assert retained(broker) == {"availability", "info", "mute/state", "state"}
    time.sleep(180)
    assert retained(broker) == {"availability", "info", "mute/state"}


def retained(broker):
    with broker.watch(OWN) as late:
        late.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")
        time.sleep(0.5)
        return {seen.topic.removeprefix(f"{BASE}/") for seen in late.messages}

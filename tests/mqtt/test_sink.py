"""The sink against a real broker that stops, dies, freezes and forgets."""

import json
import threading
import time

import jsonschema
import numpy as np
import pytest
from mqtt.broker import Login
from mqtt.conftest import MONITOR
from statuses import status_taken
from waiting import wait_until

from monitor.clock import RecordingClock
from monitor.errors import OutputFailedError
from monitor.model import EmotionModel, shipped_model
from monitor.mqtt import connection
from monitor.mqtt.payloads import schemas
from monitor.mqtt.topics import AVAILABILITY, INFO, MUTE_STATE, SPEECH, STATE, STATUS
from monitor.records import EmotionEvent, Estimate, LevelMeasured, Report, SpeechStarted
from monitor.sinks.mqtt import MqttSink, Speech
from monitor.sinks.schema import Identity, event_payload

BASE = "ser-monitor/kitchen"
LABELS = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
CLOCK = RecordingClock(1_700_000_000.0, 16_000, synced=True)


@pytest.fixture(scope="session")
def model():
    return EmotionModel.load(shipped_model())


@pytest.fixture
def make_sink(model):
    sinks = []

    def make(settings, *, node="kitchen", patient=False, on_mute=lambda muted: None):
        speech = Speech(settings=settings, node=node, model=model, version="1.2.3", limits={"queue_max": 7})
        sink = MqttSink(speech, patient=patient, on_mute=on_mute)
        sinks.append(sink)
        return sink

    yield make
    for sink in sinks:
        sink._connection.stop(1.0)


def report_of(number, kind="end", emotion="happy"):
    event = EmotionEvent(
        type=kind,
        segment=number,
        emotion=emotion,
        confidence=0.7,
        scores={label: (0.7 if label == emotion else 0.05) for label in LABELS},
        start_sample=number * 16_000,
        end_sample=number * 16_000 + 8_000,
        speech_samples=8_000,
        windows=2,
        level_dbfs=-20.0,
    )
    identity = Identity("kitchen", "emotion@12345678", "abcdef", 16_000, {})
    payload = event_payload(event, CLOCK.wall_s(event.start_sample), CLOCK, identity)
    return Report(event, CLOCK.wall_s(event.end_sample), payload)


def status(state="listening", **changes):
    return Report(status_taken(state, **changes), time.time())


def absent(make_broker):
    """A broker that is not there yet, and a witness who will miss nothing: the broker keeps it all for them."""
    broker = make_broker(persistent=True)
    witness = broker.watch(lasting=True)
    broker.stop()
    return broker, witness


def ids(witness, topic=f"{BASE}/event"):
    return [seen.json["id"] for seen in witness.of(topic)]


def wanted_ids(numbers):
    return [f"abcdef-{number:06d}" for number in numbers]


def online(witness, node="kitchen"):
    """Wait until the broker has the node's subscriptions: they go out before the word that it is there."""
    witness.wait_for(f"ser-monitor/{node}/availability", lambda seen: seen.text == "online")


def paths(witness):
    return [seen.topic.removeprefix("ser-monitor/kitchen/") for seen in witness.messages]


def test_a_state_that_stays_is_said_again_each_minute_and_no_estimate_else_wakes_the_sink(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    wait_until(lambda: witness.of(f"{BASE}/state"))
    sink.write(report_of(1, "new"))
    wanted = []
    for half_second in range(250):
        end = 24_000 + half_second * 8_000
        even = np.full(len(LABELS), 1 / len(LABELS))
        estimate = Estimate(end - 48_000, end, even, even, "happy", 0.7)
        if sink.wants(estimate):
            wanted.append(half_second / 2)
            sink.write(Report(estimate, CLOCK.wall_s(end)))
    assert wanted == [60, 120]

    def spoken():
        return [seen.json["updated"] for seen in witness.of(f"{BASE}/state") if seen.json["event_id"]]

    wait_until(lambda: len(spoken()) == 3)
    assert spoken() == sorted(set(spoken()))


def test_what_a_report_says_goes_out_in_one_go(broker, make_sink):
    """An event and its state, a status and who speaks: the connection's thread wakes up once for both."""
    witness = broker.watch()
    sink = make_sink(broker.settings())
    wait_until(lambda: witness.of(f"{BASE}/speech"))
    woken, wake = [], sink._connection.wake
    sink._outgoing.on_change(lambda: (woken.append(len(woken)), wake()))
    for report in (report_of(1, "new"), status("speech"), report_of(1, "end")):
        sink.write(report)
    assert len(woken) == 3
    wait_until(lambda: len(witness.of(f"{BASE}/event")) == 2 and len(witness.of(f"{BASE}/state")) == 3)


def test_a_connection_begins_with_the_announcement_in_order(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    sink.write(status())
    witness.wait_for(f"{BASE}/status")
    witness.wait_for(f"{BASE}/speech")
    discovery = next(path for path in paths(witness) if path.startswith("homeassistant/device/ser_monitor_"))
    wanted = [AVAILABILITY.path, INFO.path, discovery, MUTE_STATE.path, STATUS.path, STATE.path, SPEECH.path]
    assert paths(witness)[:7] == wanted
    for topic in (AVAILABILITY, INFO, MUTE_STATE, STATE, SPEECH, STATUS):
        seen = witness.last(f"{BASE}/{topic.path}")
        assert (seen.qos, seen.retain) == (topic.qos, topic.retain), topic
        assert seen.expiry_s == topic.expiry_s, topic
    assert witness.last(f"{BASE}/availability").text == "online"
    jsonschema.validate(witness.last(f"{BASE}/info").json, schemas()["info"])
    jsonschema.validate(witness.last(f"{BASE}/state").json, schemas()["state"])
    jsonschema.validate(witness.last(f"{BASE}/status").json, schemas()["status"])


def test_a_broker_that_comes_late_gets_everything_once_in_order(make_broker, make_sink):
    broker, witness = absent(make_broker)
    sink = make_sink(broker.settings())
    for number in range(1, 8):
        sink.write(report_of(number))
    time.sleep(2.5)
    assert sink.failure.startswith("nothing listens at")
    broker.start()
    witness.wait_for(f"{BASE}/event", count=7)
    assert ids(witness) == wanted_ids(range(1, 8))
    assert paths(witness)[:2] == ["availability", "info"]
    assert sink.failure == ""
    wait_until(lambda: sink.n_queued == 0)


def test_a_broker_that_dies_again_and_again_loses_nothing(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    witness.wait_for(f"{BASE}/availability")
    stop = threading.Event()

    def disturb():
        while not stop.wait(1.5):
            broker.kill()
            time.sleep(0.3)
            broker.start()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        for number in range(1, 121):
            sink.write(report_of(number))
            time.sleep(0.05)
    finally:
        stop.set()
        disturber.join()
    wait_until(lambda: sink.n_queued == 0, 30)
    time.sleep(0.3)
    # A killed broker takes along what its witness has not read yet: what it acknowledged last may be missing here.
    assert sink.n_dropped == 0
    assert sink.n_reconnects >= 1
    seen = ids(witness)
    assert len(set(wanted_ids(range(1, 121))) - set(seen)) <= 2
    assert sink._outgoing.n_acknowledged == 120


def test_a_frozen_broker_holds_up_nobody(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings(keepalive_s=5))
    witness.wait_for(f"{BASE}/availability")
    broker.suspend()
    slowest_s = 0.0
    for number in range(1, 301):
        before = time.monotonic()
        sink.write(report_of(number))
        slowest_s = max(slowest_s, time.monotonic() - before)
        time.sleep(0.01)
    assert slowest_s < 0.1
    broker.resume()
    # An acknowledgement may arrive before the witness' copy does.
    wait_until(lambda: set(ids(witness)) == set(wanted_ids(range(1, 301))), 30)
    wait_until(lambda: sink.n_queued == 0)


def test_beyond_the_bound_the_newest_arrive(make_broker, make_sink):
    broker, witness = absent(make_broker)
    sink = make_sink(broker.settings(queue_max=100))
    for number in range(1, 151):
        sink.write(report_of(number))
    assert sink.n_dropped == 50
    assert sink.n_queued == 100
    broker.start()
    witness.wait_for(f"{BASE}/event", count=100)
    assert ids(witness) == wanted_ids(range(51, 151))


def test_a_broker_that_forgot_everything_is_told_again(broker, make_sink):
    sink = make_sink(broker.settings())
    sink.write(status())
    sink.write(report_of(1, "new", "sad"))
    wait_until(lambda: not sink.failure and sink.n_queued == 0)
    broker.kill()
    broker.start()
    back = time.monotonic()
    with broker.watch() as witness:
        for topic in (AVAILABILITY, INFO, MUTE_STATE, STATE, SPEECH, STATUS):
            witness.wait_for(f"{BASE}/{topic.path}", timeout_s=5)
        witness.wait_for("homeassistant/device/+/config", timeout_s=5)
        assert time.monotonic() - back < 5
        assert witness.last(f"{BASE}/state").json["emotion"] == "sad"


def test_births_of_home_assistant_are_answered_once(broker, make_sink):
    witness = broker.watch()
    make_sink(broker.settings())
    online(witness)
    witness.wait_for(f"{BASE}/state")
    witness.clear()
    for _ in range(50):
        witness.publish("homeassistant/status", "online")
    witness.wait_for("homeassistant/device/+/config", timeout_s=9)
    time.sleep(2.5)
    assert len(witness.of("homeassistant/device/+/config")) == 1
    assert [path for path in paths(witness) if path in ("availability", "info", "state")] == [
        "availability",
        "info",
        "state",
    ]


def test_state_follows_the_voice_and_vanishes_with_its_speech(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    wait_until(lambda: not sink.failure)
    sink.write(Report(SpeechStarted(0), 0.0))
    sink.write(report_of(1, "new", "sad"))
    sink.write(report_of(1, "update", "angry"))
    sink.write(report_of(1, "end", "angry"))
    witness.wait_for(f"{BASE}/state", lambda seen: seen.json["emotion"] == "none", count=2)
    states = [seen.json for seen in witness.of(f"{BASE}/state")][-3:]
    assert [state["emotion"] for state in states] == ["sad", "angry", "none"]
    assert [state["event_id"] for state in states] == ["abcdef-000001", "abcdef-000001", None]
    for state in states:
        jsonschema.validate(state, schemas()["state"])
    assert [seen.json["type"] for seen in witness.of(f"{BASE}/event")] == ["new", "update", "end"]
    assert [seen.text for seen in witness.of(f"{BASE}/speech")][-1] == "ON"


def test_the_end_is_said_in_order(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    wait_until(lambda: not sink.failure)
    sink.write(Report(SpeechStarted(0), 0.0))
    sink.write(report_of(1, "new"))
    witness.wait_for(f"{BASE}/state", lambda seen: seen.json["emotion"] == "happy")
    witness.clear()
    before = time.monotonic()
    sink.close()
    assert time.monotonic() - before < 2
    witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")
    assert paths(witness) == ["state", "speech", "availability"]
    assert witness.last(f"{BASE}/state").json["emotion"] == "none"


def test_level_only_where_wanted_and_once_a_second(broker, make_sink):
    witness = broker.watch()
    quiet, loud = make_sink(broker.settings(), node="quiet"), make_sink(broker.settings(publish_level=True))
    wait_until(lambda: not quiet.failure and not loud.failure)
    for tenth in range(30):
        for sink in (quiet, loud):
            sink.write(Report(LevelMeasured(0, -33.25, float("-inf")), 100.0 + tenth / 10))
    witness.wait_for(f"{BASE}/level", count=3)
    time.sleep(0.3)
    assert len(witness.of(f"{BASE}/level")) == 3
    assert witness.last(f"{BASE}/level").json == {"rms_dbfs": -33.2, "peak_dbfs": None}
    assert not witness.of("ser-monitor/quiet/level")


@pytest.mark.parametrize(
    ("allowed", "asked", "heard"), [(True, ["ON", "OFF"], [True, False]), (False, ["ON", "OFF"], [True])]
)
def test_mute_is_obeyed_and_unmute_only_where_allowed(broker, make_sink, allowed, asked, heard):
    mutes = []
    witness = broker.watch()
    sink = make_sink(broker.settings(allow_remote_unmute=allowed), on_mute=mutes.append)
    online(witness)
    for payload in [*asked, "on", "", "1", "ON "]:
        witness.publish(f"{BASE}/mute/set", payload)
    wait_until(lambda: mutes == heard)
    # Switches that turned by themselves are turned back.
    witness.wait_for(f"{BASE}/mute/state", count=4)
    assert mutes == heard
    sink.write(status("muted"))
    assert witness.wait_for(f"{BASE}/mute/state", lambda seen: seen.text == "ON").retain


@pytest.mark.parametrize(
    ("request_text", "wanted"),
    [
        (b"", {"status": "ok", "transaction": None}),
        (b'{"transaction":"t1"}', {"status": "ok", "transaction": "t1"}),
        (b'{"transaction":7,"more":[1]}', {"status": "ok", "transaction": 7}),
        (b"not json", {"status": "error"}),
        (b"[" * 900, {"status": "error"}),
        (b'{"transaction":' + b"9" * 5000 + b"}", {"status": "error"}),
        (b"\xff\xfe\x00", {"status": "error"}),
        (b'{"transaction":{"deep":{}}}', {"status": "error"}),
    ],
)
def test_requests_are_answered_whatever_they_hold(broker, make_sink, request_text, wanted):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    sink.write(status())
    online(witness)
    for command in ("health_check", "info"):
        witness.publish(f"{BASE}/request/{command}", request_text)
        answer = witness.wait_for(f"{BASE}/response/{command}").json
        jsonschema.validate(answer, schemas()["response"])
        assert {key: answer[key] for key in wanted} == wanted
        if answer["status"] == "ok":
            jsonschema.validate(answer["data"], schemas()[{"health_check": "status", "info": "info"}[command]])


def test_a_flood_of_commands_does_no_harm(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    online(witness)
    for number in range(1000):
        payload = (b"\x00" * 5000, b"{" * 100, b'{"transaction":1}', b"ON?")[number % 4]
        witness.publish(
            f"{BASE}/{('request/info', 'request/nonsense', 'request/a/b', 'mute/set')[number % 4]}", payload
        )
    sink.write(report_of(1))
    witness.wait_for(f"{BASE}/event", timeout_s=20)
    assert sink.tend()
    assert sink._connection.failure == ""
    assert len(witness.of(f"{BASE}/response/#")) < 200
    time.sleep(4)  # the allowance is there again
    witness.clear()
    witness.publish(f"{BASE}/request/info", b'{"transaction":"after"}')
    assert witness.wait_for(f"{BASE}/response/info", lambda seen: seen.json["transaction"] == "after")


def test_announce_is_a_request_too(broker, make_sink):
    witness = broker.watch()
    make_sink(broker.settings())
    witness.wait_for(f"{BASE}/info")
    witness.clear()
    witness.publish(f"{BASE}/request/announce", b"")
    witness.wait_for(f"{BASE}/info", timeout_s=9)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_is_noticed_and_built_anew(broker, make_sink, monkeypatch):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    wait_until(lambda: not sink.failure)
    first = sink._connection._thread

    def die(*_):
        raise SystemExit

    monkeypatch.setattr(sink._connection, "_session", die)
    broker.kill()
    wait_until(lambda: not first.is_alive())
    monkeypatch.undo()
    broker.start()
    sink.write(report_of(1))
    assert sink.tend()
    assert sink._connection._thread is not first
    witness.wait_for(f"{BASE}/event")


def test_a_thread_that_hangs_is_noticed(broker, make_sink, monkeypatch):
    """Only a new process helps: `tend` says so, to the watch."""
    sink = make_sink(broker.settings())
    wait_until(lambda: not sink.failure)
    goes_on = threading.Event()
    monkeypatch.setattr(connection, "_HUNG_S", 0.8)
    monkeypatch.setattr(sink._connection._outgoing, "take", lambda _window: goes_on.wait(20) and None)
    assert sink.tend()
    wait_until(lambda: not sink.tend())
    goes_on.set()
    monkeypatch.undo()
    wait_until(sink.tend)


def test_a_resolver_without_answer_is_no_thread_that_hangs(broker, make_sink, monkeypatch):
    monkeypatch.setattr(connection, "_HUNG_S", 0.8)
    answers = threading.Event()
    monkeypatch.setattr(connection._Session, "connect", lambda _self: answers.wait(20))
    sink = make_sink(broker.settings())
    time.sleep(1.2)
    assert sink.tend()
    answers.set()


def test_an_exception_in_a_callback_ends_the_connection_and_not_the_thread(broker, make_sink, monkeypatch):
    witness = broker.watch()
    sink = make_sink(broker.settings())
    online(witness)

    def fail(*_args, **_kwargs):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(sink._commands, "take", fail)
    witness.publish(f"{BASE}/request/info", b"")
    wait_until(lambda: "broken on purpose" in sink.failure)
    monkeypatch.undo()
    wait_until(lambda: not sink.failure)
    assert sink.n_reconnects == 1


def test_two_clients_with_one_id_name_the_clash_and_back_off(broker, make_sink):
    first = make_sink(broker.settings())
    wait_until(lambda: not first.failure)
    second = make_sink(broker.settings())
    seen = {first: "", second: ""}

    def both_name_it():
        for sink in seen:
            seen[sink] += sink.failure
        return all("again and again: does another client use the same client id" in text for text in seen.values())

    wait_until(both_name_it, 40)
    assert first._connection._wait_s > 2
    assert second._connection._wait_s > 2


def test_a_broker_that_is_stopped_is_not_an_unspecified_error(broker, make_sink):
    sink = make_sink(broker.settings())
    wait_until(lambda: not sink.failure)
    seen = []
    broker.stop()
    wait_until(lambda: seen.append(sink.failure) or seen[-1])
    assert "the broker closed it; was it stopped, or does another client use the same client id" in seen[-1]
    assert "'ser-monitor-kitchen'?" in seen[-1]


def test_a_refused_unmute_is_logged_among_nonsense(broker, make_sink, caplog):
    witness = broker.watch()
    make_sink(broker.settings())
    online(witness)
    for payload in ("on", "off", "OFF", "OFF"):
        witness.publish(f"{BASE}/mute/set", payload)
    witness.wait_for(f"{BASE}/mute/state", count=5)
    said = [record.message for record in caplog.records if record.message.startswith("MQTT: ")]
    assert [text.split()[1] for text in said] == ["found", "unmute"]


def test_three_nodes_do_not_hear_each_other(broker, make_sink):
    witness = broker.watch()
    mutes = {node: [] for node in ("a", "b", "c")}
    for node, heard in mutes.items():
        make_sink(broker.settings(), node=node, on_mute=heard.append)
    for node in mutes:
        online(witness, node)
    witness.publish("ser-monitor/b/mute/set", "ON")
    witness.publish("ser-monitor/c/request/info", b"")
    answer = witness.wait_for("ser-monitor/+/response/info")
    wait_until(lambda: mutes["b"])
    assert answer.json["data"]["node"] == "c"
    assert mutes == {"a": [], "b": [True], "c": []}
    uids = {seen.topic for seen in witness.of("homeassistant/device/+/config")}
    assert len(uids) == 3


@pytest.mark.parametrize("kind", ["expired_broker", "misnamed_broker", "tls_broker", "plain"])
def test_what_tls_refuses_is_refused_with_its_reason_and_never_goes_plain(
    request, make_broker, authority, make_sink, kind
):
    broker = make_broker() if kind == "plain" else request.getfixturevalue(kind)
    ca_file = str(authority.ca_file)
    if kind == "tls_broker":  # trusted by nobody here
        ca_file = ""
    witness = broker.watch("ser-monitor/#")
    sink = make_sink(broker.settings(tls={"enabled": True, "ca_file": ca_file}))
    sink.write(report_of(1))
    reason = {
        "expired_broker": "expired",
        "misnamed_broker": "another host name",
        "tls_broker": "not trusted",
        "plain": "TLS",
    }[kind]
    wait_until(lambda: reason in sink.failure)
    time.sleep(1.5)
    assert not witness.messages
    assert sink.n_queued == 1


def test_tls_with_a_client_certificate(mutual_broker, authority, make_sink):
    own = authority.issue("monitor")
    tls = {
        "enabled": True,
        "ca_file": str(authority.ca_file),
        "cert_file": str(own.cert_file),
        "key_file": str(own.key_file),
    }
    witness = mutual_broker.watch()
    make_sink(mutual_broker.settings(tls=tls)).write(report_of(1))
    witness.wait_for(f"{BASE}/event")


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_a_client_certificate_that_is_missing_is_named(make_broker, authority, make_sink, version):
    certificate = authority.issue("server")
    broker = make_broker(certificate=certificate, client_ca=authority.ca_file, lines=[f"tls_version {version}"])
    sink = make_sink(broker.settings(tls={"enabled": True, "ca_file": str(authority.ca_file)}))
    wait_until(lambda: "client certificate" in sink.failure)
    assert "[mqtt.tls] cert_file" in sink.failure


def test_another_configuration_keeps_what_waits_and_leaves_nothing_behind(broker, make_broker, make_sink, model):
    elsewhere, witness = absent(make_broker)
    sink = make_sink(broker.settings())
    wait_until(lambda: not sink.failure)
    speech = Speech(settings=elsewhere.settings(), node="attic", model=model, version="1", limits={})
    sink.change(speech)
    sink.write(report_of(1))
    with broker.watch() as before:
        before.wait_for("ser-monitor/kitchen/availability", lambda seen: seen.text == "offline")
        wait_until(lambda: not [seen for seen in before.of("ser-monitor/kitchen/state")[-1:] if seen.payload])
    elsewhere.start()
    witness.wait_for("ser-monitor/attic/event")
    assert witness.wait_for("ser-monitor/attic/availability").text == "online"


def test_info_holds_no_secret(secured_broker, make_sink):
    password = MONITOR.password
    witness = secured_broker.watch()
    make_sink(secured_broker.settings(username=MONITOR.username, password=password))
    info = witness.wait_for(f"{BASE}/info")
    assert password not in json.dumps([seen.text for seen in witness.messages])
    assert info.json["limits"] == {"queue_max": 7}


def test_it_goes_offline_whatever_still_waits(broker, make_sink):
    """A stop within a backlog: the broker says the will, and what comes late does not undo it."""
    witness = broker.watch()
    sink = make_sink(broker.settings())
    wait_until(lambda: not sink.failure)
    broker.suspend()
    for number in range(1, 200):
        sink.write(report_of(number))
    threading.Timer(2.5, broker.resume).start()
    sink.close()
    witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline", timeout_s=15)
    time.sleep(0.5)
    assert witness.last(f"{BASE}/availability").text == "offline"


def test_a_stop_right_after_the_connect_leaves_offline(broker, make_sink):
    for delay_s in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
        sink = make_sink(broker.settings())
        time.sleep(delay_s)
        sink.close()
        time.sleep(0.2)
        with broker.watch(f"{BASE}/availability") as late:
            time.sleep(0.1)
            assert late.last(f"{BASE}/availability") is None or late.last(f"{BASE}/availability").text == "offline"


def test_a_broker_that_refuses_events_is_no_delivery(make_broker, make_sink, caplog):
    forbidden = Login("monitor", "secret", acl=("topic write ser-monitor/kitchen/availability", "topic read #"))
    broker = make_broker(logins=(forbidden,), lines=("max_queued_messages 1000",))
    sink = make_sink(broker.settings(username="monitor", password="secret"), patient=True)  # noqa: S106
    for number in range(1, 6):
        sink.write(report_of(number))
    with pytest.raises(OutputFailedError, match="not taken by the broker"):
        sink.close()
    assert sink._outgoing.n_acknowledged == 0
    assert sink.n_dropped == 5
    refusals = [record.message for record in caplog.records if "access rules" in record.message]
    # One line for all topics of ours, and nothing about a password that was right.
    assert [text for text in refusals if f"let them write {BASE}/#" in text] == [refusals[0]]
    assert refusals[0].startswith(f"the broker does not let user 'monitor' publish on {BASE}/info")
    assert "password" not in caplog.text


def test_mute_is_obeyed_in_a_flood(broker, make_sink):
    mutes = []
    witness = broker.watch()
    make_sink(broker.settings(), on_mute=mutes.append)
    online(witness)
    for number in range(500):
        witness.publish(f"{BASE}/request/info", b"")
        if number == 250:
            witness.publish(f"{BASE}/mute/set", "ON")
    wait_until(lambda: mutes == [True])


def test_a_small_bound_keeps_the_newest(broker, make_sink):
    witness = broker.watch()
    sink = make_sink(broker.settings(queue_max=10, keepalive_s=5))
    wait_until(lambda: not sink.failure)
    witness.wait_for(f"{BASE}/speech")
    broker.suspend()
    for number in range(1, 31):
        sink.write(report_of(number))
    broker.resume()
    wait_until(lambda: set(wanted_ids(range(21, 31))) <= set(ids(witness)), 30)


def test_another_node_during_an_outage_leaves_nothing_behind(broker, make_sink, model):
    sink = make_sink(broker.settings())
    sink.write(status())
    sink.write(report_of(1, "new"))
    wait_until(lambda: not sink.failure and sink.n_queued == 0)
    with broker.watch(f"{BASE}/#") as before:
        before.wait_for(f"{BASE}/state")
    broker.suspend()
    sink.change(Speech(settings=broker.settings(), node="attic", model=model, version="1", limits={}))
    broker.resume()
    witness = broker.watch("ser-monitor/attic/#")
    witness.wait_for("ser-monitor/attic/availability", lambda seen: seen.text == "online", timeout_s=20)
    wait_until(lambda: sink.n_queued == 0)
    time.sleep(0.3)
    with broker.watch(("ser-monitor/kitchen/#", "homeassistant/device/+/config")) as late:
        time.sleep(0.3)
        assert [(seen.topic, seen.text) for seen in late.of("ser-monitor/#")] == [(f"{BASE}/availability", "offline")]
        assert len(late.of("homeassistant/device/+/config")) == 1

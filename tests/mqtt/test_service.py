"""The whole program against a real broker: what a second client sees, in every way in which it can begin and end."""

import itertools
import json
import re
import resource
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema
import msgspec
import pytest
from mqtt.conftest import MONITOR
from mqtt.program import NODE, RATE_HZ, SER, Monitor, speech
from ports import free_port
from waiting import wait_until

from monitor.card import read_model_file, write_model_file
from monitor.model import shipped_model
from monitor.mqtt.payloads import schemas
from monitor.sinks.schema import event_schema

BASE = f"ser-monitor/{NODE}"
OWN = f"{BASE}/#"


def play(environment, *arguments):
    command = [*SER, "--input", "demo", *arguments]
    return subprocess.run(
        command,
        env={**environment, "SER_MONITOR__NODE": NODE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )


def is_listening(seen):
    return seen.json["state"] in ("listening", "speech")


def test_a_recording_is_told_in_full_and_in_order(broker):
    witness = broker.watch(OWN)
    done = play(broker.environment(), "--format", "json", "--start-time", "2026-11-20T13:04:20Z")
    assert done.returncode == 0, done.stderr
    witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    events = [seen.json for seen in witness.of(f"{BASE}/event")]
    assert events == printed
    for event in events:
        jsonschema.validate(event, event_schema())
    # What follows from the events, in between them.
    wanted = ["availability online", "info", "mute/state OFF", "state none", "speech OFF"]
    wanted += [text for event in events for text in (f"event {event['type']}", f"state {shown(event)}")]
    told = [line for seen in witness.messages if (line := told_by(seen))]
    without_speech = [line for line in told if not line.startswith("speech")]
    assert without_speech == [*(line for line in wanted if not line.startswith("speech")), "availability offline"]
    # The status repeats what holds.
    turns = [line for line, _ in itertools.groupby(line for line in told if line.startswith("speech"))]
    assert turns[0] == "speech OFF"
    assert turns[1::2] == ["speech ON"] * len(turns[1::2])
    assert turns[2::2] == ["speech OFF"] * len(turns[2::2])


def shown(event):
    return "none" if event["type"] == "end" else event["emotion"]


def told_by(seen):
    """A line of the transcript; the status comes when it comes."""
    path = seen.topic.removeprefix(f"{BASE}/")
    if path in ("availability", "speech", "mute/state"):
        return f"{path} {seen.text}"
    if path == "state":
        return f"state {seen.json['emotion']}"
    if path == "event":
        return f"event {seen.json['type']}"
    return "" if path == "status" else path


def test_two_runs_say_the_same(broker):
    seen = []
    for _ in range(2):
        with broker.watch(f"{BASE}/event") as witness:
            assert play(broker.environment(), "--start-time", "2026-11-20T13:04:20Z").returncode == 0
            witness.wait_for(f"{BASE}/event", lambda one: one.json["id"].endswith("6") and one.json["type"] == "end")
            seen.append([one.payload for one in witness.messages])
    assert seen[0] == seen[1]


def test_a_recording_without_a_broker_says_so_and_fails(make_broker):
    broker = make_broker(start=False)
    done = play(broker.environment())
    assert done.returncode == 74
    assert b"nothing listens at" in done.stderr


def test_killed_it_is_offline_at_once(broker):
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk()
        state = witness.wait_for(f"{BASE}/state", lambda seen: seen.json["emotion"] != "none", timeout_s=20)
        assert state.expiry_s == 300
        witness.clear()
        before = time.monotonic()
        monitor.process.kill()
        offline = witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")
        assert offline.at_s - before < 1
        assert offline.retain


def test_frozen_it_is_offline_after_one_and_a_half_keepalives(broker):
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment(keepalive_s=5)) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "online", timeout_s=20)
        before = time.monotonic()
        monitor.send("SIGSTOP")
        offline = witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline", timeout_s=20)
        assert 4 < offline.at_s - before < 13


@pytest.mark.parametrize("when", ["listening", "speech", "muted", "broker gone", "broker frozen", "no broker"])
def test_sigterm_ends_in_order_whatever_is_going_on(make_broker, when):
    broker = make_broker(start=when != "no broker")
    witness = broker.watch(OWN) if when != "no broker" else None
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        if when == "listening":
            monitor.be_silent(3)
        else:
            monitor.talk(speech()[: int(10.8 * 16_000)], repeat=False, pace=4)
        if when == "no broker":
            monitor.wait_for_log("nothing listens")
        elif when == "listening":
            witness.wait_for(f"{BASE}/status", is_listening)
        else:
            witness.wait_for(f"{BASE}/event", lambda seen: seen.json["id"].endswith("3"), timeout_s=30)
        if when == "muted":
            witness.publish(f"{BASE}/mute/set", "ON")
            witness.wait_for(f"{BASE}/mute/state", lambda seen: seen.text == "ON")
        if when == "broker gone":
            broker.kill()
        if when == "broker frozen":
            broker.suspend()
        code, took_s = monitor.end()
        assert code == 0, monitor.log
        assert took_s < 5
    if when in ("listening", "speech", "muted"):
        witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "offline")
        events = [(seen.json["type"], seen.json["id"]) for seen in witness.of(f"{BASE}/event")]
        news, ends = ([one for kind, one in events if kind == wanted] for wanted in ("new", "end"))
        assert news == ends
        assert witness.last(f"{BASE}/state").json["emotion"] == "none"
        assert witness.messages[-1].topic == f"{BASE}/availability"
    if when == "broker frozen":
        broker.resume()


def test_mute_closes_speech_and_unmute_goes_on(broker):
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment(allow_remote_unmute="true")) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "new", timeout_s=20)
        witness.publish(f"{BASE}/mute/set", "ON")
        witness.wait_for(f"{BASE}/mute/state", lambda seen: seen.text == "ON")
        time.sleep(1)
        assert witness.last(f"{BASE}/event").json["type"] == "end"
        assert witness.last(f"{BASE}/status").json["state"] == "muted"
        witness.clear()
        time.sleep(6)
        assert not witness.of(f"{BASE}/event")
        witness.publish(f"{BASE}/mute/set", "OFF")
        witness.wait_for(f"{BASE}/mute/state", lambda seen: seen.text == "OFF")
        event = witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "new", timeout_s=20).json
        assert event["id"].endswith(("2", "3", "4"))
        # Time went on: what was not listened to is no loss.
        assert witness.last(f"{BASE}/status").json["audio_lost_s"] == 0


def test_a_bad_file_is_refused_with_one_line_and_the_old_configuration_stays(broker):
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/availability", timeout_s=20)
        monitor.configure("[vad]\nmodus = 3\n")
        monitor.reload()
        monitor.wait_for_log("modus")
        assert len([line for line in monitor.log.splitlines() if "modus" in line]) == 1
        assert "config.toml:2" in monitor.log
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        monitor.configure("[decision]\nmin_confidence = 0.95\n")
        monitor.reload()
        monitor.wait_for_log("configuration read again")
        assert monitor.process.poll() is None


@pytest.mark.parametrize("place", ["named", "standard"])
def test_a_file_that_has_gone_is_no_reason_to_forget_it(broker, tmp_path, place):
    """Without it the defaults would hold, and MQTT would be off."""
    witness = broker.watch(OWN)
    environment = {k: v for k, v in broker.environment().items() if not k.startswith("SER_MONITOR__")}
    config = f'node = "{NODE}"\n[mqtt]\nenabled = true\nport = {broker.port}\n'
    (tmp_path / "ser-monitor").mkdir()
    found = tmp_path / "ser-monitor" / "config.toml" if place == "standard" else None
    variables = {**environment, "XDG_CONFIG_HOME": str(tmp_path)}
    with Monitor("--input", "-", environment=variables, node=None, config=config, found=found) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        monitor.config.unlink()
        monitor.reload()
        monitor.wait_for_log("the configuration stays as it was")
        assert f"the configuration file {monitor.config} has gone; put it back" in monitor.log
        witness.clear()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        monitor.configure(config.replace("enabled = true", "enabled = false"))
        monitor.reload()
        monitor.wait_for_log("configuration read again; switched on: stdout; switched off: mqtt")


def test_a_hundred_reloads_lose_no_audio_and_leak_nothing(broker):
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        time.sleep(1)
        before = resources(monitor)
        for number in range(100):
            monitor.configure(f"[decision]\nmin_confidence = {0.4 + number % 2 / 10}\n")
            monitor.reload()
            time.sleep(0.05)
        witness.clear()
        witness.publish(f"{BASE}/request/health_check", b"")
        answer = witness.wait_for(f"{BASE}/response/health_check", timeout_s=10).json["data"]
        assert answer["audio_lost_s"] == 0
        assert answer["reconnects"] == 0
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        after = resources(monitor)
    assert after["threads"] == before["threads"]
    assert after["files"] <= before["files"] + 1
    assert after["memory_mb"] < before["memory_mb"] + 8


def resources(monitor):
    process = Path(f"/proc/{monitor.process.pid}")
    status = (process / "status").read_text()
    return {
        "threads": int(status.split("Threads:")[1].split()[0]),
        "memory_mb": int(status.split("VmRSS:")[1].split()[0]) / 1000,
        "files": len(list((process / "fd").iterdir())),
    }


def test_another_node_moves_all_topics_and_clears_the_old_ones(broker):
    with Monitor("--input", "-", environment=broker.environment(), node=None, config='node = "old"\n') as monitor:
        monitor.talk()
        witness = broker.watch("ser-monitor/#")
        witness.wait_for("ser-monitor/old/availability", lambda seen: seen.text == "online", timeout_s=20)
        monitor.configure('node = "new"\n')
        monitor.reload()
        witness.wait_for("ser-monitor/new/availability", lambda seen: seen.text == "online", timeout_s=20)
        event = witness.wait_for("ser-monitor/new/event", timeout_s=20).json
        assert event["node"] == "new"
        with broker.watch("ser-monitor/old/#") as late:
            time.sleep(0.5)
            assert [(seen.topic, seen.text) for seen in late.messages] == [("ser-monitor/old/availability", "offline")]


@pytest.mark.parametrize("place", ["file", "environment"])
def test_secrets_stay_secret(secured_broker, tmp_path, place):
    """Neither in the command line, nor in the log, the metrics or the messages; there are no children to inherit it."""
    secret, port = MONITOR.password, free_port()
    password = tmp_path / "password"
    password.write_text(secret)
    changes = {"password": secret} if place == "environment" else {"password_file": password}
    environment = secured_broker.environment(username=MONITOR.username, **changes)
    witness = secured_broker.watch("#")
    config = f'[metrics]\nlisten = "127.0.0.1:{port}"\ntextfile = "{tmp_path}/ser.prom"\n'
    with Monitor("--input", "-", "--log-level", "debug", environment=environment, config=config) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        witness.publish(f"{BASE}/request/info", b"{}")
        witness.wait_for(f"{BASE}/response/info")
        process = Path(f"/proc/{monitor.process.pid}")
        assert secret.encode() not in (process / "cmdline").read_bytes()
        assert secret not in scrape(port)
        assert not (process / f"task/{monitor.process.pid}/children").read_text()
        wait_until((tmp_path / "ser.prom").exists, 40)
        assert secret not in (tmp_path / "ser.prom").read_text()
        monitor.end()
        assert secret not in monitor.log
    assert not [seen for seen in witness.messages if secret.encode() in seen.payload]


def children_of(pid):
    """Processes that any of its threads has started."""
    lists = [task.joinpath("children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [Path("/proc", child) for each in lists for child in each.split()]


def test_a_program_that_brings_the_sound_gets_no_secret(secured_broker, tmp_path):
    """It runs for as long as the monitor does, and might start anything."""
    secret = MONITOR.password
    (tmp_path / "raw").write_bytes(b"\0" * RATE_HZ * 2)
    environment = secured_broker.environment(username=MONITOR.username, password=secret)
    config = f"""[audio]\ncommand = "sh -c 'while cat {tmp_path}/raw; do sleep 1; done'"\n"""
    with Monitor("--log-level", "debug", environment=environment, config=config) as monitor:
        secured_broker.watch(f"{BASE}/#").wait_for(f"{BASE}/status", is_listening)
        children = children_of(monitor.process.pid)
        assert children
        for child in children:
            assert b"SER_MONITOR" not in (child / "environ").read_bytes()
            assert secret.encode() not in (child / "environ").read_bytes() + (child / "cmdline").read_bytes()
        assert monitor.end()[0] == 0
        assert secret not in monitor.log


_FEW = ("sh", "-c", 'ulimit -n 32; exec "$@"', "sh")


def test_few_descriptors_are_enough_over_outages(broker):
    """Of each outage something could stay open."""
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment(), prefix=_FEW) as monitor:
        monitor.talk()
        for _ in range(4):
            witness.wait_for(f"{BASE}/event", timeout_s=30)
            broker.kill()
            witness.clear()
            broker.start()
        witness.wait_for(f"{BASE}/event", timeout_s=30)
        limits = Path(f"/proc/{monitor.process.pid}/limits").read_text()
        assert re.search(r"Max open files +32 ", limits)
        assert monitor.end()[0] == 0, monitor.log
    assert "Too many open files" not in monitor.log


def test_a_reload_for_which_there_is_no_memory_changes_nothing(broker):
    """While a second model is checked the first one works on; the library that both use would wait for its buffer."""
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=30)
        pages = int(Path(f"/proc/{monitor.process.pid}/statm").read_text().split()[0])
        n_bytes = pages * resource.getpagesize() + 20_000_000
        resource.prlimit(monitor.process.pid, resource.RLIMIT_AS, (n_bytes, n_bytes))
        monitor.configure("[model]\nthreads = 2\n")
        monitor.reload()
        monitor.wait_for_log("the configuration stays as it was")
        assert "not enough memory" in monitor.log
        witness.clear()
        witness.wait_for(f"{BASE}/event", timeout_s=30)
        assert monitor.end()[0] == 0, monitor.log


def test_every_json_topic_keeps_its_promise(broker):
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment(publish_level="true")) as monitor:
        monitor.talk(pace=2)
        witness.wait_for(f"{BASE}/event", lambda seen: seen.json["type"] == "end", count=3, timeout_s=40)
        monitor.end()
    found = set()
    for seen in witness.messages:
        path = seen.topic.removeprefix(f"{BASE}/")
        found.add(path)
        if path in schemas():
            jsonschema.validate(seen.json, schemas()[path])
        if path == "event":
            jsonschema.validate(seen.json, event_schema())
    assert found == {"availability", "info", "state", "event", "speech", "status", "level", "mute/state"}


def test_another_model_is_taken_on_reload_and_a_broken_one_refused(broker, tmp_path):
    shipped = read_model_file(shipped_model())
    other, broken = tmp_path / "other.tflite", tmp_path / "broken.tflite"
    write_model_file(other, shipped.flatbuffer, msgspec.structs.replace(shipped.card, name="other"), shipped.probe)
    broken.write_bytes(shipped_model().read_bytes()[:50_000])
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/event", timeout_s=20)
        monitor.configure(f'[model]\npath = "{broken}"\n')
        monitor.reload()
        monitor.wait_for_log("stays as it was")
        assert witness.last(f"{BASE}/info").json["model"]["name"] == "emotion"
        monitor.configure(f'[model]\npath = "{other}"\n')
        monitor.reload()
        witness.wait_for(f"{BASE}/info", lambda seen: seen.json["model"]["name"] == "other")
        event = witness.wait_for(f"{BASE}/event", lambda seen: seen.json["model"].startswith("other@"), timeout_s=20)
        ids = {seen.json["id"] for seen in witness.of(f"{BASE}/event") if seen.json["model"].startswith("emotion@")}
        assert event.json["id"] not in ids
        assert answer_of(witness, "health_check")["audio_lost_s"] == 0


def answer_of(witness, request):
    witness.publish(f"{BASE}/request/{request}", b'{"transaction":"asked"}')
    return witness.wait_for(f"{BASE}/response/{request}", lambda seen: seen.json["status"] == "ok").json["data"]


def test_metrics_come_and_go_with_a_reload(broker):
    port, taken = free_port(), socket.create_server(("127.0.0.1", 0))
    with Monitor("--input", "-", environment=broker.environment()) as monitor, taken:
        monitor.talk()
        monitor.wait_for_log("connected to the broker")
        monitor.configure(f'[metrics]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n')
        monitor.reload()
        monitor.wait_for_log("stays as it was")
        monitor.configure(f'[metrics]\nlisten = "127.0.0.1:{port}"\n')
        monitor.reload()
        monitor.wait_for_log("configuration read again")
        assert "ser_monitor_build_info" in scrape(port)
        monitor.configure("")
        monitor.reload()
        time.sleep(1.5)
        assert monitor.log.count("configuration read again") == 2
        with pytest.raises(urllib.error.URLError):
            scrape(port)


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        return page.read().decode()


def test_stdout_too_where_it_is_asked_for(broker):
    done = play(broker.environment(), "--stdout")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 10
    assert play(broker.environment()).stdout == b""


def test_outputs_that_change_while_somebody_speaks_get_their_end(broker):
    """Every `new` gets its `end` where it was heard; what comes in the middle begins with the next speech."""
    witness = broker.watch(OWN)
    environment = {k: v for k, v in broker.environment().items() if k != "SER_MONITOR__MQTT__ENABLED"}
    on, off = "[mqtt]\nenabled = true\n", "[mqtt]\nenabled = false\n"
    with Monitor("--input", "-", environment=environment, config=on) as monitor:
        monitor.talk()
        for _ in range(3):
            seen = len(witness.of(f"{BASE}/event"))
            witness.wait_for(f"{BASE}/event", lambda one: one.json["type"] == "new", count=1, timeout_s=20)
            wait_until_speaking(witness, seen)
            monitor.configure(off)
            monitor.reload()
            witness.wait_for(f"{BASE}/availability", lambda one: one.text == "offline", timeout_s=10)
            events = [(one.json["type"], one.json["id"]) for one in witness.of(f"{BASE}/event")]
            assert [i for kind, i in events if kind == "new"] == [i for kind, i in events if kind == "end"]
            assert events[0][0] == "new"
            witness.clear()
            monitor.configure(on)
            monitor.reload()
            witness.wait_for(f"{BASE}/availability", lambda one: one.text == "online", timeout_s=10)


def wait_until_speaking(witness, seen):
    """Until a `new` is the last event."""
    deadline = time.monotonic() + 20
    while len(witness.of(f"{BASE}/event")) <= seen or witness.last(f"{BASE}/event").json["type"] != "new":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_reload_that_cannot_be_done_changes_nothing(broker):
    """MQTT is to be switched on, and metrics on a port that is taken: neither happens, and stdout goes on."""
    witness = broker.watch(OWN)
    environment = {k: v for k, v in broker.environment().items() if k != "SER_MONITOR__MQTT__ENABLED"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Monitor("--input", "-", "--stdout", environment=environment) as monitor:
            monitor.talk()
            time.sleep(2)
            monitor.configure(f'[mqtt]\nenabled = true\n[metrics]\nlisten = "127.0.0.1:{port}"\n')
            monitor.reload()
            monitor.wait_for_log("stays as it was")
            time.sleep(1.5)
            assert not witness.messages
            monitor.configure("[mqtt]\nenabled = true\n")
            monitor.reload()
            witness.wait_for(f"{BASE}/event", timeout_s=20)
            assert monitor.end()[0] == 0


def test_reload_while_muted_stays_muted_and_says_so(broker):
    witness = broker.watch(OWN)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk()
        witness.wait_for(f"{BASE}/availability", timeout_s=20)
        witness.publish(f"{BASE}/mute/set", "ON")
        witness.wait_for(f"{BASE}/mute/state", lambda seen: seen.text == "ON")
        monitor.configure("[vad]\nmode = 1\n[mqtt]\nkeepalive_s = 30\n")
        witness.clear()
        monitor.reload()
        witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "online", timeout_s=10)
        assert witness.wait_for(f"{BASE}/mute/state").text == "ON"
        time.sleep(6)
        assert not witness.of(f"{BASE}/event")

"""`ser-monitor check` as users meet it: the real reason of what fails, the exit code, and no secret anywhere."""

from __future__ import annotations

import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mqtt.broker import Login
from mqtt.certificates import Authority
from mqtt.conftest import MONITOR, READER
from ports import free_port

SER = [sys.executable, "-m", "monitor.cli"]
SECRET = "hunter2 with a space"  # noqa: S105
STEPS = ["config", "model", "microphone", "credentials", "dns", "tcp", "tls", "connect", "publish", "homeassistant"]


class Checkup:
    """The outcome of one run."""

    def __init__(self, done):
        self.code, self.stderr = done.returncode, done.stderr
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.text = done.stdout + done.stderr

    def __getitem__(self, step):
        return next(line for line in self.lines if line["step"] == step)

    @property
    def states(self):
        return {line["step"]: line["state"] for line in self.lines}

    @property
    def failure(self):
        """Step and text of the one that failed."""
        [line] = [line for line in self.lines if line["state"] == "failed"]
        assert line["exit_code"] == self.code
        return line["step"], line["text"]


def check(environment, *arguments, parts=("broker",)):
    command = [*SER, "check", "--json", *arguments, *parts]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return Checkup(done)


def login(user=MONITOR, **changes):
    return {"username": user.username, "password": user.password, **changes}


def tls(ca_file, **changes):
    return {"tls__enabled": "true", "tls__ca_file": ca_file, **changes}


def test_all_is_well(broker):
    witness = broker.watch()
    done = check(broker.environment(base_topic="base"), "--log-level", "debug")
    assert (done.code, done.stderr) == (0, "")
    assert done.states == {
        "config": "ok",
        "credentials": "ok",
        "dns": "ok",
        "tcp": "ok",
        "tls": "skipped",
        "connect": "ok",
        "publish": "ok",
        "homeassistant": "ok",
    }
    # Nothing stays, and nobody is told that the monitor is there or gone.
    assert {seen.topic.split("/", 2)[2] for seen in witness.messages} == {"response/check", "ser_monitor_check/config"}
    assert not any(seen.retain for seen in witness.messages)
    assert broker.watch().messages == []


def test_a_password_is_enough(secured_broker):
    assert check(secured_broker.environment(**login())).code == 0


def test_home_assistant_is_looked_for(broker):
    broker.publish("homeassistant/status", "online", retain=True)
    assert check(broker.environment())["homeassistant"]["text"].endswith("Home Assistant is online")
    without = check(broker.environment(homeassistant__enabled="false"))
    assert without.code == 0
    assert without["homeassistant"]["state"] == "skipped"
    assert without["homeassistant"]["text"] == "[mqtt.homeassistant] enabled is false"


def test_the_service_is_not_thrown_out(broker):
    """A check takes a client id of its own."""
    ours = broker.environment(client_id="the-same")
    assert check(ours)["connect"]["text"] == "the broker lets client 'the-same-check' in"


def test_a_wrong_password(secured_broker):
    done = check(secured_broker.environment(**login(password="wrong")))  # noqa: S106
    step, text = done.failure
    assert (done.code, step) == (69, "connect")
    assert "user name or password are wrong or missing" in text
    assert "[mqtt] username" in text
    assert (done.states["publish"], done["publish"]["text"]) == ("skipped", "needs connect")


def test_no_password(secured_broker):
    done = check(secured_broker.environment())
    assert (done.code, done.failure[0]) == (69, "connect")
    assert "wrong or missing" in done.failure[1]


def test_access_rules_that_deny_to_publish(secured_broker):
    done = check(secured_broker.environment(**login(READER)))
    step, text = done.failure
    assert (done.code, step) == (69, "publish")
    assert "does not let user 'reader' publish on ser-monitor/" in text
    assert "/#" in text


def test_access_rules_that_deny_discovery(make_broker):
    user = Login("narrow", "p", acl=("topic readwrite ser-monitor/#", "topic read homeassistant/#"))
    done = check(make_broker(logins=(user,)).environment(**login(user)))
    step, text = done.failure
    assert (done.code, step, done.states["publish"]) == (69, "homeassistant", "ok")
    assert "let them write homeassistant/device/#" in text
    assert "[mqtt.homeassistant] enabled = false" in text


def test_nothing_listens(broker):
    broker.stop()
    done = check(broker.environment())
    assert (done.code, done.failure[0]) == (69, "tcp")
    assert done.failure[1].startswith(f"nothing listens at localhost:{broker.port}; is the broker running")


def test_an_unknown_host(broker):
    done = check(broker.environment(host="no-such-host.invalid"))
    step, text = done.failure
    assert (done.code, step) == (69, "dns")
    assert "no-such-host.invalid" in text


def test_a_broker_that_hangs(broker):
    broker.suspend()
    began = time.monotonic()
    done = check(broker.environment())
    assert (done.code, done.failure[0]) == (69, "connect")
    assert "does not answer" in done.failure[1]
    assert time.monotonic() - began < 20


def test_something_that_is_no_broker():
    """It takes connections, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            with suppress(OSError):  # the test is over
                while True:
                    connection, _ = server.accept()
                    connection.recv(1)
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        port = str(server.getsockname()[1])
        variables = {"ENABLED": "1", "HOST": "127.0.0.1", "PORT": port}
        done = check({**os.environ, **{f"SER_MONITOR__MQTT__{name}": value for name, value in variables.items()}})
    assert (done.code, done.failure[0]) == (69, "connect")
    assert "closed the connection without an answer" in done.failure[1]


def test_tls(tls_broker, authority):
    done = check(tls_broker.environment(**tls(authority.ca_file)))
    assert done.code == 0
    assert done["tls"]["text"] == "TLSv1.3, certificate verified, valid for 29 days more"


def test_tls_with_an_unknown_authority(tls_broker, tmp_path):
    for ca_file in (Authority(tmp_path, "another").ca_file, ""):
        done = check(tls_broker.environment(**tls(ca_file)))
        step, text = done.failure
        assert (done.code, step) == (69, "tls")
        assert "authority that is not trusted here; set [mqtt.tls] ca_file" in text


def test_tls_with_an_expired_certificate(expired_broker, authority):
    done = check(expired_broker.environment(**tls(authority.ca_file)))
    assert (done.code, done.failure[0]) == (69, "tls")
    assert "its certificate has expired" in done.failure[1]


def test_tls_with_a_certificate_for_another_host(misnamed_broker, authority):
    done = check(misnamed_broker.environment(**tls(authority.ca_file)))
    assert (done.code, done.failure[0]) == (69, "tls")
    assert "for another host name; set [mqtt] host" in done.failure[1]
    done = check(misnamed_broker.environment(**tls(authority.ca_file, host="127.0.0.1")))
    assert (done.code, done.failure[0]) == (69, "tls")
    assert "for another address; set [mqtt] host" in done.failure[1]


def test_tls_to_a_plain_port(secured_broker, authority):
    done = check(secured_broker.environment(**tls(authority.ca_file), **login()))
    assert (done.code, done.failure[0]) == (69, "tls")
    assert "if that port speaks plain MQTT, use the broker's TLS port" in done.failure[1]
    # Never plain: the broker was not told who we are.
    assert MONITOR.username not in secured_broker.log()


def test_plain_to_a_tls_port(tls_broker):
    done = check(tls_broker.environment())
    assert (done.code, done.failure[0]) == (69, "connect")
    assert "if that port speaks TLS, set [mqtt.tls] enabled = true" in done.failure[1]


def test_a_client_certificate(mutual_broker, authority):
    mine = authority.issue("client")
    files = {"tls__cert_file": mine.cert_file, "tls__key_file": mine.key_file}
    done = check(mutual_broker.environment(**tls(authority.ca_file), **files))
    assert done.code == 0
    assert done["credentials"]["text"] == "no user name, client certificate"


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_a_client_certificate_that_is_missing(make_broker, authority, version):
    certificate = authority.issue("server")
    broker = make_broker(certificate=certificate, client_ca=authority.ca_file, lines=[f"tls_version {version}"])
    done = check(broker.environment(**tls(authority.ca_file)))
    assert (done.code, done.failure[0]) == (69, "tls")
    assert "[mqtt.tls] cert_file" in done.failure[1]
    assert "client certificate" in done.failure[1]


def test_a_client_certificate_of_another_authority(mutual_broker, authority, tmp_path):
    other = Authority(tmp_path, "another").issue("client")
    files = {"tls__cert_file": other.cert_file, "tls__key_file": other.key_file}
    done = check(mutual_broker.environment(**tls(authority.ca_file), **files))
    assert (done.code, done.failure[0]) == (69, "tls")
    assert "this monitor's certificate" in done.failure[1]


def test_a_password_that_everybody_can_read(secured_broker, tmp_path):
    file = tmp_path / "password"
    file.write_text(MONITOR.password)
    for mode, state in ((0o644, "warning"), (0o640, "ok")):
        file.chmod(mode)
        done = check(secured_broker.environment(username=MONITOR.username, password_file=file))
        assert (done.code, done.states["credentials"]) == (0, state)
        assert (f"chmod 600 {file}" in done["credentials"]["text"]) is (state == "warning")


def test_a_key_that_everybody_can_read(mutual_broker, authority):
    mine = authority.issue("careless")
    mine.key_file.chmod(0o644)
    files = {"tls__cert_file": mine.cert_file, "tls__key_file": mine.key_file}
    done = check(mutual_broker.environment(**tls(authority.ca_file), **files))
    assert (done.code, done.states["credentials"]) == (0, "warning")
    assert done["credentials"]["text"].endswith(
        f"every user of this machine can read {mine.key_file}: chmod 600 {mine.key_file}"
    )


def test_files_that_are_missing(tmp_path):
    nowhere = tmp_path / "nowhere"
    for changes in (
        {"USERNAME": "u", "PASSWORD_FILE": str(nowhere)},
        {"TLS__ENABLED": "1", "TLS__CA_FILE": str(nowhere)},
    ):
        variables = {"ENABLED": "1", **changes}
        done = check({**os.environ, **{f"SER_MONITOR__MQTT__{name}": value for name, value in variables.items()}})
        assert (done.code, done.failure[0]) == (78, "credentials")
        assert f"there is no file {nowhere}" in done.failure[1]


@pytest.mark.parametrize("place", ["environment", "file", "credential"])
def test_no_secret_is_said(make_broker, tmp_path, place):
    """Not in the output at level debug, whether it goes well or not, nor on the command line."""
    broker = make_broker(logins=(Login("somebody", SECRET),))
    file = tmp_path / "mqtt-password"
    file.write_text(f"{SECRET}\n")
    given = {
        "environment": {"SER_MONITOR__MQTT__PASSWORD": SECRET},
        "file": {"SER_MONITOR__MQTT__PASSWORD_FILE": str(file)},
        "credential": {"CREDENTIALS_DIRECTORY": str(tmp_path)},
    }[place]
    for port, code in ((broker.port, 0), (free_port(), 69)):
        environment = {**broker.environment(username="somebody", port=port), **given}
        process = subprocess.Popen(
            [*SER, "check", "--log-level", "debug", "broker"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        output = "".join(process.communicate(timeout=30))
        assert process.returncode == code
        assert SECRET.encode() not in words
        assert "hunter2" not in output + broker.log()


def test_children_do_not_inherit_the_password(broker, tmp_path):
    """`systemctl` is asked about the service."""
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\nenv >> {tmp_path}/seen\nexit 1\n")
    systemctl.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {**broker.environment(username="u", password=SECRET), "PATH": path}
    assert check(environment, parts=("service",)).code == 0
    seen = (tmp_path / "seen").read_text()
    assert "PATH=" in seen
    assert "SER_MONITOR" not in seen
    assert "hunter2" not in seen


def test_lines_are_aligned_and_coloured_on_a_terminal_only(broker):
    done = subprocess.run(
        [*SER, "check", "broker"], env=broker.environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert "\x1b" not in done.stdout
    assert {line[:22].split()[0] for line in done.stdout.splitlines()} == {"ok", "skipped"}
    assert {line.index(line.split(maxsplit=2)[2]) for line in done.stdout.splitlines()} == {24}


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour(broker, variables, coloured):
    ours, theirs = pty.openpty()
    environment = {**broker.environment(), "TERM": "xterm", **variables}
    environment = {name: value for name, value in environment.items() if name in variables or name != "NO_COLOR"}
    subprocess.run([*SER, "check", "broker"], env=environment, stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    output = os.read(ours, 65_536).decode()
    os.close(ours)
    assert ("\x1b[32mok" in output) is coloured


def test_what_others_name_moves_no_cursor(broker):
    broker.publish("homeassistant/status", "\x1b[2J\nx", retain=True)
    assert check(broker.environment())["homeassistant"]["text"].endswith("Home Assistant is ?[2J x")


@pytest.mark.live
def test_everything_from_the_microphone_to_the_broker(pulse, broker):
    done = check({**pulse.environment, **_of_broker(broker)}, parts=())
    assert done.code == 0
    assert [line["step"] for line in done.lines] == [*STEPS, "metrics", "service"]
    microphone = done["microphone"]
    assert microphone["state"] == "warning"
    assert "16000 Hz, 1 channel: nothing but digital silence; is it muted" in microphone["text"]


@pytest.mark.live
@pytest.mark.parametrize(("amplitude", "state", "level"), [(0.1, "ok", -23.0), (4.0, "warning", -1.4)])
def test_the_level_of_the_microphone(pulse, tmp_path, amplitude, state, level):
    tone = amplitude * np.sin(np.arange(16_000 * 8) * 2 * np.pi * 440 / 16_000)
    soundfile.write(tmp_path / "tone.wav", np.clip(tone, -1, 1), 16_000)
    player = pulse.play_in_background(tmp_path / "tone.wav")
    try:
        time.sleep(0.5)
        done = check(pulse.environment, parts=("microphone",))
    finally:
        player.kill()
        player.wait()
    assert (done.code, done.states) == (0, {"config": "ok", "model": "ok", "microphone": state})
    found = re.search(r"level (-?[\d.]+) dBFS, peak (-?[\d.]+) dBFS", done["microphone"]["text"])
    assert float(found[1]) == pytest.approx(level, abs=1.0)
    assert ("is clipped: turn the input down" in done["microphone"]["text"]) is (state == "warning")


@pytest.mark.live
def test_a_sound_server_that_hangs(frail_pulse):
    frail_pulse.suspend()
    began = time.monotonic()
    done = check({**frail_pulse.environment, "SER_MONITOR__AUDIO__STALL_S": "3600"}, parts=("microphone",))
    assert (done.code, done.failure[0]) == (66, "microphone")
    assert "see whether the sound server hangs" in done.failure[1]
    assert time.monotonic() - began < 15


@pytest.mark.live
def test_no_microphone(frail_pulse):
    frail_pulse.kill()
    done = check(frail_pulse.environment, parts=("microphone",))
    assert (done.code, done.failure[0]) == (66, "microphone")


@pytest.mark.live
def test_a_microphone_of_another_name(pulse):
    done = check(pulse.environment, "--device", "no such device", parts=("microphone",))
    assert (done.code, done.failure[0]) == (66, "microphone")
    assert "no input is named 'no such device'; there are: " in done.failure[1]


def _of_broker(broker):
    return {name: value for name, value in broker.environment().items() if name.startswith("SER_MONITOR__")}

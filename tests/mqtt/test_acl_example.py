"""The broker of `docs/mqtt.md`: its access rules and its configuration, with a real Mosquitto and a real monitor."""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from mqtt.broker import HOST, Login, _listens, _program, _user, require_mosquitto
from mqtt.program import NODE, Monitor, speech
from ports import free_port

from monitor.errors import BrokerError
from monitor.host import machine_id
from monitor.mqtt.access import FIRST_FAILURE, NOT_AUTHORIZED, ssl_context
from monitor.mqtt.topics import AVAILABILITY, EVENT, MUTE_SET, MUTE_STATE, REQUESTS, STATE, TOPICS, TopicTree
from monitor.mqtt.visitor import Visitor
from monitor.sinks.homeassistant import device_uid, discovery_topic

PAGE = (Path(__file__).parents[2] / "docs" / "mqtt.md").read_text(encoding="utf-8")
TREE = TopicTree("ser-monitor", NODE)
OTHERS = TopicTree("ser-monitor", "office")
DISCOVERY = discovery_topic("homeassistant", device_uid(machine_id(), NODE))


def examples(marker):
    found = re.findall(rf"^```text {re.escape(marker)}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found


def logins():
    """The users of the rules, each with a password of its own and its lines."""
    rules = re.split(r"^user (\w+)\n", examples("acl")[0], flags=re.MULTILINE)[1:]
    names, lines = rules[::2], rules[1::2]
    return {
        name: Login(name, f"password of {name}", tuple(line for line in text.splitlines() if line.startswith("topic ")))
        for name, text in zip(names, lines, strict=True)
    }


@pytest.fixture
def ruled_broker(make_broker):
    # Mosquitto 2.0.11 with no bound on its queue hangs up on whoever publishes what they may not.
    return make_broker(logins=tuple(logins().values()), lines=("max_queued_messages 1000",))


@contextmanager
def visit(broker, name="", **changes):
    """Somebody at the broker, by name or as a stranger."""
    settings = broker.settings(username=name, **changes)
    visitor = Visitor(settings, f"visitor-{name}", logins()[name].password if name else None, ssl_context(settings))
    visitor.connect()
    yield visitor
    visitor.close()


def test_the_monitor_says_everything_and_hears_what_is_meant_for_it(ruled_broker):
    witness = ruled_broker.watch("#")
    user = {"username": NODE, "password": logins()[NODE].password}
    environment = ruled_broker.environment(**user, publish_level="true")
    with Monitor("--input", "-", environment=environment) as monitor, visit(ruled_broker, "homeassistant") as home:
        monitor.talk(speech(), pace=4)
        for topic in (*map(TREE.of, TOPICS), DISCOVERY):
            witness.wait_for(topic, timeout_s=30)
        for command in REQUESTS:
            home.publish(TREE.request(command), b"")
            assert witness.wait_for(TREE.response(command)).json["status"] == "ok"
        before = len(witness.of(DISCOVERY))
        home.publish("homeassistant/status", b"online")
        witness.wait_for(DISCOVERY, count=before + 1, timeout_s=15)
        home.publish(TREE.of(MUTE_SET), b"ON")
        witness.wait_for(TREE.of(MUTE_STATE), lambda seen: seen.text == "ON")
        assert "refused" not in monitor.log
        assert "does not let" not in monitor.log


@pytest.mark.parametrize("name", ["reader", NODE, "homeassistant"])
def test_nobody_may_do_more_than_is_theirs(ruled_broker, name):
    forbidden = {
        "reader": [TREE.of(MUTE_SET), TREE.request("announce"), TREE.of(EVENT), DISCOVERY],
        NODE: [OTHERS.of(MUTE_SET), OTHERS.of(EVENT), "homeassistant/status", "elsewhere"],
        "homeassistant": [TREE.of(EVENT), TREE.of(AVAILABILITY), "elsewhere"],
    }
    witness = ruled_broker.watch("#")
    with visit(ruled_broker, name) as visitor:
        for topic in forbidden[name]:
            assert visitor.publish(topic, b"ON") == NOT_AUTHORIZED
    assert not witness.messages


def test_a_stranger_is_not_let_in(ruled_broker):
    with pytest.raises(BrokerError, match="not authorised"), visit(ruled_broker):
        pass


def test_readers_read_and_the_monitor_reads_nothing_of_others(ruled_broker):
    ruled_broker.publish(TREE.of(STATE), "kitchen", retain=True)
    ruled_broker.publish(OTHERS.of(STATE), "office", retain=True)
    with visit(ruled_broker, "reader") as reader:
        assert reader.retained_on(TREE.of(STATE), 5.0)[1] == b"kitchen"
    with visit(ruled_broker, NODE) as monitor:
        assert monitor.retained_on(OTHERS.of(STATE), 0.5)[1] is None


# --- mosquitto.conf ---


class Configured:
    """A Mosquitto with a configuration of the page; only paths and ports are others."""

    def __init__(self, folder, text, files):
        self.port = free_port()
        self._log = folder / "log"
        text = re.sub(r"^listener \d+$", f"listener {self.port} 127.0.0.1", text, flags=re.MULTILINE)
        for shown, real in files.items():
            text = text.replace(shown, str(real))
        assert "/etc/" not in text
        (folder / "mosquitto.conf").write_text(f"user {_user()}\nlog_dest stderr\n{text}")
        with self._log.open("w") as log:
            command = [_program(), "-c", str(folder / "mosquitto.conf")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not _listens(self.port):
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def settings(self, broker, **changes):
        return broker.settings(port=self.port, **changes)


@pytest.fixture
def configured(tmp_path):
    require_mosquitto()
    passwords, acl = tmp_path / "passwd", tmp_path / "acl"
    passwords.write_text("".join(f"{login.username}:{login.password}\n" for login in logins().values()))
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True, timeout=30)
    acl.write_text(examples("acl")[0])
    running = []

    def run(text, **files):
        shown = {f"/etc/mosquitto/certs/{name.replace('__', '.')}": path for name, path in files.items()}
        files = {"/etc/mosquitto/passwd": passwords, "/etc/mosquitto/ser-monitor.acl": acl, **shown}
        running.append(Configured(tmp_path, text, files))
        return running[-1]

    yield run
    for broker in running:
        broker.process.kill()
        broker.process.wait()


def publishes(settings, password):
    """The reason code for an availability of the kitchen's monitor."""
    visitor = Visitor(settings, "visitor", password, ssl_context(settings))
    visitor.connect()
    code = visitor.publish(TREE.of(AVAILABILITY), b"online")
    visitor.close()
    return code


def test_the_plain_configuration_wants_a_password(configured, make_broker):
    broker = configured(examples("mosquitto.conf")[0])
    elsewhere = make_broker(start=False)
    good = broker.settings(elsewhere, username=NODE)
    assert publishes(good, logins()[NODE].password) < FIRST_FAILURE
    for name, password in ((NODE, "wrong"), ("", None)):
        with pytest.raises(BrokerError, match="not authorised"):
            publishes(broker.settings(elsewhere, username=name), password)


def test_the_same_with_tls(configured, make_broker, authority):
    certificate = authority.issue("documented")
    listener, rules = examples("mosquitto-tls.conf")[0], examples("mosquitto.conf")[0]
    text = rules.replace("listener 1883\n", listener)
    assert text != rules
    broker = configured(text, broker__pem=certificate.cert_file, broker__key=certificate.key_file)
    elsewhere = make_broker(start=False)
    tls = {"enabled": True, "ca_file": str(authority.ca_file)}
    assert elsewhere.host == HOST
    password = logins()[NODE].password
    assert publishes(broker.settings(elsewhere, username=NODE, tls=tls), password) < FIRST_FAILURE
    with pytest.raises(BrokerError, match="not authorised"):
        publishes(broker.settings(elsewhere, tls=tls), None)


def test_a_certificate_instead_of_a_password(configured, make_broker, authority):
    certificate, own = authority.issue("documented"), authority.issue(NODE)
    files = {"broker__pem": certificate.cert_file, "broker__key": certificate.key_file, "ca__pem": authority.ca_file}
    broker = configured(examples("mosquitto-tls.conf")[1], **files)
    elsewhere = make_broker(start=False)
    tls = {"enabled": True, "ca_file": str(authority.ca_file)}
    shown = {**tls, "cert_file": str(own.cert_file), "key_file": str(own.key_file)}
    assert publishes(broker.settings(elsewhere, tls=shown), None) < FIRST_FAILURE
    with pytest.raises((OSError, BrokerError)):
        publishes(broker.settings(elsewhere, tls=tls), None)
    stranger = authority.issue("stranger")
    other = {**tls, "cert_file": str(stranger.cert_file), "key_file": str(stranger.key_file)}
    assert publishes(broker.settings(elsewhere, tls=other), None) == NOT_AUTHORIZED

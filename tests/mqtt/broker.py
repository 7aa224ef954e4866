"""A real Mosquitto of one's own, which can be stopped, killed and frozen, and a witness of all that is published."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from ports import free_port

from monitor.config import HomeAssistantSettings, MqttSettings, Secret, TlsSettings

if TYPE_CHECKING:
    from pathlib import Path

HOST = "localhost"
_PROGRAM = "mosquitto"
_START_S = 10.0
_RECONNECT_S = 0.05
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Login:
    """A user of the broker; `acl` are lines of an ACL file below `user NAME`."""

    username: str
    password: str
    acl: tuple[str, ...] = ("topic readwrite #",)


class Broker:
    """One Mosquitto; the port stays the same over stops and starts.

    Beside the listener under test there is a plain one on loopback for witnesses, so that they see everything in
    any set-up.
    """

    def __init__(self, folder: Path, *, logins=(), certificate=None, client_ca=None, persistent=False, lines=()):
        """Write the configuration; nothing runs before `start`.

        Args:
            folder: for its files; must exist.
            logins: `Login`s; none lets everybody in.
            certificate: a `Certificate`, to speak TLS only.
            client_ca: a CA file: clients must show a certificate of this CA.
            persistent: retained messages and sessions outlive a stop (not a kill).
            lines: more lines of mosquitto.conf, for the listener under test.
        """
        self.host, self.port, self._witness_port = HOST, free_port(), free_port()
        self._folder, self._persistent = folder, persistent
        self._process: subprocess.Popen | None = None
        self._witnesses: list[Witness] = []
        self._configuration = folder / "mosquitto.conf"
        listener = [*self._login_lines(logins), *self._tls_lines(certificate, client_ca), *lines]
        self._configuration.write_text("\n".join([*self._general_lines(), *listener]) + "\n")

    def start(self):
        """Start, and wait until it takes connections and its witnesses are back."""
        with self.log_path.open("a") as log:
            command = [_program(), "-c", str(self._configuration)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not (_listens(self.port) and _listens(self._witness_port)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"mosquitto does not start: {self.log()}")
            time.sleep(0.02)
        for witness in self._witnesses:
            if not witness.closed:
                witness.wait_until_ready()

    def stop(self):
        """End in good order: clients are told."""
        self._end(signal.SIGTERM)

    def kill(self):
        """As a crash or a power cut does, frozen or not."""
        self._end(signal.SIGKILL)

    def suspend(self):
        """It answers nothing any more, and closes nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        """Go on after `suspend`."""
        self._process.send_signal(signal.SIGCONT)

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self):
        return self._folder / "mosquitto.log"

    def log(self):
        """What it has logged so far, all starts together."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def watch(self, topics="#", *, lasting=False):
        """A witness of what is published below `topics`, and of what is retained there now.

        A lasting one has a session: the broker keeps for it what comes while it is away, also over a stop where the
        broker is persistent.
        """
        witness = Witness(self._witness_port, topics, lasting=lasting)
        self._witnesses.append(witness)
        if self.running:
            witness.wait_until_ready()
        return witness

    def publish(self, topic, payload, **options):
        """Publish as some other client would, and wait until it has arrived; options as in `Witness.publish`."""
        with self.watch(topics=()) as publisher:
            publisher.publish(topic, payload, **options).wait_for_publish(_START_S)

    def settings(self, **changes):
        """`MqttSettings` for this broker; `changes` are fields, `tls` and `homeassistant` may be plain dicts."""
        for name, kind in (("tls", TlsSettings), ("homeassistant", HomeAssistantSettings), ("password", Secret)):
            if isinstance(changes.get(name), dict):
                changes[name] = kind(**changes[name])
            elif isinstance(changes.get(name), str):
                changes[name] = kind(changes[name])
        return MqttSettings(**{"enabled": True, "host": self.host, "port": self.port, **changes})

    def environment(self, **changes):
        """Variables that lead a `ser-monitor` to this broker; `changes` as in `mqtt` of the file, e.g. `tls__ca_file`.

        The environment of the tests is part of it.
        """
        values = {"enabled": "true", "host": self.host, "port": self.port, **changes}
        return {**os.environ, **{f"SER_MONITOR__MQTT__{name.upper()}": str(value) for name, value in values.items()}}

    def close(self):
        """End everything."""
        for witness in self._witnesses:
            witness.close()
        self.kill()

    def _general_lines(self):
        lines = ["per_listener_settings true", "log_dest stderr", "log_type all", "sys_interval 0"]
        # Witnesses must not lose messages because they are slow.
        lines += ["max_queued_messages 0", "queue_qos0_messages true"]
        lines += [f"persistence {str(self._persistent).lower()}", f"persistence_location {self._folder}/"]
        # Without this it becomes the user mosquitto, who may not read the files of the tests.
        lines += [f"user {_user()}"]
        witnesses = [f"listener {self._witness_port} 127.0.0.1", "allow_anonymous true"]
        return [*lines, *witnesses, f"listener {self.port} 127.0.0.1"]

    def _login_lines(self, logins):
        if not logins:
            return ["allow_anonymous true"]
        passwords, acl = self._folder / "passwords", self._folder / "acl"
        passwords.write_text("".join(f"{login.username}:{login.password}\n" for login in logins))
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True, timeout=30)
        acl.write_text("\n".join(line for login in logins for line in (f"user {login.username}", *login.acl)) + "\n")
        return ["allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}"]

    def _tls_lines(self, certificate, client_ca):
        if certificate is None:
            return []
        lines = [f"certfile {certificate.cert_file}", f"keyfile {certificate.key_file}"]
        return [*lines, *([f"cafile {client_ca}", "require_certificate true"] if client_ca else [])]

    def _end(self, how):
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(how)
            self._process.wait(_START_S)


@dataclass(frozen=True)
class Seen:
    """One message, as a subscriber gets it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    """As it was published (`retain as published`)."""
    at_s: float
    """`time.monotonic()` at which it came."""
    expiry_s: int | None = None
    """Rest of its message expiry, when it came."""
    properties: dict | None = None
    """All properties of MQTT 5, by their names."""

    @property
    def text(self):
        return self.payload.decode()

    @property
    def json(self):
        return json.loads(self.payload)


class Witness:
    """A subscriber that writes down everything, and is back within 0.1 s when the broker is."""

    def __init__(self, port, topics, *, lasting=False):
        self._topics = (topics,) if isinstance(topics, str) else tuple(topics)
        self._changed = threading.Condition()
        self._seen: list[Seen] = []
        self._ready = False
        self.closed = False
        name = f"witness-{next(_numbers)}"
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._become_ready()
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(_RECONNECT_S, _RECONNECT_S)
        # A frozen broker must not be given up.
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600 if lasting else 0
        self._client.connect_async("127.0.0.1", port, keepalive=3600, clean_start=not lasting, properties=session)
        self._client.loop_start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def messages(self):
        """All so far, in their order."""
        with self._changed:
            return list(self._seen)

    def of(self, topics):
        """Those on topics that fit `topics`, which may hold `+` and `#`."""
        return [seen for seen in self.messages if paho.topic_matches_sub(topics, seen.topic)]

    def last(self, topics):
        """The newest that fits, or None."""
        return next(reversed(self.of(topics)), None)

    def wait_for(self, topics, fits=lambda _seen: True, *, count=1, timeout_s=10.0):
        """Wait until `count` messages on `topics` fit, also such as have come already; the last of these."""

        def found():
            return [seen for seen in self._seen if paho.topic_matches_sub(topics, seen.topic) and fits(seen)]

        with self._changed:
            if self._changed.wait_for(lambda: len(found()) >= count, timeout_s):
                return found()[count - 1]
            seen = "\n".join(f"{one.topic} {one.payload[:200]!r}" for one in self._seen[-50:])
        raise AssertionError(f"{len(found())} of {count} on {topics} after {timeout_s} s; seen:\n{seen}")

    def clear(self):
        """Forget what was seen."""
        with self._changed:
            self._seen.clear()

    def publish(self, topic, payload=b"", *, qos=1, retain=False, expiry_s=None):
        """Publish, and go on at once; `wait_for_publish(seconds)` of what is returned waits."""
        properties = Properties(PacketTypes.PUBLISH)
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        body = json.dumps(payload) if isinstance(payload, dict | list) else payload
        return self._client.publish(topic, body, qos, retain, properties)

    def wait_until_ready(self, timeout_s=_START_S):
        """Until its subscription stands."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._ready, timeout_s):
                raise RuntimeError("the witness cannot subscribe")

    def close(self):
        """See no more."""
        self.closed = True
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client, _data, _flags, reason, _properties):
        if reason.is_failure:
            return
        options = paho.SubscribeOptions(qos=2, retainAsPublished=True)
        if self._topics:
            client.subscribe([(topic, options) for topic in self._topics])
        else:
            self._become_ready()

    def _on_disconnect(self, *_):
        with self._changed:
            self._ready = False

    def _on_message(self, _client, _data, message):
        properties = message.properties.json() if message.properties is not None else {}
        seen = Seen(
            topic=message.topic,
            payload=bytes(message.payload),
            qos=message.qos,
            retain=bool(message.retain),
            at_s=time.monotonic(),
            expiry_s=properties.get("MessageExpiryInterval"),
            properties=properties,
        )
        with self._changed:
            self._seen.append(seen)
            self._changed.notify_all()

    def _become_ready(self):
        with self._changed:
            self._ready = True
            self._changed.notify_all()


def require_mosquitto():
    """Skip where it is not installed; fail where live tests are required."""
    missing = [name for name in (_PROGRAM, "mosquitto_passwd") if _program(name) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)} (Debian: mosquitto)"
    if os.environ.get("SER_TESTS_REQUIRE_LIVE") == "1":
        pytest.fail(f"live tests are required: {reason}")
    pytest.skip(reason)


def _program(name=_PROGRAM):
    # Debian keeps it where users do not look.
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin")


def _user():
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0

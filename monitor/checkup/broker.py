"""Can the broker be reached, does it let this monitor in, and may it publish? From the password file to the PUBACK.

Each layer is tried by itself: of a connection that fails, the MQTT client does not say in which one.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import stat
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.checkup import Finding, chain
from monitor.errors import BrokerError
from monitor.mqtt import access
from monitor.mqtt.topics import TopicTree
from monitor.mqtt.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.checkup import Outcome, Step
    from monitor.config import Settings

_DNS_S = 10.0
_TCP_S = 5.0
_TLS_S = 5.0
_ALERT_S = 1.0
"""TLS 1.3 refuses a client's certificate only after the handshake; so long the refusal is waited for."""
_EXPIRY_NOTICE_DAYS = 14
_RETAINED_S = 1.0
"""What is retained comes right after the subscription."""
_DAY_S = 86_400
_CHECK = "check"
_PAYLOAD = b'{"schema":1,"check":true}'


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Seven steps, each of which needs those before it."""
    if not settings.mqtt.enabled:
        yield Finding("broker", "skipped", "[mqtt] enabled is false")
        return
    with ExitStack() as stack:
        yield from chain(_Approach(settings, stack).steps())


class _Approach:
    """The way to the broker, step by step."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        """What is opened is closed with `stack`."""
        self._settings, self._node, self._stack = settings.mqtt, settings.node, stack
        self._tree = TopicTree(self._settings.base_topic, settings.node)
        self._addresses: list[tuple[socket.AddressFamily, Any]] = []
        self._connection: socket.socket | None = None
        self._context: ssl.SSLContext | None = None
        self._visitor: Visitor | None = None

    def steps(self) -> list[Step]:
        """In the order in which a connection is made."""
        steps: list[tuple[str, Callable[[], Outcome]]] = [
            ("credentials", self._read_credentials),
            ("dns", self._look_up),
            ("tcp", self._connect),
            ("tls", self._encrypt),
            ("connect", self._log_in),
            ("publish", self._publish),
            ("homeassistant", self._look_for_home_assistant),
        ]
        return [(name, self._explained(take)) for name, take in steps]

    def _explained(self, take: Callable[[], Outcome]) -> Callable[[], Outcome]:
        """The step, with every error of the network in plain words."""

        def taken() -> Outcome:
            try:
                return take()
            except (OSError, EOFError, ValueError) as error:
                raise BrokerError(access.explain(error, self._settings)) from None

        return taken

    def _read_credentials(self) -> Outcome:
        self._context = access.ssl_context(self._settings)
        password = access.read_password(self._settings)
        if not self._settings.username:
            text = "no user name"
        else:
            text = f"user '{self._settings.username}' " + ("with a password" if password else "without a password")
        text += ", client certificate" if self._settings.tls.cert_file else ""
        secrets = (self._settings.password_file, self._settings.tls.key_file)
        open_to_all = " ".join(file for file in secrets if _is_open_to_all(file))
        if open_to_all:
            return "warning", f"{text}; every user of this machine can read {open_to_all}: chmod 600 {open_to_all}"
        return "ok", text

    def _look_up(self) -> Outcome:
        host, port = self._settings.host, self._settings.port
        found = _within(_DNS_S, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        self._addresses = [(family, address) for family, _, _, _, address in found]
        return "ok", f"{host} is {', '.join(dict.fromkeys(address[0] for _, address in self._addresses))}"

    def _connect(self) -> Outcome:
        failure: OSError | None = None
        for family, address in self._addresses:
            connection = self._stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            connection.settimeout(_TCP_S)
            try:
                connection.connect(address)
            except OSError as error:
                failure = error
                continue
            self._connection = connection
            return "ok", f"{address[0]} port {address[1]} takes connections"
        raise failure or OSError("it has no address")

    def _encrypt(self) -> Outcome:
        if self._connection is None or self._context is None:
            return self._plain()
        self._connection.settimeout(_TLS_S)
        with self._context.wrap_socket(self._connection, server_hostname=self._settings.host) as connection:
            _await_alert(connection)
            days = _days_left(connection)
            text = f"{connection.version()}, certificate verified, valid for {days} days more"
        if days < _EXPIRY_NOTICE_DAYS:
            return "warning", f"{text}: renew it soon"
        return "ok", text

    def _plain(self) -> Outcome:
        if self._connection is not None:
            self._connection.close()
        local = all(ipaddress.ip_address(address[0].partition("%")[0]).is_loopback for _, address in self._addresses)
        if self._settings.username and not local:
            return "warning", "[mqtt.tls] enabled is false: the password and all events can be read on the network"
        return "skipped", "[mqtt.tls] enabled is false"

    def _log_in(self) -> Outcome:
        # Under the service's own id the broker would throw the service out.
        client_id = f"{self._settings.client_id or f'ser-monitor-{self._node}'}-{_CHECK}"
        visitor = Visitor(self._settings, client_id, access.read_password(self._settings), self._context)
        self._stack.callback(visitor.close)
        visitor.connect()
        self._visitor = visitor
        return "ok", f"the broker lets client '{client_id}' in"

    def _publish(self) -> Outcome:
        topic = self._tree.response(_CHECK)
        self._publish_on(topic, _PAYLOAD, self._tree.everything)
        return "ok", f"{topic} is acknowledged"

    def _look_for_home_assistant(self) -> Outcome:
        if not self._settings.homeassistant.enabled:
            return "skipped", "[mqtt.homeassistant] enabled is false"
        prefix = self._settings.homeassistant.prefix
        # Empty and of a device that does not exist: Home Assistant passes over it, with a line in its log.
        topic = f"{prefix}/device/ser_monitor_{_CHECK}/config"
        self._publish_on(topic, b"", f"{prefix}/device/#", ", or set [mqtt.homeassistant] enabled = false")
        status = f"{prefix}/status"
        granted, retained = self._present.retained_on(status, _RETAINED_S)
        if not granted:
            return "warning", f"the broker does not let this monitor read {status}; it will not see a restart there"
        if retained is None:
            return "ok", f"discovery may be published; nothing is retained on {status}, as is usual"
        return "ok", f"discovery may be published; Home Assistant is {retained[:20].decode(errors='replace')}"

    @property
    def _present(self) -> Visitor:
        if self._visitor is None:
            raise BrokerError("there is no connection")
        return self._visitor

    def _publish_on(self, topic: str, payload: bytes, wanted: str, otherwise: str = "") -> None:
        code = self._present.publish(topic, payload)
        if code == access.NOT_AUTHORIZED:
            raise BrokerError(f"{access.forbidden(self._settings, topic, wanted)}{otherwise}")
        if code >= access.FIRST_FAILURE:
            raise BrokerError(f"publishing on {topic}: {access.refusal(code)}")


def _is_open_to_all(file: str) -> bool:
    return bool(file) and bool(Path(file).expanduser().stat().st_mode & stat.S_IROTH)


def _within(limit_s: float, take: Callable[[], Any]) -> Any:
    """What `take` returns or raises; the resolver itself knows no time limit.

    Raises:
        BrokerError: it takes too long, and is left behind on its thread.
    """
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((take(), None))
        except Exception as error:  # noqa: BLE001 - raised again below, on the thread that waits
            answers.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        answer, failure = answers.get(timeout=limit_s)
    except queue.Empty:
        text = f"no answer from the name service within {limit_s:g} s"
        raise BrokerError(f"{text}; check this machine's network and DNS, or set [mqtt] host to an address") from None
    if failure is not None:
        raise failure
    return answer


def _await_alert(connection: ssl.SSLSocket) -> None:
    """A broker never speaks first, so that whatever comes is a refusal."""
    if connection.version() != "TLSv1.3":
        return
    connection.settimeout(_ALERT_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return
    raise access.HungUpError


def _days_left(connection: ssl.SSLSocket) -> int:
    certificate = connection.getpeercert() or {}
    expiry_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return int((expiry_s - time.time()) // _DAY_S)

"""Getting in: TLS context, password, and plain words for every way in which a broker cannot be reached or refuses."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from monitor.errors import ConfigError, MonitorError, PermissionDeniedError

if TYPE_CHECKING:
    from paho.mqtt.reasoncodes import ReasonCode

    from monitor.config import MqttSettings, TlsSettings

PASSWORD_CREDENTIAL = "mqtt-password"  # noqa: S105 - the name of the systemd credential, not a password
_CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
_LONGEST_PASSWORD_BYTES = 65_535
"""A field of MQTT holds no more."""

FIRST_FAILURE = 0x80
"""Reason codes from here on are failures."""
NOT_AUTHORIZED = 0x87
_REFUSALS = {
    0x80: "the broker refuses without saying why; its log knows",
    0x81: "the broker calls a packet malformed; is something between this machine and the broker that changes it?",
    0x82: "the broker calls this a protocol error; its log knows more",
    0x83: "the broker refuses for a reason of its own; its log knows",
    0x84: "the broker does not speak MQTT 5; update it (Mosquitto 1.6 and later do)",
    0x85: "the broker does not accept the client id; set another [mqtt] client_id",
    0x86: "wrong user name or password; check [mqtt] username and the password",
    NOT_AUTHORIZED: "not authorised: user name or password are wrong or missing, or the broker's rules keep this user "
    "out; check [mqtt] username and the password",
    0x88: "the broker is not available at present; see its log",
    0x89: "the broker is too busy",
    0x8A: "the broker has banned this client; have the ban lifted there",
    0x8B: "the broker is shutting down",
    0x8C: "the broker wants a way of authentication that this program does not have; give it a user name and password",
    0x8D: "the broker heard nothing from this monitor for too long; is the network unsteady?",
    0x8E: "another client uses the same client id and took the session over; "
    "give every monitor its own [mqtt] client_id or node",
    0x90: "the broker does not accept a topic; check [mqtt] base_topic and node",
    0x93: "the broker got more messages at once than it takes; its receive maximum is too low",
    0x95: "a message is larger than the broker takes; raise its largest packet size",
    0x96: "the broker gets more messages a second than it allows; raise its rate limit",
    0x97: "a quota of the broker is used up; raise it there",
    0x98: "the broker's administrator ended the connection",
    0x99: "the broker does not accept the form of a payload",
    0x9A: "the broker keeps no retained messages, which this monitor needs; allow them there",
    0x9B: "the broker does not offer QoS 1, which this monitor needs; allow it there",
    0x9C: "the broker asks to use another server; set [mqtt] host to it",
    0x9D: "the broker has moved; set [mqtt] host to the new one",
    0x9F: "too many connections in too short a time; does another client connect again and again?",
    0xA0: "the broker ends every connection after a time of its own",
}
"""Reason codes of MQTT 5 (section 2.4) that a broker sends in CONNACK or DISCONNECT."""

_UNTRUSTED = (
    "its certificate comes from an authority that is not trusted here; set [mqtt.tls] ca_file to the authority's"
)
_CERTIFICATE_FAULTS = {
    2: _UNTRUSTED,
    9: "its certificate is not valid yet; is the clock of this machine right?",
    10: "its certificate has expired; renew it, or set the clock of this machine right",
    18: "its certificate is self-signed and not trusted here; set [mqtt.tls] ca_file to that certificate",
    19: _UNTRUSTED,
    20: _UNTRUSTED,
    21: _UNTRUSTED,
    23: "its certificate has been revoked; renew it",
    62: "its certificate is for another host name; set [mqtt] host to a name in the certificate",
    64: "its certificate is for another address; set [mqtt] host to a name or address in the certificate",
}
"""OpenSSL's verification results, X509_V_ERR_*."""
_OWN_CERTIFICATE = "check [mqtt.tls] cert_file and key_file"
_TLS_FAULTS = (
    ("CERTIFICATE_REQUIRED", "the broker wants a client certificate; set [mqtt.tls] cert_file and key_file"),
    ("ALERT_UNKNOWN_CA", f"the broker does not trust this monitor's certificate; {_OWN_CERTIFICATE}"),
    ("ALERT_CERTIFICATE_EXPIRED", f"the broker says that this monitor's certificate has expired; {_OWN_CERTIFICATE}"),
    ("ALERT_CERTIFICATE_REVOKED", f"the broker says that this monitor's certificate is revoked; {_OWN_CERTIFICATE}"),
    ("CERTIFICATE", f"the broker does not accept this monitor's certificate; {_OWN_CERTIFICATE}"),
    ("PROTOCOL_VERSION", "broker and monitor share no version of TLS; the broker must offer 1.2 or later"),
    ("UNSUPPORTED_PROTOCOL", "broker and monitor share no version of TLS; the broker must offer 1.2 or later"),
    ("UNRECOGNIZED_NAME", "the broker does not know the host name it is called by; check [mqtt] host"),
    ("WRONG_VERSION_NUMBER", "the answer is not TLS"),
    ("UNKNOWN_PROTOCOL", "the answer is not TLS"),
    ("HTTP_REQUEST", "the answer is not TLS"),
    ("RECORD_LAYER_FAILURE", "the answer is not TLS"),
    ("PACKET_LENGTH_TOO_LONG", "the answer is not TLS"),
    (
        "HANDSHAKE_FAILURE",
        "the broker refuses the handshake; does it want a client certificate, [mqtt.tls] cert_file?",
    ),
)
"""Part of OpenSSL's reason, in the order they are looked for."""
_CLOSED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, EOFError, ssl.SSLEOFError)
_NOT_TLS_REMEDY = "use the broker's TLS port in [mqtt] port, usually 8883"


class HungUpError(ConnectionResetError):
    """The broker closed the connection before its first answer; where TLS is on, after the handshake."""


def ssl_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """The TLS context, or None where TLS is off; the broker's certificate chain and host name are always verified.

    Raises:
        ConfigError: a file is missing, holds no certificate or key, or the key does not fit or has a passphrase.
        PermissionDeniedError: this user may not read one of the files.
    """
    tls = settings.tls
    if not tls.enabled:
        return None
    # Verifies chain and host name; unlike create_default_context, alike in all Pythons: 3.13 there also refuses
    # certificates without key identifiers, which most home-made ones are.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.ca_file:
        _trust(context, _readable(tls.ca_file, "[mqtt.tls] ca_file"))
    else:
        context.load_default_certs()
    if tls.cert_file:
        _identify(context, tls)
    return context


def read_password(settings: MqttSettings) -> str | None:
    """The password: from the environment, else `password_file`, else systemd's credential; None where there is none.

    Raises:
        ConfigError: the file is missing, empty or not text, or there is a password and no user name.
        PermissionDeniedError: this user may not read the file.
    """
    password = settings.password.reveal() or _password_of_file(settings)
    if password and not settings.username:
        raise ConfigError("there is a password for the broker but no user name; set [mqtt] username")
    return password


def refusal(reason_code: ReasonCode | int) -> str:
    """What a reason code of MQTT 5 in a CONNACK or DISCONNECT means and what to do, in one line."""
    code = reason_code if isinstance(reason_code, int) else reason_code.value
    return _REFUSALS.get(code, f"the broker refuses with reason code 0x{code:02x}; its log knows more")


def forbidden(settings: MqttSettings, topic: str, wanted: str) -> str:
    """Why the broker does not take what is published on `topic`; `wanted` is what its rules must let us write."""
    user = f"user '{settings.username}'" if settings.username else "clients without a user name"
    return f"the broker does not let {user} publish on {topic}; let them write {wanted} in its access rules"


def explain(error: BaseException, settings: MqttSettings) -> str:
    """Why the broker cannot be reached and what to do, in one line.

    Args:
        error: raised by a socket, by TLS, or by `ssl_context` and `read_password`. A connection that the broker closed
            before its first answer is a `HungUpError`; one that broke later another `ConnectionError`.
        settings: where the broker should be.
    """
    if isinstance(error, MonitorError):
        return str(error)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    place = f"{host}:{settings.port}"
    text = f"{place}: {type(error).__name__}: {error}"
    if isinstance(error, socket.gaierror):
        text = _unknown_name(error, settings.host)
    elif isinstance(error, UnicodeError):
        # Python encodes host names before it asks for them.
        text = f"'{settings.host}' is no host name; check [mqtt] host"
    elif isinstance(error, _CLOSED):
        text = _closed(place, settings.tls, shaken=isinstance(error, HungUpError))
    elif isinstance(error, ssl.SSLError):
        text = f"TLS to {place}: {_tls_fault(error)}"
    elif isinstance(error, OSError):
        text = _unreachable(error, place)
    return text


def _trust(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except OSError:
        raise ConfigError(f"[mqtt.tls] ca_file: {path} holds no certificate in PEM; give the CA's, as text") from None


def _identify(context: ssl.SSLContext, tls: TlsSettings) -> None:
    certificate = _readable(tls.cert_file, "[mqtt.tls] cert_file")
    key = _readable(tls.key_file, "[mqtt.tls] key_file")

    def refuse_passphrase() -> NoReturn:
        raise ConfigError(f"[mqtt.tls] key_file: {key} has a passphrase; remove it: openssl pkey -in {key} -out NEW")

    try:
        # Without the callback OpenSSL would ask on the terminal, which a service has not.
        context.load_cert_chain(certificate, key, password=refuse_passphrase)
    except OSError as error:
        reason = str(getattr(error, "reason", None) or error)
        if "MISMATCH" in reason:
            raise ConfigError(f"[mqtt.tls]: the key in {key} is not that of the certificate in {certificate}") from None
        message = f"[mqtt.tls]: {certificate} and {key} hold no certificate and key in PEM ({reason})"
        raise ConfigError(f"{message}; give cert_file and key_file as text") from None


def _password_of_file(settings: MqttSettings) -> str | None:
    if settings.password_file:
        key = "[mqtt] password_file"
        return _password_in(_readable(settings.password_file, key), key)
    folder = os.environ.get(_CREDENTIALS_VARIABLE)
    path = Path(folder) / PASSWORD_CREDENTIAL if folder else None
    if path is None or not path.exists():
        return None
    key = f"systemd credential {PASSWORD_CREDENTIAL}"
    return _password_in(_readable(str(path), key), key)


def _password_in(path: Path, key: str) -> str:
    """The text of the file without its last line break."""
    with path.open("rb") as file:
        content = file.read(_LONGEST_PASSWORD_BYTES + 3)
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    if not content:
        raise ConfigError(f"{key}: {path} is empty, wanted the password")
    if len(content) > _LONGEST_PASSWORD_BYTES:
        raise ConfigError(f"{key}: {path} is longer than a password can be, {_LONGEST_PASSWORD_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{key}: {path} is not UTF-8 text, wanted the password") from None


def _readable(text: str, key: str) -> Path:
    """The path, once it is sure that it is a file which this user may read; errors name `key`.

    Raises:
        ConfigError, PermissionDeniedError: it is not.
    """
    try:
        path = Path(text).expanduser()
        # Not whatever can be opened: a pipe or a device would never end.
        regular = stat.S_ISREG(path.stat().st_mode)
        if regular:
            path.open("rb").close()
    except FileNotFoundError:
        raise ConfigError(f"{key}: there is no file {text}") from None
    except PermissionError:
        message = f"{key}: this user may not read {text}; check its owner and mode, and those of its folders"
        raise PermissionDeniedError(message) from None
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{key}: {text!r} cannot be read: {reason}") from None
    if not regular:
        raise ConfigError(f"{key}: {text} is not a plain file")
    return path


def _unknown_name(error: socket.gaierror, host: str) -> str:
    if error.errno == socket.EAI_AGAIN:
        return f"the name '{host}' cannot be looked up: no name server answers; check this machine's network and DNS"
    return f"the name '{host}' is not known ({error.strerror}); check [mqtt] host, or give an address"


def _closed(place: str, tls: TlsSettings, *, shaken: bool) -> str:
    if tls.enabled:
        certificate = f"if it does not accept this monitor's certificate, {_OWN_CERTIFICATE}"
        if not tls.cert_file:
            certificate = "if it wants a client certificate, set [mqtt.tls] cert_file and key_file"
        if shaken:
            return f"{place} closed the connection right after TLS; {certificate}; else see the broker's log"
        return (
            f"{place} closed the connection during TLS; if that port speaks plain MQTT, {_NOT_TLS_REMEDY}; "
            f"{certificate}"
        )
    return (
        f"{place} closed the connection without an answer; if that port speaks TLS, set [mqtt.tls] enabled = true; "
        "else see the broker's log, and whether it speaks MQTT 5"
    )


def _tls_fault(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE_FAULTS.get(error.verify_code, f"its certificate is refused: {error.verify_message}")
    reason = error.reason or str(error)
    fault = next((text for part, text in _TLS_FAULTS if part in reason.upper().replace(" ", "_")), "")
    if "not TLS" in fault:
        return f"{fault}; {_NOT_TLS_REMEDY}"
    return fault or f"the handshake failed: {reason.lower().replace('_', ' ')}"


def _unreachable(error: OSError, place: str) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {place}; is the broker running, are [mqtt] host and port right?"
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return f"{place} does not answer; is the host up, does a firewall drop the connection, is the port right?"
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN):
        return f"there is no way to {place} ({error.strerror}); check this machine's network and [mqtt] host"
    if isinstance(error, ConnectionError):
        return f"the connection to {place} is lost: {error}"
    if isinstance(error, PermissionError):
        return f"this user may not connect to {place} ({error.strerror}); does a firewall or a sandbox forbid it?"
    return f"{place} cannot be reached: {error.strerror or error}"

"""TLS context, password, and plain words for what a socket or a broker says."""

import errno
import os
import socket
import ssl

import pytest
from mqtt.certificates import Authority
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from monitor.config import MqttSettings, Secret, TlsSettings
from monitor.errors import BrokerError, ConfigError, PermissionDeniedError
from monitor.mqtt.access import HungUpError, explain, forbidden, read_password, refusal, ssl_context

HERE = MqttSettings(host="broker.example", port=8883)


def with_tls(**fields):
    return MqttSettings(tls=TlsSettings(enabled=True, **{name: str(value) for name, value in fields.items()}))


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def closed_folder(tmp_path):
    """A folder that this process may not look into, root or not."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "file").write_text("secret")
    if os.geteuid() != 0:
        folder.chmod(0)
        yield folder
        folder.chmod(0o700)
        return
    folder.chmod(0o700)
    os.seteuid(65_534)
    yield folder
    os.seteuid(0)


def test_there_is_no_context_only_where_tls_is_off():
    assert ssl_context(MqttSettings()) is None
    assert ssl_context(with_tls()) is not None


@pytest.mark.parametrize("with_ca", [False, True])
def test_chain_and_name_are_always_verified(authority, with_ca):
    context = ssl_context(with_tls(ca_file=authority.ca_file) if with_ca else with_tls())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None
    if with_ca:
        # The system's authorities are not trusted beside one's own.
        assert [ca["subject"] for ca in context.get_ca_certs()] == [((("commonName", "Test CA"),),)]


def test_a_client_certificate(authority):
    mine = authority.issue("client")
    assert ssl_context(with_tls(ca_file=authority.ca_file, cert_file=mine.cert_file, key_file=mine.key_file))


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(authority):
    mine = authority.issue("locked", passphrase="secret")  # noqa: S106
    with pytest.raises(ConfigError, match=r"key_file: .*locked.key has a passphrase; remove it: openssl pkey"):
        ssl_context(with_tls(cert_file=mine.cert_file, key_file=mine.key_file))


def test_a_key_of_another_certificate(authority):
    mine, other = authority.issue("mine"), authority.issue("other")
    with pytest.raises(ConfigError, match=r"the key in .*other.key is not that of the certificate in .*mine.pem"):
        ssl_context(with_tls(cert_file=mine.cert_file, key_file=other.key_file))


def test_files_that_are_something_else(authority, tmp_path):
    mine = authority.issue("mine")
    text = tmp_path / "text"
    text.write_text("hello")
    with pytest.raises(ConfigError, match=r"ca_file: .*text holds no certificate in PEM"):
        ssl_context(with_tls(ca_file=text))
    for files in ({"cert_file": text, "key_file": mine.key_file}, {"cert_file": mine.cert_file, "key_file": text}):
        with pytest.raises(ConfigError, match="hold no certificate and key in PEM"):
            ssl_context(with_tls(**files))


@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file"])
def test_files_that_cannot_be_read(authority, tmp_path, name):
    mine = authority.issue("mine")
    files = {"ca_file": authority.ca_file, "cert_file": mine.cert_file, "key_file": mine.key_file}
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, reason in (
        (tmp_path / "nowhere", "there is no file"),
        (tmp_path, "is not a plain file"),
        (pipe, "is not a plain file"),
        ("a\0b", "cannot be read"),
        ("~nobody-of-this-name/x", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=rf"\[mqtt.tls\] {name}: .*{reason}"):
            ssl_context(with_tls(**files | {name: path}))


def test_a_file_of_another_user(closed_folder):
    refused = "this user may not read .*check its owner and mode, and those of its folders"
    with pytest.raises(PermissionDeniedError, match=rf"\[mqtt\] password_file: {refused}"):
        read_password(MqttSettings(username="u", password_file=str(closed_folder / "file")))
    with pytest.raises(PermissionDeniedError, match=rf"\[mqtt.tls\] ca_file: {refused}"):
        ssl_context(with_tls(ca_file=closed_folder / "file"))


def test_the_password_comes_from_the_first_place_that_has_one(tmp_path, monkeypatch):
    (tmp_path / "mqtt-password").write_text("of the credential")
    (tmp_path / "file").write_text("of the file\n")
    settings = {"username": "u", "password_file": str(tmp_path / "file")}
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_password(MqttSettings(**settings, password=Secret("given"))) == "given"
    assert read_password(MqttSettings(**settings)) == "of the file"
    assert read_password(MqttSettings(username="u")) == "of the credential"
    (tmp_path / "mqtt-password").unlink()
    assert read_password(MqttSettings(username="u")) is None
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert read_password(MqttSettings(username="u")) is None
    assert read_password(MqttSettings()) is None


@pytest.mark.parametrize(
    ("content", "password"),
    [(b"a b\n", "a b"), (b"a\r\n", "a"), (b" a \n\n", " a \n"), ("pässword".encode(), "pässword"), (b"\n\n", "\n")],
)
def test_one_line_break_at_the_end_is_no_part_of_the_password(tmp_path, content, password):
    (tmp_path / "file").write_bytes(content)
    assert read_password(MqttSettings(username="u", password_file=str(tmp_path / "file"))) == password


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8 text"), (b"x" * 65_536, "is longer than")],
)
def test_a_file_that_holds_no_password(tmp_path, content, reason):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"password_file: .*file {reason}"):
        read_password(MqttSettings(username="u", password_file=str(tmp_path / "file")))


def test_a_password_without_a_user_name():
    with pytest.raises(ConfigError, match=r"no user name; set \[mqtt\] username"):
        read_password(MqttSettings(password=Secret("hunter2")))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "'broker.example' is not known"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "no name server answers"),
        (UnicodeError("label too long"), "is no host name"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "nothing listens at broker.example:8883"),
        (TimeoutError(), "broker.example:8883 does not answer"),
        (OSError(errno.ETIMEDOUT, "x"), "does not answer"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "there is no way to broker.example:8883"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "there is no way to"),
        (PermissionError(errno.EPERM, "Operation not permitted"), "this user may not connect"),
        (ConnectionResetError(), "closed the connection without an answer"),
        (HungUpError(), "closed the connection without an answer"),
        (ConnectionError("keep-alive"), "the connection to broker.example:8883 is lost: keep-alive"),
        (BrokerError("in our own words"), "in our own words"),
        (OSError(errno.EMFILE, "Too many open files"), "cannot be reached: Too many open files"),
        (RuntimeError("strange"), "RuntimeError: strange"),
    ],
)
def test_every_error_is_explained_in_one_line(error, words):
    text = explain(error, HERE)
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("WRONG_VERSION_NUMBER", "the answer is not TLS; use the broker's TLS port in [mqtt] port"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a client certificate"),
        ("TLSV1_ALERT_UNKNOWN_CA", "does not trust this monitor's certificate"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "this monitor's certificate has expired"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "does not accept this monitor's certificate"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "share no version of TLS"),
        ("SOMETHING_NEW", "the handshake failed: something new"),
    ],
)
def test_what_tls_says(reason, words):
    error = ssl.SSLError(1, f"[SSL: {reason}] text (_ssl.c:1)")
    error.reason = reason
    assert words in explain(error, HERE)


@pytest.mark.parametrize(
    ("error", "own", "words"),
    [
        (ConnectionResetError(), {}, "during TLS; if that port speaks plain MQTT, use the broker's TLS port"),
        (ConnectionResetError(), {}, "if it wants a client certificate, set [mqtt.tls] cert_file and key_file"),
        (HungUpError(), {}, "right after TLS; if it wants a client certificate, set [mqtt.tls] cert_file and key_file"),
        (HungUpError(), {"cert_file": "c", "key_file": "k"}, "right after TLS; if it does not accept this monitor's"),
    ],
)
def test_a_broker_that_hangs_up_on_tls(error, own, words):
    assert words in explain(error, with_tls(**own))
    assert ("plain MQTT" in explain(error, with_tls(**own))) is not isinstance(error, HungUpError)


def test_what_access_rules_forbid_names_the_user():
    text = forbidden(MqttSettings(username="attic"), "a/b", "a/#")
    assert text == "the broker does not let user 'attic' publish on a/b; let them write a/# in its access rules"
    assert "clients without a user name" in forbidden(MqttSettings(), "a/b", "a/#")


@pytest.mark.parametrize("code", range(0x80, 0xA3))
def test_every_reason_code_of_mqtt_is_explained(code):
    text = refusal(code)
    assert "\n" not in text
    assert len(text) > 20


def test_paho_s_reason_codes_are_taken_too():
    taken_over = ReasonCode(PacketTypes.DISCONNECT, identifier=0x8E)
    assert refusal(taken_over) == refusal(0x8E)
    assert "another client uses the same client id" in refusal(taken_over)
    assert "wrong user name or password" in refusal(ReasonCode(PacketTypes.CONNACK, "Bad user name or password"))
    assert "0xfe" in refusal(0xFE)


def test_an_authority_is_not_a_server(tmp_path):
    """A real handshake: trusting another authority does not help."""
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = theirs.issue("server")
    server_context.load_cert_chain(certificate.cert_file, certificate.key_file)
    server_context.set_alpn_protocols(["mqtt"])
    client, server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours_side = ssl_context(with_tls(ca_file=ours.ca_file)).wrap_bio(server, client, server_hostname="localhost")
    theirs_side = server_context.wrap_bio(client, server, server_side=True)
    with pytest.raises(ssl.SSLWantReadError):
        ours_side.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        theirs_side.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        ours_side.do_handshake()
    assert "not trusted here; set [mqtt.tls] ca_file" in explain(caught.value, HERE)

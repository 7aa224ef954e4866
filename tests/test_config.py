"""Settings: where they come from, on which line, and what is refused."""

import os
import random
import tomllib
from pathlib import Path

import jsonschema
import msgspec
import pytest
from fuzz.promise import keep_promise
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor import host
from monitor.config import Flag, Secret, Settings, TlsSettings, load_configuration, load_settings
from monitor.errors import ConfigError, MonitorError, NoInputError, PermissionDeniedError
from monitor.settings.catalogue import Catalogue
from monitor.settings.docstrings import attribute_docstrings
from monitor.settings.literal import literal
from monitor.settings.positions import key_lines
from monitor.settings.schema import file_schema

CATALOGUE = Catalogue(Settings)
KEYS = list(CATALOGUE.keys.values())
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "config.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refusal(path, environment=None, overrides=None, error=ConfigError):
    with pytest.raises(error) as caught:
        load_settings(path, environment or {}, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{path.parent}{os.sep}", "") if path else message


def toml_of(path, value):
    """A document that sets one key."""
    table = f"[{'.'.join(path[:-1])}]\n" if path[1:] else ""
    return f"{table}{path[-1]} = {value}\n"


# Precedence and origins


def test_flags_over_environment_over_file_over_defaults(file):
    path = file('node = "kitchen"\n[vad]\nmode = 1\nonset_ms = 120\nhangover_ms = 300\n')
    environment = {"SER_MONITOR__VAD__ONSET_MS": "150", "SER_MONITOR__VAD__HANGOVER_MS": "400", "PATH": "/bin"}
    settings = load_settings(path, environment, {"vad": {"hangover_ms": 600}})
    assert settings.node == "kitchen"
    assert (settings.vad.mode, settings.vad.onset_ms, settings.vad.hangover_ms) == (1, 150, 600)
    assert settings.vad.preroll_ms == Settings().vad.preroll_ms


def test_origins_are_known(file):
    path = file("# a comment\n[vad]\nmode = 1\nonset_ms = 120\n\nhangover_ms = 300\n")
    flags = [Flag("--hangover", ("vad", "hangover_ms"), 500)]
    configuration = load_configuration(path, {"SER_MONITOR__VAD__ONSET_MS": "150"}, flags)
    origins = {name: configuration.origin(("vad", name)) for name in ("mode", "onset_ms", "hangover_ms", "preroll_ms")}
    assert {name: str(origin) for name, origin in origins.items()} == {
        "mode": f"{path}:3",
        "onset_ms": "SER_MONITOR__VAD__ONSET_MS",
        "hangover_ms": "--hangover",
        "preroll_ms": "default",
    }
    assert [origin.source for origin in origins.values()] == ["file", "environment", "flag", "default"]
    assert configuration.file == path


def test_the_user_file_is_found(monkeypatch, tmp_path):
    (tmp_path / "ser-monitor").mkdir()
    (tmp_path / "ser-monitor" / "config.toml").write_text('node = "attic"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_settings(None, {}).node == "attic"


def test_without_a_file_the_defaults_hold(monkeypatch, tmp_path):
    monkeypatch.setattr("monitor.settings.file.config_paths", lambda: [tmp_path / "none", tmp_path / "no" / "none"])
    configuration = load_configuration(None, {})
    assert configuration.settings == Settings()
    assert configuration.file is None


# What is refused in a file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n[vad]\nmod = 2\n", "config.toml:3: unknown key 'vad.mod'; did you mean 'vad.mode'?"),
        ("[vda]\n", "config.toml:1: unknown table 'vda'; did you mean 'vad'?"),
        ("[tls]\nenabled = true\n", "config.toml:1: unknown table 'tls'; did you mean 'mqtt.tls'?"),
        ("[audio]\nmode = 1\n", "config.toml:2: unknown key 'audio.mode'; did you mean 'vad.mode'?"),
        ("[vad]\nhangover-ms = 1\n", "config.toml:2: unknown key 'vad.hangover-ms'; did you mean 'vad.hangover_ms'?"),
        (
            '[vad]\nnode = "a"\n',
            "config.toml:2: unknown key 'vad.node'; did you mean 'node', which stands above the first [table]?",
        ),
        ("[metrics]\n'x.y' = 1\n", "config.toml:2: unknown key 'metrics.\"x.y\"'; wanted one of listen, textfile"),
        ("[mqtt]\nport = 70000\n", "config.toml:2: [mqtt] port is 70000, wanted an integer from 1 to 65535"),
        ("mqtt = {host = 'a', port = 0}", "config.toml:1: [mqtt] port is 0, wanted an integer from 1 to 65535"),
        ("mqtt.tls.enabled = 1\n", "config.toml:1: [mqtt.tls] enabled is 1, wanted true or false"),
        ("[vad]\nmode = 4\n", "config.toml:2: [vad] mode is 4, wanted an integer from 0 to 3"),
        ('[vad]\nmode = "2"\n', 'config.toml:2: [vad] mode is "2", wanted an integer from 0 to 3'),
        ("[vad]\nmode = [\n2]\n", "config.toml:2: [vad] mode is a list, wanted an integer from 0 to 3"),
        ("[vad.mode]\n", "config.toml:1: [vad] mode is a table, wanted an integer from 0 to 3"),
        ("[vad]\nmode = 1979-05-27\n", "config.toml:2: [vad] mode is a date or time, wanted an integer from 0 to 3"),
        ("vad = 3\n", "config.toml:1: vad is 3, wanted a table: [vad]"),
        ("[[mqtt]]\n", "config.toml:1: mqtt is a list, wanted a table: [mqtt]"),
        ("mqtt.tls = 1\n", "config.toml:1: [mqtt] tls is 1, wanted a table: [mqtt.tls]"),
        (
            "[decision]\nmin_confidence = nan\n",
            "config.toml:2: [decision] min_confidence is nan, wanted a number from 0 to 1",
        ),
        (
            "[decision]\nsmoothing_s = inf\n",
            "config.toml:2: [decision] smoothing_s is inf, wanted a number from 0 to 60",
        ),
        (
            "[vad]\nmin_activity_posterior = 1\n",
            "config.toml:2: [vad] min_activity_posterior is 1, wanted a number from 0 to 0.99",
        ),
        ("[audio]\nring_s = 0\n", "config.toml:2: [audio] ring_s is 0, wanted a number above 0, at most 3600"),
        ("schema_version = 2\n", "config.toml:1: schema_version is 2, wanted 1"),
        (
            "[log]\nlevel = 'INFO'\n",
            'config.toml:2: [log] level is "INFO", wanted "debug", "info", "warning" or "error"',
        ),
        (
            'node = "kitchen\\n"\n',
            'config.toml:1: node is "kitchen\\n", wanted a name of at most 128 characters without blanks, /, + and #',
        ),
        (
            "[decision]\n\nmax_events_per_min = 1\n",
            "config.toml:3: [decision] max_events_per_min is 1, wanted 0 or at least 2: every `new` is followed by",
        ),
        (
            "[mqtt.tls]\nenabled = true\nkey_file = 'x'\n",
            "config.toml:3: [mqtt.tls] cert_file and key_file go together; give both or neither",
        ),
        (
            "mqtt.tls = { ca_file = 'x' }\n",
            "config.toml:1: [mqtt.tls] ca_file is set but encryption is off; set enabled = true, or remove ca_file",
        ),
        (
            "[metrics]\nlisten = 'localhost:70000'\n",
            "config.toml:2: [metrics] listen has the port 70000, wanted one up to 65535",
        ),
        ("[vad\n", "config.toml:1: not TOML: Expected ']' at the end of a table declaration"),
        ("[vad]\nmode = fast\n", "config.toml:2: not TOML: Invalid value (column 8); texts stand in quotes"),
        (
            "[mqtt]\nenabled = yes\n",
            "config.toml:2: not TOML: Invalid value (column 11); texts stand in quotes, switches are true or false",
        ),
        ("[vad]\nmode = 1\nmode = 2\n", "config.toml:3: [vad] mode stands already in line 2; keep one of them"),
        ("node = 'a'\r\nnode = 'b'", "config.toml:2: node stands already in line 1; keep one of them"),
        ("[vad]\nmode = 1\nmode = [\n2]\n", "config.toml:4: [vad] mode stands already in line 2; keep one of them"),
        ("mqtt.host = 'a'\n[mqtt]\n", "config.toml:2: mqtt stands already in line 1; keep one of them"),
        ("[mqtt]\nhost = 'a'\n[mqtt.host]\n", "config.toml:3: [mqtt] host stands already in line 2; keep one of them"),
        (
            "[mqtt.tls]\n[mqtt]\n[vad]\n[mqtt]\nport = 1\n",
            "config.toml:4: [mqtt] stands already in line 2; put these lines there",
        ),
        (
            "[ mqtt . tls ]\n[mqtt.tls] # again\n",
            "config.toml:2: [mqtt.tls] stands already in line 1; put these lines there",
        ),
        ("vad = {mode = 1, mode.x = 2]]\n", "config.toml:1: not TOML: Cannot overwrite a value (column 28)"),
        ('[vad]\nmode = """\n\n', "config.toml:2: not TOML: Unterminated string"),
        (b"[vad]\n\n# caf\xe9\n", "config.toml:3: found the byte 0xe9, wanted UTF-8; save the file as that"),
        (b"\xff\xfen\0o\0", "config.toml:1: found the byte 0xff, wanted UTF-8; save the file as that"),
        (
            f"[vad]\nmode = 0x{'f' * 20_000}",
            "config.toml:2: [vad] mode is an integer of more than 64 bits, wanted an integer from 0 to 3",
        ),
        (f"[vad]\nmode = {'1' * 5000}", "config.toml: a number has more digits than any setting takes"),
        (f"a = {'[' * 5000}{']' * 5000}", "config.toml: lists or tables lie too deep in each other"),
        (b"a" * (2**20 + 1), "config.toml: found more than 1 MiB, wanted a TOML file; is it the right one?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(file, text, message):
    assert refusal(file(text)).startswith(message)


def test_the_error_is_78():
    assert ConfigError.exit_code == 78


@pytest.mark.parametrize(
    "text", ["", "\n", "# only a comment", "[vad]", "\ufeff[vad]\r\nmode = 2\r\n", "schema_version = 1"]
)
def test_what_says_nothing_is_the_defaults(file, text):
    assert load_settings(file(text), {}) == Settings()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_refuses_what_makes_no_sense(file, key):
    for value in ("nan", "-inf", "inf", "1e400", str(10**30), f"-{10**30}", "[]", "{}", "12:00:00", '"\\u0000\\n"'):
        if key.path == ("audio", "device") and value.startswith('"'):
            continue  # names of devices are the sound system's own
        message = refusal(file(toml_of(key.path, value)))
        assert message.startswith(f"config.toml:{2 if key.path[1:] else 1}: {key.label} ")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_is_accepted_at_its_default_and_described(file, key):
    assert attribute_docstrings(CATALOGUE.tables[key.path[:-1]])[key.path[-1]]
    if not key.is_secret:
        assert load_settings(file(toml_of(key.path, literal(key.default))), {}) == Settings()
        text = literal(key.default).strip('"')
        assert load_settings(None, {key.variable: text}) == Settings()


def test_files_that_cannot_be_read(file, tmp_path, monkeypatch):
    assert refusal(tmp_path / "none.toml", error=NoInputError) == "no such configuration file: none.toml"
    assert "cannot be read" in refusal(file("") / "config.toml", error=NoInputError)
    assert "cannot be read" in refusal(Path("nul\0"), error=NoInputError)
    assert refusal(tmp_path).endswith("found a folder, wanted a TOML file")
    monkeypatch.setattr(Path, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
    assert "may not read it" in refusal(tmp_path / "config.toml", error=PermissionDeniedError)


def test_a_standard_place_that_is_there_is_not_passed_over(tmp_path, monkeypatch):
    place = tmp_path / "config.toml"
    monkeypatch.setattr("monitor.settings.file.config_paths", lambda: [place])
    place.symlink_to(tmp_path / "gone")
    refusal(None, error=NoInputError)
    place.unlink()
    place.mkdir()
    assert "folder" in refusal(None)
    monkeypatch.setattr(Path, "lstat", lambda _: (_ for _ in ()).throw(PermissionError(13, "denied")))
    monkeypatch.setattr(Path, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
    assert "--config" in refusal(None, error=PermissionDeniedError)


@pytest.mark.parametrize(
    ("path", "accepted", "refused"),
    [
        (("node",), ["kitchen", "Küche-2", "a.b_c$"], ["", "a b", "a/b", "+", "#", "a\t", "\x7f", "x" * 129]),
        (("mqtt", "base_topic"), ["a", "home/ser", "ß"], ["", "/a", "a/", "a b", "a+", "#", "$SYS", "a\x01"]),
        (
            ("mqtt", "host"),
            ["broker.local", "10.0.0.1", "::1", "fe80::1%eth0"],
            ["", "a b", "mqtt://a", "a:1", "[::1]", "u@a"],
        ),
        (
            ("metrics", "listen"),
            ["", "127.0.0.1:9187", "localhost:0", "[::1]:1"],
            ["0.0.0.0:1", ":1", "127.0.0.1", "localhost:x"],
        ),
        (("metrics", "textfile"), ["", "/a/b.prom"], ["/a/b", ".prom", "a.prom\n"]),
    ],
)
def test_texts_have_ranges_too(file, path, accepted, refused):
    for text in accepted:
        load_settings(file(toml_of(path, literal(text))), {})
    for text in refused:
        assert "wanted" in refusal(file(toml_of(path, literal(text))))


# Secrets


@pytest.mark.parametrize("value", ['"hunter2"', "5", '""', "{a = 'hunter2'}"])
def test_a_password_in_the_file_is_refused_and_not_repeated(file, value):
    message = refusal(file(f"[mqtt]\nport = 1\npassword = {value}\n"))
    assert message.startswith("config.toml:3: [mqtt] password must not stand in a file")
    for remedy in ("password_file", "credential mqtt-password", "SER_MONITOR__MQTT__PASSWORD"):
        assert remedy in message
    assert "hunter2" not in message


def test_the_password_comes_from_the_environment_and_is_not_printed():
    password = load_settings(None, {"SER_MONITOR__MQTT__PASSWORD": "hunter2"}).mqtt.password
    assert (password.reveal(), password, repr(password)) == ("hunter2", Secret("hunter2"), "***")
    assert not load_settings(None, {"SER_MONITOR__MQTT__PASSWORD": ""}).mqtt.password
    for wrong in ({"SER_MONITOR__MQTT__PASWORD": "hunter2"}, {"SER_MONITOR__MQTT__PASSWORD": "hunter2\udcff"}):
        assert "hunter2" not in refusal(None, wrong)


# The environment


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SER_MONITOR__VAD__MODE", "loud", 'SER_MONITOR__VAD__MODE is "loud", wanted an integer from 0 to 3'),
        ("SER_MONITOR__VAD__MODE", "", 'SER_MONITOR__VAD__MODE is "", wanted an integer from 0 to 3'),
        ("SER_MONITOR__VAD__MODE", "7", 'SER_MONITOR__VAD__MODE is "7", wanted an integer from 0 to 3'),
        ("SER_MONITOR__MQTT__ENABLED", "yes", 'SER_MONITOR__MQTT__ENABLED is "yes", wanted true, false, 1 or 0'),
        ("SER_MONITOR__LOG__LEVEL", "x", 'SER_MONITOR__LOG__LEVEL is "x", wanted debug, info, warning or error'),
        ("SER_MONITOR__NODE", "k\udcff", "SER_MONITOR__NODE is not UTF-8 text"),
        (
            "SER_MONITOR__VAD__MOOD",
            "1",
            "unknown variable SER_MONITOR__VAD__MOOD; did you mean SER_MONITOR__VAD__MODE?",
        ),
        ("SER_MONITOR_VAD__MODE", "1", "unknown variable SER_MONITOR_VAD__MODE; did you mean SER_MONITOR__VAD__MODE?"),
        ("SER_MONITOR_VAD_MODE", "1", "unknown variable SER_MONITOR_VAD_MODE; did you mean SER_MONITOR__VAD__MODE?"),
        (
            "SER_MONITOR__vad__mode",
            "1",
            "unknown variable SER_MONITOR__vad__mode; did you mean SER_MONITOR__VAD__MODE?",
        ),
        (
            "SER_MONITOR__VAD__MODE__X",
            "1",
            "unknown variable SER_MONITOR__VAD__MODE__X; did you mean SER_MONITOR__VAD__MODE?",
        ),
        ("SER_MONITOR_", "1", "unknown variable SER_MONITOR_; settings are called SER_MONITOR__TABLE__KEY"),
        ("SER_MONITOR__XYZZY", "1", "unknown variable SER_MONITOR__XYZZY; settings are called SER_MONITOR__TABLE__KEY"),
        (
            "SER_MONITOR__MQTT__TLS",
            "1",
            "unknown variable SER_MONITOR__MQTT__TLS; it names a table, wanted a key in it, such as SER_MONITOR__MQTT",
        ),
        ("SER_MONITOR__MQTT__TLS__CA_FILE", "x", "[mqtt.tls] ca_file is set but encryption is off"),
    ],
)
def test_a_wrong_variable_is_named(name, value, message):
    found = refusal(None, {name: value})
    assert found.startswith((f"environment: {message}", f"{name}: {message}"))


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("1", True), ("false", False), ("0", False)]
)
def test_truth_values_of_variables(text, value):
    assert load_settings(None, {"SER_MONITOR__MQTT__TLS__ENABLED": text}).mqtt.tls.enabled is value


def test_variables_of_others_are_left_alone():
    assert load_settings(None, {"SER_MONITORING": "1", "SER_DATA": "x", "MONITOR__VAD__MODE": "9"}) == Settings()


def test_file_and_environment_may_complete_each_other(file):
    path = file("[mqtt.tls]\nenabled = true\ncert_file = 'a'\n")
    assert load_settings(path, {"SER_MONITOR__MQTT__TLS__KEY_FILE": "b"}).mqtt.tls == TlsSettings(
        enabled=True, cert_file="a", key_file="b"
    )
    message = refusal(path, {"SER_MONITOR__MQTT__TLS__ENABLED": "false", "SER_MONITOR__MQTT__TLS__KEY_FILE": "b"})
    assert message.startswith(
        "config.toml:3, SER_MONITOR__MQTT__TLS__ENABLED: [mqtt.tls] cert_file is set but encryption is off"
    )


def test_a_wrong_flag_is_named():
    with pytest.raises(ConfigError, match=r"^--log-level is \"loud\", wanted debug, info, warning or error$"):
        load_configuration(None, {}, [Flag("--log-level", ("log", "level"), "loud")])
    with pytest.raises(ConfigError, match=r"no setting 'vad\.mood'"):
        load_settings(None, {}, {"vad": {"mood": 1}})


# Lines


class Page:
    """Writes TOML in every way there is, and remembers on which line each key came first."""

    VALUES = (
        "1", "-3.5e1", "true", "1979-05-27 07:32:00", "1979-05-27T07:32:00.5Z", "0xfe", "nan", '""', "''",
        r'"a \" = # [x] {\\"', "'[a] = \"b\" # {'", '"""a\n[b]\nc = 1 # "" \\""" ""\n"""', '"""a"""""', '"""a""""',
        "'''a''''", "'''\n[b] = '' \"\n'''''",
        "[]", "{}", "[ ]", "[1, [2,\n # ] = \"\n 3], {z = [4, {y = 5}], x = ']'},\n]",
    )  # fmt: skip
    NAMES = ("k", '"a.b"', "'a b'", '"\\u00fc = \\"["', "3", "-", '""')

    def __init__(self, chance):
        self.chance = chance
        self.text = ""
        self.lines = {}
        self.table = ()
        self.count = 0

    def name(self):
        """A name that was not there yet, as it is written and as it reads."""
        self.count += 1
        name = self.chance.choice(self.NAMES)
        quote = name[-1] if name[-1] in "'\"" else ""
        # With a line between: the first "3" and the 31st "" would read alike.
        written = f"{name.removesuffix(quote)}_{self.count}{quote}"
        return written, next(iter(tomllib.loads(f"{written} = 0")))

    def put(self, *texts):
        self.text += self.chance.choice(texts)

    def key(self, above):
        names = [self.name() for _ in range(self.chance.choice([1, 1, 2, 3]))]
        line = self.text.count("\n") + 1
        for length in range(1, len(names) + 1):
            self.lines[(*above, *(read for _, read in names[:length]))] = line
        self.put(self.chance.choice([".", " . ", "\t."]).join(written for written, _ in names))
        return (*above, *(read for _, read in names))

    def pair(self, above, depth=0):
        path = self.key(above)
        self.put(" = ", "=", "\t= ")
        if depth < 2 and self.chance.random() < 0.3:
            self.put("{ ", "{")
            for number in range(self.chance.randint(1, 3)):
                self.put(", " if number else "")
                self.pair(path, depth + 1)
            self.put("}", " }")
        else:
            self.put(*self.VALUES)

    def statement(self):
        kind = self.chance.choice(["pair", "pair", "pair", "table", "array", "comment", "blank"])
        if kind == "comment":
            self.put('# [a] = "', "  # '''", "\t# }{")
        elif kind in ("table", "array"):
            self.put("[[ " if kind == "array" else "[")
            self.table = self.key(())
            self.put("]]" if kind == "array" else " ]")
        elif kind == "pair":
            self.put("", "  ", "\t")
            self.pair(self.table)
        self.put("\n", " # [x] = {\n", "\r\n", "\n\n") if kind != "comment" else self.put("\n")


@QUIET
@given(st.randoms(use_true_random=False), st.integers(1, 12))
@example(random.Random(1), 200)
def test_every_key_is_found_on_its_line(chance, statements):
    page = Page(chance)
    for _ in range(statements):
        page.statement()
    tomllib.loads(page.text)
    lines = key_lines(page.text)
    assert {path: lines.get(path) for path in page.lines if len(path) <= 8} == {
        path: line for path, line in page.lines.items() if len(path) <= 8
    }


def test_what_lies_in_an_array_has_its_path():
    lines = key_lines("a = [{b = {c = 1}},\n {d = 2}]\n[[e]]\nf = 1\n[[e]]\nf = 2\n[e.g]\n")
    assert lines == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c"): 1,
        ("a", "d"): 2,
        ("e",): 3,
        ("e", "f"): 4,
        ("e", "g"): 7,
    }


def test_the_first_mention_of_a_table_counts():
    assert key_lines("[a.b]\nx = 1\n[a]\ny.z = 2\ny.w = 3\n") == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "x"): 2,
        ("a", "y"): 4,
        ("a", "y", "z"): 4,
        ("a", "y", "w"): 5,
    }


# Whatever stands there


NAMES = st.sampled_from(sorted({name for path in CATALOGUE.names for name in path})) | st.text(max_size=5)
SCALARS = (
    st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["info", "a", "", "x.prom", "127.0.0.1:1", 1, 2, 0.5])
)
TREES = st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2), max_size=4)
TREES = st.dictionaries(NAMES, SCALARS | TREES | st.dictionaries(NAMES, TREES, max_size=2), max_size=4)
SCRAPS = st.sampled_from(
    ["[", "]", "{", "}", "=", ".", ",", "#", "\n", "\r\n", " ", '"', "'", '"""', "'''", "\\", "\\u", "1", "e", "-",
     "nan", "vad", "mode", "mqtt", "tls", "node", "true", "1979-05-27", "0x", "[vad]\n", "[[mqtt]]\n", "mode = 2\n",
     "\0", "\ufeff"]
)  # fmt: skip
KNOWN = st.sampled_from(KEYS)


def inline(value):
    """Any value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(name)} = {inline(inner)}" for name, inner in value.items()) + "}"
    return f"[{', '.join(map(inline, value))}]" if isinstance(value, list) else literal(value)


@QUIET
@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("\x1b[2J\x7f\x85\u2028\u202e\U000e0001ü")
def test_any_text_is_written_as_toml_that_moves_no_cursor(text):
    line = literal(text)
    assert line.isprintable()
    assert tomllib.loads(f"a = {line}") == {"a": text}


def loads_or_says_why(path, environment=None):
    message = ""
    try:
        assert isinstance(load_settings(path, environment or {}), Settings)
    except MonitorError as error:
        keep_promise(error, path, {78})
        message = str(error)
    assert not (message and path) or message.startswith(str(path))


@example({"audio": {"device": "x" * 100_000, "command": "y"}})
@example({"x" * 100_000: 1})
@example({"audio": {"device": "\x1b[2J\u2028", "command": "y"}})
@QUIET
@given(TREES)
def test_any_tree_is_read_or_refused(file, tree):
    loads_or_says_why(file("".join(f"{literal(name)} = {inline(value)}\n" for name, value in tree.items())))


@example("[" + "a." * 30_000 + "b]\n" + "[" + "a." * 30_000 + "b]")
@example("a = {b = 1, " + "b." * 30_000 + "c = 2}")
@QUIET
@given(st.lists(SCRAPS | st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=30).map("".join))
def test_any_text_is_read_or_refused(file, text):
    loads_or_says_why(file(text))


@QUIET
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(file, content):
    loads_or_says_why(file(content))


@example({"SER_MONITOR_\n": "x"})
@QUIET
@given(
    st.dictionaries(KNOWN.map(lambda key: key.variable) | st.text().map("SER_MONITOR_".__add__), st.text(), max_size=4)
)
def test_any_environment_is_read_or_refused(environment):
    loads_or_says_why(None, environment)


@QUIET
@given(KNOWN, SCALARS)
def test_the_schema_says_what_the_program_does(file, key, value):
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf")) or value.is_integer()):  # noqa: PLR0124
        return  # JSON has no such numbers, and takes 1.0 for an integer
    if isinstance(value, str) and (value.endswith("\n") or (key.path[-1].endswith("_file") and value)):
        return  # in Python's regular expressions `$` is also before the last line break; a file wants another setting
    document = tomllib.loads(toml_of(key.path, inline(value)))
    try:
        load_settings(file(toml_of(key.path, inline(value))), {})
        accepted = True
    except ConfigError as error:
        accepted = "every `new`" in str(error)  # a rule that a schema does not hold
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(document) is accepted


SCHEMA = file_schema(CATALOGUE)


def test_the_schema_is_a_schema_and_holds_every_key():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for path, table in CATALOGUE.tables.items():
        described = SCHEMA["$defs"][table.__name__]
        assert described["description"]
        assert described["additionalProperties"] is False
        for key in CATALOGUE.keys_in(path):
            assert described["properties"][key.path[-1]]["description"]
    assert SCHEMA["$defs"]["MqttSettings"]["properties"]["port"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 65535,
        "default": 1883,
        "description": "1883 is usual for plain, 8883 for TLS.",
    }
    assert msgspec.json.decode(msgspec.json.encode(SCHEMA)) == SCHEMA


def test_the_name_of_this_host_is_a_node():
    assert load_settings(None, {"SER_MONITOR__NODE": host.host_name()}).node == host.host_name()

"""Settings: where they come from, and what is refused."""

import pytest

from monitor.config import Settings, load_settings
from monitor.errors import ConfigError, NoInputError


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_flags_over_environment_over_file_over_defaults(file):
    path = file('node = "kitchen"\n[vad]\nmode = 1\nonset_ms = 120\nhangover_ms = 300\n')
    environment = {"SER_MONITOR__VAD__ONSET_MS": "150", "SER_MONITOR__VAD__HANGOVER_MS": "400", "PATH": "/bin"}
    settings = load_settings(path, environment, {"vad": {"hangover_ms": 600}})
    assert settings.node == "kitchen"
    assert (settings.vad.mode, settings.vad.onset_ms, settings.vad.hangover_ms) == (1, 150, 600)
    assert settings.vad.preroll_ms == Settings().vad.preroll_ms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[vad]\nmood = 2\n", ["unknown key", "mood", "vad"]),
        ("[vad]\nmode = 4\n", ["mode"]),
        ('[vad]\nmode = "2"\n', ["mode"]),
        ("[decision]\nmin_confidence = nan\n", ["min_confidence"]),
        ("[decision]\nsmoothing_s = inf\n", ["smoothing_s"]),
        ('node = "a/b"\n', ["node"]),
        ('node = "kitchen\\n"\n', ["node"]),
        ("[decision]\nmax_events_per_min = 1\n", ["max_events_per_min"]),
        ("[vad\n", ["not a TOML file"]),
        ("schema_version = 2\n", ["schema_version"]),
        ("vad = 3\n", ["vad"]),
    ],
)
def test_what_is_wrong_is_named(file, text, words):
    path = file(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_environment_variable_is_named(file):
    with pytest.raises(ConfigError, match=r"environment.*mode"):
        load_settings(file(""), {"SER_MONITOR__VAD__MODE": "loud"})
    with pytest.raises(ConfigError, match=r"environment.*mood"):
        load_settings(file(""), {"SER_MONITOR__VAD__MOOD": "1"})


def test_a_variable_for_a_table_is_an_error(file):
    with pytest.raises(ConfigError, match="SER_MONITOR__VAD__MODE"):
        load_settings(file(""), {"SER_MONITOR__VAD": "3", "SER_MONITOR__VAD__MODE": "1"})


def test_a_path_through_a_file_is_no_input(file):
    with pytest.raises(NoInputError, match="cannot be read"):
        load_settings(file("") / "config.toml", {})


def test_a_file_that_is_asked_for_must_exist(tmp_path):
    with pytest.raises(NoInputError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml", {})


def test_binary_and_directory_are_refused(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    for wrong in (path, tmp_path):
        with pytest.raises(ConfigError, match="not a TOML file"):
            load_settings(wrong, {})


def test_the_user_file_is_found(file, monkeypatch, tmp_path):
    (tmp_path / "ser-monitor").mkdir()
    (tmp_path / "ser-monitor" / "config.toml").write_text('node = "attic"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_settings(None, {}).node == "attic"

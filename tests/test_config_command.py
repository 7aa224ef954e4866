"""`ser-monitor config` as users meet it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from monitor.cli import main
from monitor.config import Settings, load_settings
from monitor.errors import RefusedError
from monitor.model import shipped_model
from monitor.settings import docstrings

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch, tmp_path):
    """Neither a file in the standard places nor variables; the handler that `main` sets is put back."""
    for name in [name for name in os.environ if name.startswith("SER_MONITOR_")]:
        monkeypatch.delenv(name)
    places = [tmp_path / "home" / "config.toml", tmp_path / "etc" / "config.toml"]
    monkeypatch.setattr("monitor.settings.file.config_paths", lambda: places)
    monkeypatch.setattr("monitor.commands.config.config_paths", lambda: places)
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def ser(capsys):
    def run(*arguments):
        try:
            code = main(["config", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_help_and_wrong_usage(ser):
    code, out, _ = ser("--help")
    assert code == 0
    assert all(action in out for action in ("show", "check", "init", "schema"))
    for wrong in ([], ["mend"], ["init", "--json"], ["check", "a", "--config", "b"], ["show", "--config", ""]):
        code, _, err = ser(*wrong)
        assert code == 2
        assert "usage:" in err


def test_what_init_writes_is_the_defaults(ser, tmp_path):
    _, text, _ = ser("init")
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    assert load_settings(tmp_path / "config.toml", {}) == Settings()
    assert max(map(len, text.splitlines())) <= 100
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_every_line_of_init_can_be_switched_on(ser, tmp_path):
    _, text, _ = ser("init")
    switched_on, count = re.subn(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE)
    (tmp_path / "config.toml").write_text(switched_on, encoding="utf-8")
    assert load_settings(tmp_path / "config.toml", {"SER_MONITOR__NODE": Settings().node}) == Settings()
    # All but the version, which is on, and the password, which must not stand there.
    assert count == len(json.loads(ser("show", "--json")[1])["settings"]) - 2
    assert "password = " not in text


def test_the_file_for_systemd_is_what_init_writes(ser):
    text = ser("init")[1]
    assert (ROOT / "systemd" / "config.toml").read_text(encoding="utf-8") == text, (
        "write it anew: .venv/bin/ser-monitor config init --force --output systemd/config.toml"
    )


def test_init_writes_a_file_once(ser, tmp_path):
    path = tmp_path / "new" / "folder" / "config.toml"
    assert ser("init", "--output", path) == (0, f"{path}: written\n", "")
    path.write_text("# mine")
    code, _, err = ser("init", "--output", path)
    assert (code, path.read_text()) == (2, "# mine")
    assert "--force" in err
    assert ser("init", "--output", path, "--force")[0] == 0
    assert path.read_text(encoding="utf-8") == ser("init")[1]


def test_init_says_why_it_cannot_write(ser, tmp_path, monkeypatch):
    code, _, err = ser("init", "--force", "--output", tmp_path)
    assert code == 74
    assert err.count("\n") == 1
    assert ser("init", "--output", "/dev/full", "--force")[0] == 74
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
    assert ser("init", "--output", tmp_path / "x")[0] == 77


def test_check(ser, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[vad]\nmode = 1\n")
    assert ser("check", path) == ser("check", "--config", path) == (0, f"{path}: ok\n", "")
    path.write_text("[vad]\nmood = 1\n")
    assert ser("check", path) == (
        78,
        "",
        f"ser-monitor: error: {path}:2: unknown key 'vad.mood'; did you mean 'vad.mode'?\n",
    )
    assert ser("check", tmp_path / "none")[0] == 66
    code, out, _ = ser("check")
    assert code == 0
    assert out.startswith("no configuration file at ")


def test_check_looks_at_the_files_that_a_start_reads(ser, tmp_path):
    path, nowhere = tmp_path / "config.toml", tmp_path / "nowhere"
    for key, lines in (
        ("[mqtt] password_file", f'username = "u"\npassword_file = "{nowhere}"\n'),
        ("[mqtt.tls] ca_file", f'\ntls.enabled = true\ntls.ca_file = "{nowhere}"\n'),
    ):
        path.write_text(f"[mqtt]\nenabled = true\n{lines}")
        line = path.read_text().count("\n")
        assert ser("check", path) == (
            78,
            "",
            f"ser-monitor: error: {path}:{line}: {key}: there is no file {nowhere}\n",
        )
        path.write_text(f"[mqtt]\nenabled = false\n{lines}")
        assert ser("check", path)[0] == 0


def test_check_looks_at_the_model(ser, tmp_path):
    path, model = tmp_path / "config.toml", tmp_path / "model.tflite"
    path.write_text(f'\n[model]\npath = "{model}"\n')
    assert ser("check", path) == (66, "", f"ser-monitor: error: {path}:3: [model] path: no such model: {model}\n")
    model.write_bytes(b"nothing of the kind")
    code, _, err = ser("check", path)
    assert code == 78
    assert err.startswith(f"ser-monitor: error: {path}:3: [model] path: {model}: no readable model card inside")
    for name in (shipped_model(), "gender-emotion", ""):
        path.write_text(f'[model]\npath = "{name}"\n')
        assert ser("check", path)[0] == 0
    path.write_text('[model]\npath = "~nobody-has-this-name/model.tflite"\n')
    code, _, err = ser("check", path)
    assert (code, err.count("\n")) == (66, 1)


def test_check_lets_pass_what_only_the_service_can_see(ser, tmp_path):
    path, lent = tmp_path / "config.toml", "/run/credentials/ser-monitor.service"
    tls = f'tls = {{enabled = true, cert_file = "{lent}/mqtt-certificate", key_file = "{lent}/mqtt-key"}}'
    path.write_text(f'[mqtt]\nenabled = true\nusername = "u"\npassword_file = "{lent}/mqtt-password"\n{tls}\n')
    assert ser("check", path) == (0, f"{path}: ok\n", "")


def test_check_looks_at_the_environment_too(ser, monkeypatch):
    monkeypatch.setenv("SER_MONITOR_VAD__MODE", "1")
    code, _, err = ser("check")
    assert code == 78
    assert "SER_MONITOR__VAD__MODE" in err


def test_show_tells_values_and_origins(ser, tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text('node = "Küche"\n[audio]\ndevice = "USB"\n')
    monkeypatch.setenv("SER_MONITOR__MQTT__PASSWORD", "hunter2")
    code, out, err = ser("show", path, "--model", "my.tflite")
    lines = out.splitlines()
    assert (code, err, lines[0]) == (0, "", str(path))
    rows = [re.split(r" {2,}", line) for line in lines[1:]]
    assert all(len(row) == 3 for row in rows)
    assert ["node", '"Küche"', f"{path}:1"] in rows
    assert ["audio.device", '"USB"', f"{path}:3"] in rows
    assert ["vad.mode", "2", "default"] in rows
    assert ["model.path", '"my.tflite"', "--model"] in rows
    assert ["mqtt.password", "***", "SER_MONITOR__MQTT__PASSWORD"] in rows
    assert "hunter2" not in out
    assert len({line.rindex(row[2]) for line, row in zip(lines[1:], rows, strict=True)}) == 1


def test_a_command_is_shown_without_its_password_and_a_device_takes_its_place(ser, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[audio]\ncommand = "true rtsp://me:hunter2@camera/a"\n')
    code, out, _ = ser("show", path)
    assert code == 0
    assert "hunter2" not in out
    assert '"true rtsp://***@camera/a"' in out
    rows = [re.split(r" {2,}", line) for line in ser("show", path, "--device", "USB")[1].splitlines()[1:]]
    assert ["audio.device", '"USB"', "--device"] in rows
    assert ["audio.command", '""', "--device"] in rows


def test_check_looks_for_the_program_that_is_to_be_heard(ser, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[audio]\ncommand = "no-such-program -r 16000"\n')
    code, _, err = ser("check", path)
    assert code == 78
    assert f"{path}:2: [audio] command: no program 'no-such-program' here" in err
    path.write_text('[audio]\ncommand = "true"\n')
    assert ser("check", path)[0] == 0


def test_show_as_json(ser, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_MONITOR__MQTT__PASSWORD", "hunter2")
    _, out, _ = ser("show", "--json", "--device", "USB")
    shown = json.loads(out)
    assert shown["file"] is None
    assert shown["settings"]["audio.device"] == {"value": "USB", "source": "flag", "where": "--device"}
    assert shown["settings"]["vad.mode"] == {"value": 2, "source": "default", "where": None}
    assert shown["settings"]["mqtt.password"]["value"] == "***"
    monkeypatch.delenv("SER_MONITOR__MQTT__PASSWORD")
    assert json.loads(ser("show", "--json")[1])["settings"]["mqtt.password"]["value"] == ""


def test_show_tells_where_the_password_comes_from(ser, tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text(f'[mqtt]\nusername = "u"\npassword_file = "{tmp_path}/password"\n')
    (tmp_path / "password").write_text("hunter2")
    (row,) = (line for line in ser("show", path)[1].splitlines() if line.startswith("mqtt.password "))
    assert row.split() == ["mqtt.password", "***", "password_file"]
    shown = json.loads(ser("show", "--json", path)[1])["settings"]["mqtt.password"]
    assert shown == {"value": "***", "source": "password_file", "where": None}
    # The environment comes first, as it does for the connection.
    monkeypatch.setenv("SER_MONITOR__MQTT__PASSWORD", "hunter3")
    (row,) = (line for line in ser("show", path)[1].splitlines() if line.startswith("mqtt.password "))
    assert row.split() == ["mqtt.password", "***", "SER_MONITOR__MQTT__PASSWORD"]


def test_show_refuses_what_run_refuses(ser):
    code, out, err = ser("show", "--log-level", "loud")
    assert (code, out) == (78, "")
    assert err == 'ser-monitor: error: --log-level is "loud", wanted debug, info, warning or error\n'


def test_the_schema_accepts_and_refuses(ser):
    schema = json.loads(ser("schema")[1])
    assert schema["$schema"].endswith("2020-12/schema")
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"schema_version": 1, "vad": {"mode": 1}})
    for wrong in ({"vad": {"mode": 9}}, {"vad": {"mood": 1}}, {"mqtt": {"password": "x"}}, {"schema_version": 2}):
        assert not validator.is_valid(wrong)


def test_without_source_there_is_one_line(monkeypatch):
    def unavailable(_):
        raise OSError

    monkeypatch.setattr(docstrings.inspect, "getsource", unavailable)
    with pytest.raises(RefusedError, match="install the program again"):
        docstrings.attribute_docstrings(Settings)


def test_undecodable_names_come_out_as_they_were(tmp_path):
    name = os.fsencode(tmp_path) + b"/k\xfc.toml"
    Path(os.fsdecode(name)).write_text("")
    command = [sys.executable, "-m", "monitor.cli", "config"]
    done = subprocess.run([*command, "check", name], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, name + b": ok\n", b"")
    done = subprocess.run([*command, "show", "--json", name], capture_output=True, check=False, timeout=60)
    assert json.loads(done.stdout)["file"] == os.fsdecode(name)

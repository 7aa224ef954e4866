"""Checks that need neither broker nor microphone, and the way to the service's own view."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from ports import free_port

from monitor.checkup import CHECKS, NEEDS, Finding, chain, checkup, service
from monitor.checkup import as_service as module
from monitor.checkup.as_service import Unit, as_service, parse_unit
from monitor.checkup.metrics import check_metrics
from monitor.cli import main
from monitor.config import MetricsSettings, ModelSettings, Settings
from monitor.errors import BrokerError
from monitor.registry import resolve
from monitor.sinks.metrics import MetricsSink

SHIPPED = Path(__file__).parent.parent / "systemd" / "ser-monitor.service"


def metrics(**fields):
    return list(check_metrics(Settings(metrics=MetricsSettings(**fields))))


def test_every_check_can_be_imported():
    for entry in CHECKS.values():
        assert callable(resolve(entry))
    assert set(NEEDS) <= set(CHECKS)


def test_a_chain_skips_what_comes_after_a_failure():
    def fail():
        raise BrokerError("no")

    found = list(chain([("a", lambda: ("warning", "hm")), ("b", fail), ("c", fail)]))
    assert found == [
        Finding("a", "warning", "hm"),
        Finding("b", "failed", "no", 69),
        Finding("c", "skipped", "needs b"),
    ]


def test_without_its_model_the_microphone_is_not_opened():
    found = list(checkup(Settings(model=ModelSettings(path="/nowhere")), ["microphone"]))
    assert [(one.step, one.state, one.exit_code) for one in found] == [
        ("model", "failed", 66),
        ("microphone", "skipped", 0),
    ]


def test_a_configuration_that_is_refused(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text("[vad]\nmode = 9\n")
    assert main(["check", "--json", "--config", str(path), "model"]) == 78
    config, model = map(json.loads, capsys.readouterr().out.splitlines())
    assert (config["step"], config["state"], config["exit_code"]) == ("config", "failed", 78)
    assert str(path) in config["text"]
    assert (model["state"], model["text"]) == ("skipped", "needs config")


def test_where_the_settings_come_from(tmp_path, capsys, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text('node = "kitchen"\n')
    monkeypatch.setenv("SER_MONITOR__VAD__MODE", "3")
    assert main(["check", "--json", "--config", str(path), "--log-level", "error", "service"]) == 0
    text = json.loads(capsys.readouterr().out.splitlines()[0])["text"]
    assert text == f"{path}, and --log-level, SER_MONITOR__VAD__MODE; node 'kitchen'"


def test_a_part_that_does_not_exist(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["check", "brokr"])
    assert caught.value.code == 2
    assert "found 'brokr', wanted one of model, microphone, broker, metrics, service" in capsys.readouterr().err


def test_metrics_that_are_not_wanted():
    assert [(one.step, one.state) for one in metrics()] == [("metrics", "skipped")]


def test_the_text_file_leaves_no_trace(tmp_path):
    there = tmp_path / "ser.prom"
    there.write_text("of a monitor that runs")
    [found] = metrics(textfile=str(there))
    assert (found.step, found.state) == ("textfile", "ok")
    assert there.read_text() == "of a monitor that runs"
    assert [path.name for path in tmp_path.iterdir()] == ["ser.prom"]


def test_a_text_file_without_a_folder(tmp_path):
    [found] = metrics(textfile=str(tmp_path / "nowhere" / "ser.prom"))
    assert (found.state, found.exit_code) == ("failed", 74)
    assert "No such file or directory" in found.text


def test_the_endpoint():
    port = free_port()
    [found] = metrics(listen=f"127.0.0.1:{port}")
    assert found.state == "ok"
    sink = MetricsSink(MetricsSettings(listen=f"127.0.0.1:{port}"), "n", "m", "v")
    [found] = metrics(listen=f"127.0.0.1:{port}")
    sink.close()
    assert (found.state, found.text) == ("ok", f"http://127.0.0.1:{port}/metrics is shown by a ser-monitor that runs")


def test_a_port_that_another_program_has():
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    [found] = metrics(listen=f"127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    assert (found.state, found.exit_code) == ("failed", 78)
    assert "in use" in found.text


def test_the_unit_that_is_shipped_gives_its_surroundings():
    unit = parse_unit(SHIPPED.read_text())
    assert unit.program == ("/opt/ser-monitor/bin/ser-monitor", "--config", "/etc/ser-monitor/config.toml")
    names = [name for name, _ in unit.properties]
    assert {"DynamicUser", "SupplementaryGroups", "LoadCredential", "SystemCallFilter", "DeviceAllow"} <= set(names)
    assert not {name for name in names if name.startswith(("Exec", "Restart", "Timeout", "Watchdog", "Type"))}
    assert ("PA_ALSA_PLUGHW", "1") in unit.environment


def test_drop_ins_add_and_reset():
    unit = parse_unit(
        "# /etc/x\n[Unit]\nType=not ours\n[Service]\nExecStart=/a run --config /a.toml --stdout\n"
        "Environment=A=1 'B=2 3'\nLoadCredential=old\nUMask=0077\n# comment\n; comment\n"
        "# /etc/x.d/y.conf\n[Service]\nExecStart=\nExecStart=-/b/ser-monitor --device=USB \\\n --log-level debug\n"
        "LoadCredential=\nLoadCredential=new\nEnvironment=A=4\nRestart=no\nSetCredential=p:secret\n"
    )
    assert unit == Unit(
        program=("/b/ser-monitor", "--device=USB"),
        properties=(("LoadCredential", "old"), ("UMask", "0077"), ("LoadCredential", ""), ("LoadCredential", "new")),
        environment=(("A", "4"), ("B", "2 3")),
    )
    assert parse_unit("[Service]\nType=oneshot\n") is None


def test_the_command_holds_no_secret():
    unit = parse_unit(
        "[Service]\nExecStart=/x/ser-monitor --config /c\nDynamicUser=yes\n"
        'Environment="SER_MONITOR__MQTT__PASSWORD=hunter2" A=b\nSetCredential=mqtt-password:hunter2\n'
    )
    command = as_service(unit, ["--json", "broker"])
    assert "hunter2" not in " ".join(command)
    assert command[:3] == ["systemd-run", "--wait", "--pipe"]
    assert command[command.index("User=ser-monitor") - 1] == "-p"
    assert command[command.index("-E") :] == [
        *("-E", "SER_MONITOR__MQTT__PASSWORD", "-E", "A=b", "--"),
        *("/x/ser-monitor", "check", "--config", "/c", "--json", "broker"),
    ]


def test_without_a_unit_the_defaults_are_taken():
    command = as_service(None, [])
    assert {"DynamicUser=yes", "SupplementaryGroups=audio", "User=ser-monitor"} <= set(command)
    assert command[command.index("--") + 1 :] == [sys.executable, "-m", "monitor.cli", "check"]


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """A machine on which systemd seems to run; `systemd-run` and `systemctl` write down how they were called."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "unit").write_text(f"{SHIPPED.read_text()}[Service]\nEnvironment=SER_MONITOR__MQTT__PASSWORD=hunter2\n")
    _program(programs / "systemctl", f'[ "$3" = cat ] && cat {tmp_path}/unit')
    _program(
        programs / "systemd-run", f'echo "$*" > {tmp_path}/words; env > {tmp_path}/env; exit $(cat {tmp_path}/code)'
    )
    (tmp_path / "code").write_text("69")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(module, "BOOTED", tmp_path)
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    return tmp_path


def test_the_checks_are_made_as_the_service(systemd, capfd):
    assert main(["check", "--as-service", "broker"]) == 69
    words = (systemd / "words").read_text()
    assert words.endswith("-- /opt/ser-monitor/bin/ser-monitor check --config /etc/ser-monitor/config.toml broker\n")
    said = capfd.readouterr()
    assert "running systemd-run --wait --pipe" in said.err
    assert "hunter2" not in words + said.err + said.out
    assert "SER_MONITOR__MQTT__PASSWORD=hunter2" in (systemd / "env").read_text()


@pytest.mark.parametrize(("code", "reason"), [(203, "may not execute the program"), (243, "a credential is missing")])
def test_a_service_that_systemd_cannot_start(systemd, capfd, code, reason):
    (systemd / "code").write_text(str(code))
    assert main(["check", "--as-service"]) == 78
    assert reason in capfd.readouterr().err


def test_only_root_can_be_the_service(systemd, monkeypatch, capfd):
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    assert main(["check", "--as-service"]) == 77
    said = capfd.readouterr().err
    assert "needs root: sudo " in said
    assert "it does: systemd-run --wait" in said
    assert "hunter2" not in said
    assert not (systemd / "words").exists()


def test_without_systemd_nothing_is_pretended(systemd, monkeypatch, capfd):
    monkeypatch.setattr(module, "BOOTED", systemd / "nowhere")
    assert main(["check", "--as-service"]) == 78
    said = capfd.readouterr()
    assert "needs systemd, which does not run here; where it runs, it does: systemd-run --wait" in said.err
    assert said.out == ""


def test_the_service_has_flags_of_its_own(systemd, capfd):
    assert main(["check", "--as-service", "--device", "USB"]) == 2
    assert "--device does not go with --as-service" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("lines", "state", "text"),
    [
        ("ActiveState=active\nSubState=running\nStatusText=listening", "ok", "is active (running): listening"),
        ("ActiveState=inactive\nSubState=dead", "ok", "start it: systemctl start ser-monitor.service"),
        ("ActiveState=failed\nSubState=failed\nResult=exit-code", "warning", "exit-code; see journalctl -u"),
    ],
)
def test_what_systemd_knows(systemd, lines, state, text):
    _program(
        systemd / "programs" / "systemctl", f"printf 'LoadState=loaded\\n{lines.replace(chr(10), chr(92) + 'n')}\\n'"
    )
    [found] = service.check_service(Settings())
    assert (found.state, found.exit_code) == (state, 0)
    assert text in found.text


def test_a_systemctl_that_hangs_is_left(systemd, monkeypatch):
    monkeypatch.setattr(service, "_ANSWER_S", 0.2)
    _program(systemd / "programs" / "systemctl", "exec sleep 60")
    began = time.monotonic()
    assert service.active_unit() == ""
    assert time.monotonic() - began < 5


def test_a_closed_pipe_is_an_end():
    command = f"{sys.executable} -m monitor.cli check model | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)

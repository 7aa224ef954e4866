"""The unit files without a running systemd: well formed, hardened, and alike where they should be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[1] / "systemd"
SYSTEM_UNITS = ("ser-monitor.service", "ser-monitor@.service")
USER_UNIT = "ser-monitor.user.service"
EXAMPLES = sorted((UNITS / "examples").glob("*.conf"))
MOST_EXPOSURE = 1.5
_PROGRAM = re.compile(r"(/opt|%h/\.local/share)/ser-monitor/bin/ser-monitor")
_NEWER_SYSTEMD = {"restart-backoff.conf": 254}

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def analyze(*arguments: str, folder: Path) -> str:
    """What systemd-analyze says, both streams, and its exit status; units and drop-ins in `folder` are found."""
    own = {"XDG_RUNTIME_DIR": str(folder), "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_EMOJI": "0"}
    command = ["systemd-analyze", "--no-pager", *arguments]
    result = subprocess.run(
        command, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return f"{result.stdout}exit {result.returncode}"


def with_program(name: str, folder: Path) -> Path:
    """A copy of the unit whose program exists: systemd-analyze looks for it."""
    text = (UNITS / name).read_text(encoding="utf-8")
    assert _PROGRAM.search(text)
    copy = folder / name.replace("@", "@kitchen")
    copy.write_text(_PROGRAM.sub("/bin/true", text), encoding="utf-8")
    return copy


def directives(name: str) -> list[str]:
    lines = (UNITS / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", SYSTEM_UNITS)
def test_a_system_unit_is_well_formed(name, tmp_path):
    unit = with_program(name, tmp_path)
    assert analyze("verify", "--man=no", "--recursive-errors=no", str(unit), folder=tmp_path) == "exit 0"


def test_the_user_unit_is_well_formed(tmp_path):
    unit = with_program(USER_UNIT, tmp_path)
    assert analyze("verify", "--user", "--man=no", "--recursive-errors=no", str(unit), folder=tmp_path) == "exit 0"


@pytest.mark.parametrize("name", SYSTEM_UNITS)
def test_a_system_unit_is_hardened(name, tmp_path):
    unit = with_program(name, tmp_path)
    text = analyze("security", "--offline=yes", str(unit), folder=tmp_path)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", text)
    assert exposure, text
    assert float(exposure[1]) <= MOST_EXPOSURE, text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_drops_in(example, tmp_path):
    version = int(re.match(r"systemd (\d+)", analyze("--version", folder=tmp_path))[1])
    wanted = _NEWER_SYSTEMD.get(example.name, 0)
    if version < wanted:
        pytest.skip(f"needs systemd {wanted}, found {version}")
    unit = with_program("ser-monitor.service", tmp_path)
    drop_in = tmp_path / "ser-monitor.service.d" / example.name
    drop_in.parent.mkdir()
    drop_in.write_text(_PROGRAM.sub("/bin/true", example.read_text(encoding="utf-8")), encoding="utf-8")
    assert analyze("verify", "--man=no", "--recursive-errors=no", str(unit), folder=tmp_path) == "exit 0"


def test_the_template_differs_by_its_instance_alone():
    one, many = (set(directives(name)) for name in SYSTEM_UNITS)
    assert {line for line in many - one if "%i" not in line} == set()
    assert {line.replace("config.toml", "%i.toml") for line in one - many} <= many | {
        "Description=Speech-emotion monitor"
    }


@pytest.mark.parametrize("name", [*SYSTEM_UNITS, USER_UNIT])
def test_no_start_waits_for_the_network(name):
    assert not [
        line for line in directives(name) if "network-online" in line or line.startswith(("Requires=", "Wants="))
    ]


@pytest.mark.parametrize("name", [*SYSTEM_UNITS, USER_UNIT])
def test_what_was_heard_is_not_dumped(name):
    assert "LimitCORE=0" in directives(name)


@pytest.mark.parametrize("name", [*SYSTEM_UNITS, USER_UNIT])
def test_only_what_needs_a_person_stays_down(name):
    assert {"Restart=always", "RestartPreventExitStatus=2 77 78"} <= set(directives(name))

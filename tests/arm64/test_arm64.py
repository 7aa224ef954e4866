"""The wheel on the instruction set of a Raspberry Pi gives what it gives here.

What of the unit tests runs there, and what does not and why, stands in `selection.py`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from arm64.selection import RUN_THERE, TESTS_LEFT_OUT
from waiting import wait_until

from benchmarks.arm64 import ENVIRONMENT, TOOLS
from benchmarks.checkout import ROOT, copy_checkout
from benchmarks.userland import PROCESSOR, Userland
from monitor.model import SHIPPED_MODELS

pytestmark = [pytest.mark.arm64, pytest.mark.timeout(3600)]

PYTHON = f"{ENVIRONMENT}/bin/python"
INTERPRETERS = {"3.11": "tflite-runtime", "3.13": "ai-edge-litert"}
PROCESSORS = ("cortex-a53", "cortex-a72", "cortex-a76")
"""Of a Raspberry Pi Zero 2 W or 3, a 4, and a 5, for which the interpreter takes other instructions."""
CLIP = ROOT / "monitor/demo/demo.flac"
ANALYSIS = ("analyze", "--json", "--segments", str(CLIP))
EVENTS = ("--input", "demo", "--format", "json", "--start-time", "2026-01-01T00:00:00Z")
# By default all of the clip's synthetic voice is uncertain: no label would be compared, and no change of one.
DECISION = {"MIN_CONFIDENCE": "0.4", "MIN_DWELL_S": "0.5"}
SETTINGS = {"SER_MONITOR__NODE": "pi"} | {f"SER_MONITOR__DECISION__{key}": value for key, value in DECISION.items()}
POSTERIOR_TOLERANCE = 1e-3
_PRINTED = 1e-9
"""Posteriors are printed to three digits: what is 0.001 apart may be a rounding error more."""
WITH_POSTERIORS = ("confidence", "scores", "valence", "arousal")
INSTALLED = """
import importlib.metadata as m, json, platform, monitor
names = {d.name for d in m.distributions()} & {"tflite-runtime", "ai-edge-litert"}
print(json.dumps([platform.machine(), ".".join(platform.python_version_tuple()[:2]), *names, monitor.__file__]))
"""

ARITHMETIC = """
from pathlib import Path
from monitor.config import load_settings
from monitor.errors import MonitorError
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline.frames import features_of
model = EmotionModel.load(shipped_model())
print(5e-324 * float("1.0") > 0.0)
Path("/tmp/none.toml").write_text("[audio]\\nring_s = 0\\n")
try:
    load_settings(Path("/tmp/none.toml"), {})
except MonitorError as error:
    print("wanted a number above 0" in str(error))
"""


def there(pi, *arguments, processor=PROCESSOR):
    """What the program prints in the userland, line by line."""
    program = f"{ENVIRONMENT}/bin/ser-monitor"
    output = pi.run(program, *arguments, binds={str(CLIP): CLIP}, environment=SETTINGS | {"QEMU_CPU": processor}).stdout
    return [json.loads(line) for line in output.splitlines()]


def here(*arguments):
    """What it prints on this host."""
    command = [sys.executable, "-m", "monitor.cli", *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), **SETTINGS}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_same(found, wanted, where="", *, posterior=False):
    """Equal in everything, but for posteriors and what is derived from them."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for key, value in wanted.items():
            assert_same(found[key], value, f"{where}.{key}", posterior=posterior or key in WITH_POSTERIORS)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for at, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{where}[{at}]", posterior=posterior)
    elif posterior and isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=0, abs=POSTERIOR_TOLERANCE + _PRINTED), where
    else:
        assert found == wanted, where


def test_the_program_is_the_wheel_on_arm64(pi):
    machine, python, *interpreters, file = json.loads(pi.run(PYTHON, "-c", INSTALLED).stdout)
    assert (machine, interpreters) == ("aarch64", [INTERPRETERS[python]])
    assert file.startswith(ENVIRONMENT)


@pytest.mark.parametrize("processor", PROCESSORS)
def test_analyze_gives_the_same_segments(pi, processor):
    wanted = here(*ANALYSIS)
    assert len(wanted[0]["segments"]) >= 4
    assert_same(there(pi, *ANALYSIS, processor=processor), wanted)


def test_the_monitor_gives_the_same_events(pi):
    wanted = here(*EVENTS)
    assert {event["type"] for event in wanted} == {"new", "update", "end"}
    assert_same(there(pi, *EVENTS), wanted)


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_the_models_pass_their_probe(pi, name):
    assert "ok" in pi.run(f"{ENVIRONMENT}/bin/ser-monitor", "model", "verify", name).stdout


def test_the_interpreter_leaves_arithmetic_as_it_was(pi):
    """tflite-runtime's arm64 wheel has subnormal numbers flushed to zero: 0 counted as above 0, and numpy warned."""
    done = pi.run(PYTHON, "-c", ARITHMETIC)
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")
    resampled = f"head -c 88200 /dev/zero | {ENVIRONMENT}/bin/ser-monitor --input - --rate 44100 --format json"
    assert pi.run("sh", "-euc", resampled).stderr == ""


def test_unit_tests_pass(pi, tmp_path):
    checkout = copy_checkout(tmp_path / "checkout")
    # From elsewhere: in the checkout, its files would be imported and not the wheel's.
    files = [f"/src/tests/{name}" for name in RUN_THERE]
    options = ["-c", "/src/pyproject.toml", "-p", "no:cacheprovider", "--timeout=1200", "-q"]
    options += ["-k", f"not ({' or '.join(TESTS_LEFT_OUT)})"]
    command = (PYTHON, "-m", "pytest", *options, *files)
    done = pi.run(*command, binds={"/src": checkout}, environment={"PYTHONPATH": TOOLS}, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    print(done.stdout.splitlines()[-1])
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 900


def test_a_command_that_is_killed_leaves_nothing_mounted(pi, tmp_path):
    userland = Userland(pi.layers, tmp_path / "killed")
    words = userland.words(("sh", "-c", "echo inside; exec sleep 600"), {}, {})
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as command:
        try:
            assert command.stdout.readline() == "inside\n"
            assert mounted_below(userland.folder)
        finally:
            command.kill()
        wait_until(lambda: not mounted_below(userland.folder))
    shutil.rmtree(userland.folder)


def mounted_below(folder):
    """Mounts that any process sees."""
    found = []
    for file in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError:  # it has ended meanwhile
            continue
        found += [line for line in lines if f" {folder}/" in line]
    return found

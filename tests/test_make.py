"""`make run` on a machine without a microphone: it says so in one line and plays the bundled clip."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
VENV = Path(sys.prefix)

pytestmark = [
    pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine"),
    pytest.mark.skipif(not (VENV / ".run").exists(), reason="these tests were not installed by make"),
    pytest.mark.skipif(Path("/proc/asound/card0").exists(), reason="this machine has a sound card"),
]


def test_make_run_without_a_microphone_plays_the_clip():
    nowhere = os.environ | {"PULSE_SERVER": "unix:/nonexistent"}
    done = subprocess.run(
        ["make", "--no-print-directory", "run", f"VENV={VENV}"],
        cwd=ROOT,
        env=nowhere,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No microphone (") == 1
    assert "playing the bundled clip" in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["type"] == "new"
    assert events[-1]["type"] == "end"

"""Log lines reach standard error, whatever is done to it meanwhile."""

import subprocess
import sys

SCRIPT = """
import logging, os
from monitor.logs import set_up_logging
for _ in range(50):
    set_up_logging("info")
files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
# As sounddevice does while PortAudio starts.
kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(nowhere, 2)
logging.getLogger("x").info("said meanwhile")
os.dup2(kept, 2)
logging.getLogger("x").info("said after")
print(files)
"""


def run(**environment):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env={"PATH": "", **environment}, check=True
    )


def test_lines_of_other_threads_are_not_lost_while_portaudio_starts():
    done = run()
    assert done.stderr.splitlines() == ["ser-monitor: INFO: said meanwhile", "ser-monitor: INFO: said after"]
    assert int(done.stdout) < 12


def test_levels_for_the_journal():
    assert run(JOURNAL_STREAM="8:1").stderr.splitlines() == ["<6>said meanwhile", "<6>said after"]


def test_a_refused_start_is_an_error_in_the_journal(tmp_path):
    (tmp_path / "config.toml").write_text("[vad]\nmode = 9\n")
    command = [sys.executable, "-m", "monitor.cli", "--config", str(tmp_path / "config.toml")]
    done = subprocess.run(command, capture_output=True, text=True, env={"JOURNAL_STREAM": "8:1"}, check=False)
    assert done.returncode == 78
    assert done.stderr.startswith("<3>ser-monitor: error: ")

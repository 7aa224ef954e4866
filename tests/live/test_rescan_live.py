"""Looking for devices anew, through the real PortAudio and ALSA, in a process of its own."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.live

_LOOK_AGAIN_AND_AGAIN = """
import sys
from pathlib import Path
from monitor.sources import portaudio

def memory_kb():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("RssAnon"))

for _ in range(20):
    portaudio.rescan()
before_kb = memory_kb()
for _ in range(int(sys.argv[1])):
    portaudio.rescan()
print(len(portaudio.input_devices()), memory_kb() - before_kb)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_looking_for_devices_again_and_again_loses_no_memory(pulse):
    n_looks = 150
    done = subprocess.run(
        [sys.executable, "-c", _LOOK_AGAIN_AND_AGAIN, str(n_looks)],
        env={**pulse.environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr.decode()
    n_devices, grown_kb = map(int, done.stdout.split())
    assert n_devices
    # Plug-ins that are loaded anew cost 12 kB each time.
    assert grown_kb / n_looks < 4

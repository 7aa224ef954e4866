"""What the whole program costs while nobody speaks: wake-ups and memory, bounded well above what they are."""

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from mqtt.program import NODE, RATE_HZ, Monitor

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc")

BASE = f"ser-monitor/{NODE}"
WATCHED_S = 6.0
MOST_WAKE_UPS = 50
"""A second, of all threads together. With blocks of 30 ms throughout they were 106; now they are 16."""
MOST_MB = 70 if find_spec("tflite_runtime") else 100


def n_wake_ups(process):
    """Times that threads have waited for something and gone on."""
    waits = 0
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        lines = (thread / "status").read_text().splitlines()
        waits += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return waits


def test_silence_wakes_nobody_up_without_need_and_memory_is_small(broker):
    witness = broker.watch(f"{BASE}/#")
    noise = np.rint(np.random.default_rng(0).standard_normal(10 * RATE_HZ) * 10).astype(np.int16)
    with Monitor("--input", "-", environment=broker.environment()) as monitor:
        monitor.talk(noise)
        witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "listening", timeout_s=20)
        time.sleep(2)  # the announcement is said, and the noise known to be no speech
        before, began_s = n_wake_ups(monitor.process), time.monotonic()
        time.sleep(WATCHED_S)
        rate = (n_wake_ups(monitor.process) - before) / (time.monotonic() - began_s)
        assert rate < MOST_WAKE_UPS
        resident = next(
            int(line.split()[1]) * 1024 / 1e6
            for line in Path(f"/proc/{monitor.process.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )
        assert resident < MOST_MB
        assert monitor.end()[0] == 0, monitor.log

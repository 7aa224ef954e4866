"""Processor time and memory of processes, as Linux tells them."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

_NS_PER_S = 1e9
_BYTES_PER_KB = 1024
_MB = 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value no less than `share` per cent of them, infinite ones included; NaN where there is none."""
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(len(values) * share / 100) - 1, 0)]


def thread_times(pids: Iterable[int]) -> dict[int, float]:
    """Seconds of processor time of each thread of the processes, in nanosecond steps; what has ended is left out."""
    times = {}
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - thousands of them, in a hurry
                with suppress(FileNotFoundError, ProcessLookupError):
                    spent_ns = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text(encoding="ascii").split()[0]
                    times[int(thread)] = int(spent_ns) / _NS_PER_S
    return times


def spent_s(before: dict[int, float], after: dict[int, float]) -> float:
    """Processor time between two looks; threads that came meanwhile count in full."""
    return sum(time_s - before.get(thread, 0.0) for thread, time_s in after.items())


def memory_mb(pids: Iterable[int]) -> tuple[float, float]:
    """Proportional and resident set of the processes together, 10^6 bytes.

    Proportional: a page that several processes share counts in equal parts for each of them, and so once for all.
    """
    pss_kb = rss_kb = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            pss_kb += int(value.split()[0]) if name == "Pss" else 0
            rss_kb += int(value.split()[0]) if name == "Rss" else 0
    return pss_kb * _BYTES_PER_KB / _MB, rss_kb * _BYTES_PER_KB / _MB


def available_mb() -> float:
    """Memory that new processes could take, 10^6 bytes."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * _BYTES_PER_KB / _MB
    return math.inf


def machine_times(cores: AbstractSet[int]) -> tuple[float, float]:
    """Seconds that these cores together were busy, whoever it was, and idle, since the start of the machine."""
    names = {f"cpu{core}" for core in cores}
    busy_s = idle_s = 0.0
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *fields = line.split()
        if name in names:
            times = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[:8]]
            user, nice, system, idle, io_wait, irq, soft_irq, steal = times
            busy_s += user + nice + system + irq + soft_irq + steal
            idle_s += idle + io_wait
    return busy_s, idle_s

"""What the kernel knows of a running process: processor time, wake-ups, memory. Linux only."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NS_PER_S = 1e9
_BYTES_PER_MB = 1e6
_KIB = 1024
_CPUCLOCK_SCHED = 2
"""Of the kernel's posix-timers.h: the clock of all that a process, its ended threads included, has run."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Up to one moment."""

    at_s: float
    """On the clock of `time.monotonic`."""
    cpu_s: float
    """Of all threads, ended ones included."""
    wakeups: int
    """Times that a thread which lives went to sleep of its own accord, and so was woken."""
    threads_s: dict[str, float]
    """Processor time of the threads that live, by name; threads of one name together."""

    @staticmethod
    def of(pid: int) -> Counters:
        """Of a process of this user.

        Raises:
            OSError: it is gone.
        """
        threads_s: dict[str, float] = {}
        wakeups = 0
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                run_s = int((task / "schedstat").read_text().split()[0]) / _NS_PER_S
                name = (task / "comm").read_text().strip()
                wakeups += _fields(task / "status")["voluntary_ctxt_switches"]
                threads_s[name] = threads_s.get(name, 0.0) + run_s
        return Counters(time.monotonic(), time.clock_gettime((~pid) << 3 | _CPUCLOCK_SCHED), wakeups, threads_s)


@dataclass(frozen=True, slots=True)
class Usage:
    """Between two moments."""

    core_percent: float
    """Of one core."""
    wakeups_per_s: float
    threads_percent: dict[str, float]
    """Of one core, by thread."""

    @staticmethod
    def between(start: Counters, end: Counters) -> Usage:
        """What was used from `start` to `end`."""
        passed_s = end.at_s - start.at_s
        threads = {name: end.threads_s[name] - start.threads_s.get(name, 0.0) for name in end.threads_s}
        return Usage(
            100 * (end.cpu_s - start.cpu_s) / passed_s,
            (end.wakeups - start.wakeups) / passed_s,
            {name: 100 * used_s / passed_s for name, used_s in threads.items()},
        )


@dataclass(frozen=True, slots=True)
class Modes:
    """Processor time by mode, as the kernel's clock ticks found it: few of them fall into short work."""

    user_s: float
    system_s: float

    def since(self, start: Modes | None) -> Modes:
        """The difference; None: from the thread's start."""
        return self if start is None else Modes(self.user_s - start.user_s, self.system_s - start.system_s)

    @staticmethod
    def by_thread(pid: int) -> dict[str, Modes]:
        """Of the threads that live, by name; threads of one name together.

        Raises:
            OSError: the process is gone.
        """
        found: dict[str, Modes] = {}
        for number, name in thread_names(pid).items():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                # Behind the name, which may hold anything.
                fields = Path(f"/proc/{pid}/task/{number}/stat").read_text().rpartition(")")[2].split()
                user_s, system_s = (int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in fields[11:13])
                other = found.get(name, Modes(0.0, 0.0))
                found[name] = Modes(other.user_s + user_s, other.system_s + system_s)
        return found


def thread_names(pid: int) -> dict[int, str]:
    """Of the threads that live, by number.

    Raises:
        OSError: the process is gone.
    """
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found[int(task.name)] = (task / "comm").read_text().strip()
    return found


@dataclass(frozen=True, slots=True)
class Memory:
    """In MB, 1e6 bytes."""

    resident_mb: float
    proportional_mb: float
    """As resident, where what is shared with other processes counts by its share."""
    peak_mb: float
    """The most that was resident since the start."""

    @staticmethod
    def of(pid: int) -> Memory:
        """Of a process of this user.

        Raises:
            OSError: it is gone.
        """
        status, rollup = _fields(Path(f"/proc/{pid}/status")), _fields(Path(f"/proc/{pid}/smaps_rollup"))
        return Memory(*(n_kib * _KIB / _BYTES_PER_MB for n_kib in (status["VmRSS"], rollup["Pss"], status["VmHWM"])))


def _fields(path: Path) -> dict[str, int]:
    """The lines `Name: number ...` of a file of /proc."""
    pairs = (line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    found = ((name, value.split()) for name, value in pairs)
    return {name: int(words[0]) for name, words in found if words and words[0].isdigit()}

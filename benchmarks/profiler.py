"""Where a running process is, again and again: Linux's perf, by a clock that runs while its threads do."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measurement import NotAvailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE_HZ = 10_000
"""A sample for each 0.1 ms that a thread runs: most of what wakes it up is over in less than a clock tick of 4 ms."""
_ATTACH_S = 0.5
_KERNEL = "[kernel.kallsyms]"


@dataclass(frozen=True, slots=True)
class Sample:
    """One interruption."""

    thread: int
    """The kernel's number."""
    library: str
    """File name of the code that was at work; `kernel` for the system's own."""
    symbol: str
    """The function, where its name is known."""

    @property
    def is_kernel(self) -> bool:
        """Whether the system was at work for the thread."""
        return self.library == "kernel"


def perf() -> str:
    """Where the program is.

    Raises:
        NotAvailableError: it is not installed.
    """
    found = shutil.which("perf")
    if found is None:
        raise NotAvailableError("perf is not installed (Debian: linux-perf)")
    return found


@contextmanager
def sampled(pid: int, folder: Path) -> Iterator[Path]:
    """The file in which the process's samples are when the context has ended.

    Raises:
        NotAvailableError: there is no perf, or it may not look at the process.
    """
    file = folder / "perf.data"
    clock = ("--event", "cpu-clock", "--freq", str(RATE_HZ), "--clockid", "mono")
    command = [perf(), "record", "--quiet", *clock, "--pid", str(pid), "--output", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        time.sleep(_ATTACH_S)
        if process.poll() is not None:
            assert process.stderr is not None
            raise NotAvailableError(f"perf does not sample: {process.stderr.read().decode().strip()}")
        try:
            yield file
        finally:
            process.send_signal(signal.SIGINT)  # it then writes what it has
            process.wait()


def samples(file: Path, start_s: float, end_s: float) -> Counter[Sample]:
    """How often each was taken between two moments on the clock of `time.monotonic`.

    Raises:
        subprocess.CalledProcessError: perf cannot read the file.
    """
    fields = ("--fields", "tid,time,ip,sym,dso")
    found = subprocess.run(
        [perf(), "script", "--input", str(file), *fields], capture_output=True, text=True, check=True
    )
    return parsed(found.stdout, start_s, end_s)


def parsed(script: str, start_s: float, end_s: float) -> Counter[Sample]:
    """Of lines `THREAD TIME: ADDRESS SYMBOL (FILE)`, as `perf script` prints them; others are passed over."""
    found = (_sample(line) for line in script.splitlines())
    return Counter(sample for at_s, sample in filter(None, found) if start_s <= at_s <= end_s)


def _sample(line: str) -> tuple[float, Sample] | None:
    head, _, file = line.strip().removesuffix(")").rpartition(" (")
    thread, at_s, _, symbol = [*head.split(maxsplit=3), *[""] * 4][:4]
    if not thread.isdigit() or not symbol:
        return None
    library = "kernel" if file.startswith(_KERNEL) else Path(file).name
    return float(at_s.rstrip(":")), Sample(int(thread), library, symbol)

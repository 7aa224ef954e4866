"""Starts what is measured, and ends it whatever happens: every process is in a context that ends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Literal

from benchmarks.many.configuration import environment, node_of, write_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Way = Literal["processes", "together"]
_PATIENCE_S = 10.0
_MOST_SAID = 500


@dataclass(frozen=True, slots=True)
class Group:
    """The monitors of one step."""

    processes: list[subprocess.Popen[bytes]]
    inputs: list[int]
    """A pipe's end for each microphone, to write to."""
    log: Path
    """What they said."""

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self.processes]

    def check(self) -> None:
        """See whether all of them run.

        Raises:
            RuntimeError: one has ended.
        """
        for process in self.processes:
            if process.poll() is not None:
                said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-_MOST_SAID:]
                raise RuntimeError(f"a monitor ended with {process.returncode}, wanted all to run: {said or 'silent'}")


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the context."""
    process = _start(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            _kill([process])


@contextmanager
def monitors(way: Way, n: int, port: int, folder: Path) -> Iterator[Group]:
    """`n` monitors, or one process with `n` pipelines; each microphone is a pipe. All are killed with the context."""
    found: list[subprocess.Popen[bytes]] = []
    log = folder / "monitors.log"
    with ExitStack() as stack:
        stack.callback(_kill, found)
        reading, writing = ExitStack(), stack.enter_context(ExitStack())
        with log.open("ab") as errors, reading:
            pipes = [_pipe(reading, writing) for _ in range(n)]
            for command, descriptors in _commands(way, [pipe[0] for pipe in pipes], port, folder):
                found.append(_start_monitor(command, descriptors, errors))
        yield Group(found, [pipe[1] for pipe in pipes], log)


def _kill(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End them, and wait for it; by themselves, hundreds would take their time, in which nothing is measured."""
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


def _pipe(reading: ExitStack, writing: ExitStack) -> tuple[int, int]:
    """Both ends of a pipe, each closed with its stack."""
    ends = os.pipe()
    reading.callback(os.close, ends[0])
    writing.callback(os.close, ends[1])
    return ends


def _commands(way: Way, reading: list[int], port: int, folder: Path) -> Iterator[tuple[list[str], list[int]]]:
    """Each process's command, and the pipes that it reads."""
    if way == "together":
        path = write_configuration(folder / "together.toml", "together", port)
        yield [sys.executable, "-m", "benchmarks.many.together", str(path), *map(str, reading)], reading
        return
    for number, descriptor in enumerate(reading):
        path = write_configuration(folder / f"{node_of(number)}.toml", node_of(number), port)
        yield [sys.executable, "-m", "monitor.cli", "--config", str(path), "--input", "-"], [descriptor]


def _start_monitor(command: list[str], descriptors: list[int], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    # A single microphone is standard input; several are passed by their numbers.
    single = len(descriptors) == 1 and "--input" in command
    return _start(
        command,
        stdin=descriptors[0] if single else subprocess.DEVNULL,
        pass_fds=() if single else descriptors,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def _start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that is killed when this one dies without a word."""
    setpriv = shutil.which("setpriv")
    leash = [setpriv, "--pdeathsig", "KILL"] if setpriv else []
    return subprocess.Popen([*leash, *command], env=environment(), **options)

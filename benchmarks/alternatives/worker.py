"""A process that classifies windows one way, and takes its own time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from benchmarks.measurement import NotAvailableError
from benchmarks.process import Memory

if TYPE_CHECKING:
    from pathlib import Path

ONE_THREAD = dict.fromkeys(
    (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)
"""Environment in which every library keeps to one thread."""
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
_LONGEST_PREPARATION_S = 300


def _command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.alternatives", name, *arguments]


def run_prepare(name: str, folder: Path) -> None:
    """Let a way write what it brings along into `folder`; what that costs is not measured.

    Raises:
        NotAvailableError: it failed, or takes minutes.
    """
    command = _command(name, "prepare", str(folder))
    environment = {**os.environ, **ONE_THREAD, **_QUIET}
    try:
        subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=_LONGEST_PREPARATION_S
        )
    except subprocess.CalledProcessError as error:
        raise NotAvailableError(f"{name} cannot be prepared: {_last_line(error.stderr)}") from None
    except subprocess.TimeoutExpired:
        raise NotAvailableError(f"{name} is not prepared within {_LONGEST_PREPARATION_S} s") from None


class Worker(AbstractContextManager["Worker"]):
    """One such process, from its start to its end."""

    def __init__(self, name: str, folder: Path, excerpt: Path) -> None:
        """Start it, and wait for its first answer.

        Args:
            name: a key of `benchmarks.alternatives.ALTERNATIVES` or `OUR_WAYS`.
            folder: what `run_prepare` has written.
            excerpt: the folder of a `benchmarks.alternatives.excerpt.Excerpt`.

        Raises:
            NotAvailableError: it ended before that.
        """
        self.ms_a_window: list[float] = []
        self._name = name
        self._errors = (folder / "stderr").open("w+")
        started = time.perf_counter()
        self._process = subprocess.Popen(
            _command(name, "measure", str(folder), str(excerpt)),
            env={**os.environ, **ONE_THREAD, **_QUIET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            self._take()
        except NotAvailableError:
            self.__exit__()
            raise
        self.start_s = time.perf_counter() - started

    def run_round(self) -> None:
        """Let it classify all windows once.

        Raises:
            NotAvailableError: it ended.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended: nothing is there to be taken
            self._process.stdin.write("round\n")
            self._process.stdin.flush()
        self.ms_a_window.append(self._take()["ms_a_window"])

    def _take(self) -> dict[str, float]:
        """Its next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise NotAvailableError(f"{self._name} ended: {_last_line(self._errors.read())}")
        answer: dict[str, float] = json.loads(line)
        return answer

    @property
    def peak_mb(self) -> float:
        """The most memory that was resident since its start.

        Raises:
            OSError: it has ended.
        """
        return Memory.of(self._process.pid).peak_mb

    def __exit__(self, *_: object) -> None:
        """Close its input: it ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it ended before it took its last round
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line]
    return lines[-1] if lines else "without a word"

"""Modules of this package in a process of their own, where TensorFlow may be loaded."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from monitor.errors import MissingDependencyError, MonitorError

if TYPE_CHECKING:
    from pathlib import Path

_LAST_LINES = 5


def run_module(module: str, *arguments: Path | float | str) -> None:
    """Run `python -m module arguments`; what it prints is shown only if it fails: TensorFlow is talkative.

    Raises:
        MonitorError: it failed.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode == MissingDependencyError.exit_code:
        raise MissingDependencyError("ser-monitor[train]", ImportError(f"{module} needs it"))
    if done.returncode:
        last = " | ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
        raise MonitorError(f"{module} failed with exit code {done.returncode}: {last}")

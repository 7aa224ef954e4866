"""The configuration file of one microphone, as people write it: one file a microphone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = """\
node = "{node}"
[mqtt]
enabled = true
host = "127.0.0.1"
port = {port}
# Each window that says something else is told at once: more messages than people get, so that latency has figures.
[decision]
smoothing_s = 0.0
min_confidence = 0.0
change_margin = 0.0
min_dwell_s = 0.0
max_events_per_min = 0
[log]
level = "warning"
"""


def write_configuration(path: Path, node: str, port: int) -> Path:
    """Write the file of one monitor, and return where."""
    # The port of who connects to nothing.
    path.write_text(_TEXT.format(node=node, port=port or 1883), encoding="utf-8")
    return path


def node_of(number: int) -> str:
    """Name of the monitor of microphone `number`, from 0."""
    return f"mic-{number:03d}"


def environment() -> dict[str, str]:
    """For all that is started: this one, without settings of a monitor and without a service manager."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("SER_MONITOR__", "NOTIFY_"))}
    return {**own, "OPENBLAS_NUM_THREADS": "1"}

"""What is measured, in which order.

To add to it: a module with `measure(recording: Recording) -> list[Measurement]`, and a line here.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from benchmarks.measurement import Measurement, NotAvailableError
from monitor.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.recording import Recording

GROUPS = {
    "alternatives": "benchmarks.alternatives.contest:measure",
    "pipeline": "benchmarks.stages:measure",
    "limit": "benchmarks.limit:measure",
    "floor": "benchmarks.floor:measure",
    "live": "benchmarks.live:measure",
    "microphone": "benchmarks.microphone:measure",
    "latency": "benchmarks.latency:measure",
    "analyze": "benchmarks.recorded:measure",
}
"""In the order of the table. What is measured in processes of its own leaves nothing behind for what comes after it."""


def measure_all(recording: Recording, names: Sequence[str]) -> tuple[list[Measurement], bool]:
    """All figures of the groups named, and whether none of them failed; what is not available here is no failure."""
    found: list[Measurement] = []
    sound = True
    for name in names:
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        try:
            found += resolve(GROUPS[name])(recording)
        except (NotAvailableError, ModuleNotFoundError) as error:
            found.append(Measurement.missing("all", name, str(error)))
        except Exception as error:  # noqa: BLE001 - the other groups are measured all the same
            traceback.print_exc()
            found.append(Measurement.missing("all", name, f"failed: {type(error).__name__}: {error}"))
            sound = False
    return found, sound

"""The checkup: everything from the configuration to the broker, tried step by step, with the reason of each failure.

A check takes the settings and yields a `Finding` for each step as it is done. Nothing here changes anything that stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from monitor.errors import MonitorError
from monitor.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from monitor.config import Settings

CHECKS = {
    "model": "monitor.checkup.model:check_model",
    "microphone": "monitor.checkup.microphone:check_microphone",
    "broker": "monitor.checkup.broker:check_broker",
    "metrics": "monitor.checkup.metrics:check_metrics",
    "service": "monitor.checkup.service:check_service",
}
"""In the order in which they are made."""
NEEDS = {"microphone": "model"}
"""The model says at which sample rate to listen."""

State = Literal["ok", "warning", "failed", "skipped"]
Outcome = tuple[State, str]
"""State of a step, and one line about it."""
Step = tuple[str, "Callable[[], Outcome]"]
"""Name of a step, and what it does; a `MonitorError` is its failure."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one step found."""

    step: str
    state: State
    text: str
    """What was found; of a failure the reason and the remedy."""
    exit_code: int = 0
    """What the command ends with, if this is the first failure."""


def checkup(settings: Settings, wanted: Collection[str] = ()) -> Iterator[Finding]:
    """The checks named in `wanted` and those they need; all of them by default."""
    needed = {NEEDS.get(name, name) for name in wanted}
    failed: set[str] = set()
    for name, entry in CHECKS.items():
        if wanted and name not in needed.union(wanted):
            continue
        if (need := NEEDS.get(name)) in failed:
            yield Finding(name, "skipped", f"needs the {need}")
            continue
        for finding in resolve(entry)(settings):
            if finding.state == "failed":
                failed.add(name)
            yield finding


def chain(steps: Iterable[Step]) -> Iterator[Finding]:
    """One step after the other; those after a failure are skipped."""
    failed = ""
    for name, take in steps:
        finding = Finding(name, "skipped", f"needs {failed}") if failed else _taken(name, take)
        if finding.state == "failed":
            failed = name
        yield finding


def _taken(name: str, take: Callable[[], Outcome]) -> Finding:
    try:
        state, text = take()
    except MonitorError as error:
        return Finding(name, "failed", str(error), error.exit_code)
    return Finding(name, state, text)

"""Is the service installed, and does it run? What systemd tells is only reported: a monitor needs no service."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.checkup import chain
from monitor.settings.environment import public_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.checkup import Finding, Outcome
    from monitor.config import Settings

UNIT = "ser-monitor.service"
BOOTED = Path("/run/systemd/system")
"""Exists where systemd runs (sd_booted(3))."""
SYSTEM, USER = "--system", "--user"
_ANSWER_S = 5.0
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "StatusText", "Result")


def check_service(_settings: Settings) -> Iterator[Finding]:
    """One step: the unit of the system, else that of the user."""
    return chain([("service", _state)])


def active_unit() -> str:
    """The unit of a monitor that runs, or "" where none does or nobody knows."""
    for scope in (SYSTEM, USER):
        if _properties(scope).get("ActiveState") in ("active", "activating", "reloading"):
            return UNIT if scope == SYSTEM else f"{UNIT} of this user"
    return ""


def systemctl(scope: str, *words: str) -> str | None:
    """What `systemctl` prints, or None where it fails or hangs, or systemd does not run."""
    if (program := shutil.which("systemctl")) is None:
        return None
    try:
        done = subprocess.run(
            [program, scope, "--no-pager", *words],
            env=public_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _state() -> Outcome:
    for scope in (SYSTEM, USER):
        properties = _properties(scope)
        if properties.get("LoadState") == "loaded":
            return _described(properties, "" if scope == SYSTEM else f" {USER}")
    if not BOOTED.is_dir():
        return "skipped", "systemd does not run here"
    known = systemctl(SYSTEM, "show", "--property=Version") is not None
    return "skipped", f"{UNIT} is not installed" if known else "systemd does not answer this user"


def _described(properties: dict[str, str], scope: str) -> Outcome:
    active, status = properties.get("ActiveState", ""), properties.get("StatusText", "")
    text = f"{UNIT} is {active} ({properties.get('SubState', '')})" + (f": {status}" if status else "")
    if active == "failed":
        reason = properties.get("Result", "")
        return "warning", f"{text}, {reason}; see journalctl{scope} -u {UNIT}"
    if active == "inactive":
        return "ok", f"{text}; start it: systemctl{scope} start {UNIT}"
    return "ok", text


def _properties(scope: str) -> dict[str, str]:
    shown = systemctl(scope, "show", f"--property={','.join(_PROPERTIES)}", UNIT) or ""
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)

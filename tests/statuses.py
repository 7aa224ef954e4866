"""A status of a monitor that is well, of which a test says what differs."""

from __future__ import annotations

from typing import Any

from monitor.records import MonitorState, StatusTaken


def status_taken(state: MonitorState = "listening", **changes: Any) -> StatusTaken:
    """`changes` are other fields than the state."""
    figures: dict[str, Any] = {
        "reason": "",
        "device": "USB",
        "rate_hz": 16_000,
        "audio_age_s": 0.1,
        "uptime_s": 3.0,
        "memory_mb": 70.0,
        "cpu_percent": 0.5,
        "inference_p95_ms": None,
        "audio_lost_s": 0.0,
        "reopens": 0,
        "reconnects": 0,
        "events": 0,
        "dropped": 0,
        "queue": 0,
    }
    return StatusTaken(state=state, **{**figures, **changes})

"""Waiting for what happens in another thread or process."""

from __future__ import annotations

import time


def wait_until(true, timeout_s=10.0):
    """Until `true()` is; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"not so within {timeout_s} s"
        time.sleep(0.02)

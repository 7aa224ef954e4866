"""Debian's arm64 userlands under qemu: `sudo make test-arm64`. Each release is made once and kept."""

from __future__ import annotations

import os

import pytest

from benchmarks import arm64, userland


@pytest.fixture(scope="session", autouse=True)
def _asked_for_and_possible():
    if os.environ.get("SER_TEST_ARM64") != "1":
        pytest.skip("runs some minutes under qemu; to run it: sudo make test-arm64")
    if reason := userland.obstacle():
        # Asked for: a skip would be a success.
        pytest.fail(f"no arm64 program can be run here: {reason}", pytrace=False)


@pytest.fixture(scope="session", params=arm64.RELEASES)
def pi(request, tmp_path_factory):
    """A userland of each release, with this checkout's wheel."""
    return arm64.installed(request.param, tmp_path_factory.mktemp(request.param))

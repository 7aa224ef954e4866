"""Where little is allowed: few descriptors, little memory, no home, no locale, a root that cannot be written."""

import os
import resource
import shutil
import subprocess
import sys

import pytest

SER = [sys.executable, "-m", "monitor.cli"]


def run(*arguments, limits=(), environment=None, prefix=()):
    def limit():
        for kind, value in limits:
            resource.setrlimit(kind, (value, value))

    return subprocess.run(
        [*prefix, *SER, *map(str, arguments)],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} if environment is None else environment,
        preexec_fn=limit,
        capture_output=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def wanted():
    done = run("--input", "demo", "--format", "json", "--start-time", "2026-01-01T00:00:00Z")
    assert done.returncode == 0, done.stderr
    return done.stdout


def transcript(**surroundings):
    done = run("--input", "demo", "--format", "json", "--start-time", "2026-01-01T00:00:00Z", **surroundings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_with_32_descriptors(wanted):
    assert transcript(limits=[(resource.RLIMIT_NOFILE, 32)]) == wanted


def test_with_300_mb_of_addresses(wanted):
    assert transcript(limits=[(resource.RLIMIT_AS, 300_000_000)]) == wanted


def test_without_home_and_locale(wanted):
    bare = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    assert transcript(environment={**bare, "LANG": "C"}) == wanted


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting needs root and unshare")
def test_with_a_root_that_cannot_be_written(wanted):
    probe = ["unshare", "--mount", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh"]
    allowed = subprocess.run([*probe, "true"], capture_output=True, check=False)
    if allowed.returncode:
        pytest.skip(f"the root cannot be mounted anew here: {allowed.stderr.decode().strip()}")
    refused = subprocess.run([*probe, "touch", "/etc/written"], capture_output=True, check=False)
    assert refused.returncode != 0
    assert transcript(prefix=probe) == wanted


def test_too_few_descriptors_are_said():
    done = run("--input", "demo", "--format", "json", limits=[(resource.RLIMIT_NOFILE, 5)])
    assert done.returncode == 70
    assert b"Too many open files" in done.stderr
    assert b"Traceback" not in done.stderr

"""Where little is allowed: few descriptors, little memory, no home, no locale, a root that cannot be written."""

import os
import resource
import shutil
import subprocess
import sys

import pytest
import soundfile

from monitor.demo import clip_path

SER = [sys.executable, "-m", "monitor.cli"]


def run(*arguments, limits=(), environment=None, prefix=(), stdin=b""):
    def limit():
        for kind, value in limits:
            resource.setrlimit(kind, (value, value))

    return subprocess.run(
        [*prefix, *SER, *map(str, arguments)],
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} if environment is None else environment,
        preexec_fn=limit,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def wanted():
    done = run("--input", "demo", "--format", "json", "--start-time", "2026-01-01T00:00:00Z")
    assert done.returncode == 0, done.stderr
    return done.stdout


def one_line(done):
    text = done.stderr.decode()
    assert text.count("\n") == 1, text
    return text


def transcript(**surroundings):
    done = run("--input", "demo", "--format", "json", "--start-time", "2026-01-01T00:00:00Z", **surroundings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_with_32_descriptors(wanted):
    assert transcript(limits=[(resource.RLIMIT_NOFILE, 32)]) == wanted


def test_with_300_mb_of_addresses(wanted):
    assert transcript(limits=[(resource.RLIMIT_AS, 300_000_000)]) == wanted


@pytest.mark.parametrize("megabytes", [307, 330, 400])
def test_more_memory_is_never_worse(wanted, megabytes):
    """A heap for each thread would take what its stack then lacks."""
    assert transcript(limits=[(resource.RLIMIT_AS, megabytes * 1_000_000)]) == wanted


SPEECH, _ = soundfile.read(clip_path(), dtype="int16")


@pytest.mark.parametrize("source", ["demo", "-"])
@pytest.mark.parametrize("megabytes", [30, 60, 100, 130, 150, 170, 200, 220, 240, 255])
def test_too_little_memory_is_said(megabytes, source):
    """Where numpy's and scipy's libraries are refused a buffer they ask for it for ever: it must not come so far."""
    limits = [(resource.RLIMIT_AS, megabytes * 1_000_000)]
    done = run("--input", source, "--format", "json", limits=limits, stdin=SPEECH.tobytes())
    assert done.returncode == 70
    assert one_line(done).startswith("ser-monitor: error: not enough memory")
    assert f"may have {megabytes} MB" in one_line(done)


@pytest.mark.parametrize("megabytes", range(265, 305, 5))
def test_at_the_edge_it_runs_or_says_why(wanted, megabytes):
    limits = [(resource.RLIMIT_AS, megabytes * 1_000_000)]
    done = run("--input", "demo", "--format", "json", "--start-time", "2026-01-01T00:00:00Z", limits=limits)
    if done.returncode:
        assert done.returncode == 70
        assert "memory" in one_line(done)
    else:
        assert done.stdout == wanted


@pytest.mark.parametrize(("megabytes", "code"), [(60, 70), (150, 0)])
def test_what_loads_no_model_needs_less_memory(megabytes, code):
    done = run("config", "show", limits=[(resource.RLIMIT_AS, megabytes * 1_000_000)])
    assert done.returncode == code
    assert done.stderr == b"" or "not enough memory" in one_line(done)


def test_a_thread_that_cannot_be_started_is_said():
    limits = [(resource.RLIMIT_STACK, 2_000_000_000), (resource.RLIMIT_AS, 1_500_000_000)]
    done = run("--input", "demo", "--format", "json", limits=limits)
    assert done.returncode == 70
    assert "no further thread can be started" in one_line(done)


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
    assert "Too many open files" in one_line(done)

"""A microphone where little is allowed: few descriptors, few addresses, no right to open a device."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from mqtt.program import Monitor, speech
from waiting import wait_until

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are set with prlimit"),
]

_OUTPUT = ("--stdout", "--format", "json")


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "speech.wav"
    soundfile.write(path, speech()[: 8 * 16_000], 16_000)
    return path


def expect_to_hear(server, monitor, wav):
    """Somebody speaks, and is heard."""
    wait_until(lambda: server.n_recorders() == 1, timeout_s=30)
    n_before = len(monitor.printed)
    server.play(wav)
    wait_until(lambda: any(event["type"] == "end" for event in monitor.printed[n_before:]), timeout_s=20)


def expect_to_find_again(server, monitor, wav):
    """The sound server is killed and started again."""
    server.kill()
    monitor.wait_for_log("trying again")
    server.start()
    expect_to_hear(server, monitor, wav)
    assert monitor.end()[0] == 0, monitor.log


def test_a_microphone_with_32_descriptors(frail_pulse, wav):
    limited = ["prlimit", "--nofile=32"]
    with Monitor(*_OUTPUT, environment=frail_pulse.environment, prefix=limited) as monitor:
        expect_to_hear(frail_pulse, monitor, wav)
        expect_to_find_again(frail_pulse, monitor, wav)


def test_a_microphone_with_300_mb_of_addresses_more_than_it_has(frail_pulse, wav):
    with Monitor(*_OUTPUT, environment=frail_pulse.environment) as monitor:
        expect_to_hear(frail_pulse, monitor, wav)
        pages = int(Path(f"/proc/{monitor.process.pid}/statm").read_text().split()[0])
        addresses = pages * os.sysconf("SC_PAGE_SIZE") + 300_000_000
        resource.prlimit(monitor.process.pid, resource.RLIMIT_AS, (addresses, addresses))
        expect_to_find_again(frail_pulse, monitor, wav)


@pytest.mark.parametrize(("limit", "name"), [("--nofile=12", "LimitNOFILE"), ("--as=300000000", "LimitAS")])
def test_what_is_too_little_for_a_microphone_is_said(frail_pulse, limit, name):
    """Or it is enough: how much is needed depends on the plug-ins of ALSA that are installed."""
    with Monitor(*_OUTPUT, environment=frail_pulse.environment, prefix=["prlimit", limit]) as monitor:
        wait_until(lambda: f"({name})" in monitor.log or frail_pulse.n_recorders() == 1, timeout_s=40)
        assert "Traceback" not in monitor.log


# A device file that root, without the right to override permissions, may not open.
_DENIED = """
set -e
mkdir "$1/dev"
mount -t tmpfs none "$1/dev"
for name in null zero full random urandom; do touch "$1/dev/$name"; mount --bind "/dev/$name" "$1/dev/$name"; done
mkdir "$1/dev/snd"
touch "$1/dev/snd/pcmC0D0c"
chown 65534 "$1/dev/snd/pcmC0D0c"
chmod 600 "$1/dev/snd/pcmC0D0c"
mount --move "$1/dev" /dev
shift
exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, unshare and setpriv")
def test_who_may_open_no_microphone_is_told_the_group(tmp_path):
    prefix = ["unshare", "--mount", "sh", "-c", _DENIED, "sh", tmp_path]
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"a /dev of its own cannot be made here: {tried.stderr.decode().strip()}")
    (tmp_path / "dev").rmdir()
    session = ("XDG_RUNTIME_DIR", "PULSE_SERVER", "PULSE_RUNTIME_PATH")
    bare = {name: value for name, value in os.environ.items() if name not in session}
    # Half a minute: rights can come late.
    with Monitor(*_OUTPUT, environment=bare, prefix=prefix) as monitor:
        assert monitor.process.wait(90) == 77, monitor.log
    assert "this user may not open the microphones in /dev/snd; add it to the group 'audio'" in monitor.log

"""An input that is a program: real processes, what they bring, how they end, and how they are ended."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from sources.reading import Reading

from monitor.config import AudioSettings
from monitor.errors import ConfigError, NoInputError
from monitor.sources import microphone
from monitor.sources.command import CommandStream, Pace, without_credentials
from monitor.sources.microphone import Microphone

RATE_HZ = 16_000
# Paced as a sound card paces: 0.03 s of a ramp every 0.03 s.
_RAMP = """
import sys, time
import numpy as np
out, start = sys.stdout.buffer, time.monotonic()
for i in range({blocks}):
    out.write(np.arange(i * 480, (i + 1) * 480).astype("<i2").tobytes())
    out.flush()
    time.sleep(max(0.0, start + (i + 1) * 0.03 - time.monotonic()))
"""


def program(source):
    """A command that runs this Python source."""
    return shlex.join([sys.executable, "-c", source])


def ramp(blocks=100_000, then=""):
    return program(_RAMP.format(blocks=blocks) + then)


@pytest.fixture
def opened():
    streams = []

    def start(words):
        streams.append(CommandStream(words, RATE_HZ))
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


def wait_for(wanted, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not wanted():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def children_of(group):
    """Processes of this group that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, of_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(of_group) == group and state != "Z":
                found.append(entry.name)
    return found


def test_what_it_writes_is_what_is_read(opened):
    stream = opened(ramp())
    heard = np.concatenate([stream.read()[0] for _ in range(20)])
    assert heard.shape == (20 * 480, 1)
    assert (heard[:, 0] == np.arange(20 * 480)).all()
    assert (stream.rate_hz, stream.channels, stream.name) == (RATE_HZ, 1, Path(sys.executable).name)


def test_one_that_writes_in_odd_pieces_loses_nothing(opened):
    pieces = "import sys, numpy as np\nraw = np.arange(4800).astype('<i2').tobytes()\n"
    pieces += (
        "for i in range(0, len(raw), 77):\n    sys.stdout.buffer.write(raw[i:i + 77]); sys.stdout.buffer.flush()\n"
    )
    stream = opened(program(pieces))
    heard = np.concatenate([stream.read()[0] for _ in range(10)])
    assert (heard[:, 0] == np.arange(4800)).all()


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("sys.stderr.write('first\\nno such card\\n'); sys.exit(3)", "ended with 3: no such card; see [audio] command"),
        ("sys.exit(0)", "ended with 0; see [audio] command"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by signal 11; see [audio] command"),
    ],
)
def test_how_it_ended_is_said(opened, ending, said):
    stream = opened(ramp(blocks=1, then=ending))
    stream.read()
    with pytest.raises(NoInputError) as caught:
        stream.read()
    assert str(caught.value) == f"'{Path(sys.executable).name}' {said}"


@pytest.mark.parametrize(("start", "name"), [(b"RIFF", "WAV"), (b"OggS", "Ogg"), (b"fLaC", "FLAC")])
def test_an_audio_file_is_no_raw_audio(opened, start, name):
    stream = opened(program(f"import sys; sys.stdout.buffer.write({start!r} + bytes(2000))"))
    with pytest.raises(NoInputError, match=f"writes a {name} header, wanted raw s16le"):
        stream.read()


def paced(share, seconds=60.0, burst_s=0.0):
    """What a judge of blocks of 0.03 s at this share of the wanted rate says first, and when."""
    pace, now_s = Pace(RATE_HZ, 0.0), 0.0
    first = pace.wrong(round(burst_s * RATE_HZ), now_s)
    while now_s < seconds and not first:
        now_s += 0.03
        first = pace.wrong(round(0.03 * share * RATE_HZ), now_s)
    return first, now_s


@pytest.mark.parametrize(("share", "heard"), [(3.0, "48000"), (2.75, "44000"), (0.5, "8000")])
def test_another_rate_is_noticed_by_its_pace(share, heard):
    wrong, after_s = paced(share)
    assert wrong == f"about {heard} samples a second, wanted 16000, mono"
    assert 14 < after_s < 17


@pytest.mark.parametrize(("share", "burst_s"), [(1.0, 0.0), (1.0, 30.0), (0.95, 0.0), (1.05, 0.0)])
def test_what_was_stored_may_come_at_once_and_clocks_may_differ(share, burst_s):
    assert paced(share, burst_s=burst_s) == ("", pytest.approx(60, abs=0.1))


def test_a_file_is_no_live_audio(opened):
    stream = opened(program("import sys\nfor _ in range(200): sys.stdout.buffer.write(bytes(32000))"))
    blocks = iter(stream.read, None)
    with pytest.raises(NoInputError, match="brings audio faster than time goes, wanted live audio"):
        deque(islice(blocks, 10_000), 0)


def test_passwords_in_what_it_says_are_not_repeated(opened):
    says = "import sys; sys.stderr.write('rtsp://me:secret@camera/a: refused\\x1b[2J\\n'); sys.exit(1)"
    stream = opened(program(says))
    with pytest.raises(NoInputError, match=r"ended with 1: rtsp://\*\*\*@camera/a: refused\?\[2J; see"):
        stream.read()
    assert without_credentials("no address, me@home") == "no address, me@home"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("arecord 'hw:1 secret", r"^\[audio\] command: No closing quotation; wanted"),
        ("no-such-program -f S16_LE", "no program 'no-such-program' here; install it"),
        ("   ", "nothing but blanks"),
    ],
)
def test_what_cannot_be_called_is_refused_at_the_start(words, error):
    with pytest.raises(ConfigError, match=error):
        Microphone(AudioSettings(command=words), RATE_HZ)


def test_device_and_command_do_not_go_together():
    with pytest.raises(ValueError, match='device is "USB" and command is given too'):
        AudioSettings(command="true", device="USB")


def test_no_shell_reads_it(opened, tmp_path):
    stream = opened(f"echo hello; touch {tmp_path}/made")
    with pytest.raises(NoInputError, match="'echo' ended with 0"):
        stream.read()
    assert not list(tmp_path.iterdir())


def test_it_does_not_see_this_programs_own_variables(opened, monkeypatch, tmp_path):
    monkeypatch.setenv("SER_MONITOR__MQTT__PASSWORD", "secret")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    monkeypatch.setenv("PULSE_SERVER", "unix:/tmp/pulse")
    seen = tmp_path / "seen"
    stream = opened(f"sh -c 'env > {seen}'")
    with pytest.raises(NoInputError):
        stream.read()
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert "PULSE_SERVER" in names
    assert not names & {"SER_MONITOR__MQTT__PASSWORD", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"}


def test_one_that_says_much_is_not_held_up(opened):
    noise = (
        "import sys\nfor _ in range(20000):\n    sys.stderr.write('x' * 100 + '\\n')\nsys.stderr.write('y' * 10**6)\n"
    )
    stream = opened(program(noise + _RAMP.format(blocks=1000)))
    assert len(stream.read()[0]) == 480


def read_until_it_fails(stream):
    failed = []

    def read():
        try:
            while True:
                stream.read()
        except NoInputError as error:
            failed.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    return reader, failed


def test_a_blocked_read_ends_when_it_is_interrupted_with_all_that_was_started(opened):
    stream = opened("sh -c 'sleep 1000 & sleep 1000; true'")
    group = stream._process.pid
    wait_for(lambda: len(children_of(group)) == 3)
    reader, failed = read_until_it_fails(stream)
    stream.interrupt()
    reader.join(5.0)
    assert failed == ["'sh' was ended"]
    wait_for(lambda: not children_of(group))
    stream.interrupt()  # nobody is there any more


def test_one_that_leaves_a_helper_behind_is_ended_with_it(opened):
    stream = opened("sh -c 'sleep 1000 >/dev/null 2>&1 & exec true'")
    group = stream._process.pid
    with pytest.raises(NoInputError, match="'sh' ended with 0"):
        stream.read()
    wait_for(lambda: not children_of(group))


@pytest.mark.skipif(shutil.which("setsid") is None, reason="setsid is not installed")
def test_what_left_its_group_and_holds_our_pipes_holds_nobody_up(opened, tmp_path):
    pid = tmp_path / "pid"
    stream = opened(f"setsid sh -c 'echo $$ > {pid}; exec sleep 1000'")
    wait_for(lambda: pid.exists() and pid.read_text().strip())
    started = time.monotonic()
    reader, failed = read_until_it_fails(stream)
    stream.interrupt()
    reader.join(5.0)
    stream.close()
    assert failed
    assert time.monotonic() - started < 3.0
    assert not stream._listener.is_alive()
    with suppress(ProcessLookupError):
        os.kill(int(pid.read_text()), 9)


class Heard(Reading):
    """What a microphone hears of a program."""

    def __init__(self, words, **options):
        super().__init__(Microphone(AudioSettings(command=words, **options), RATE_HZ))

    def __exit__(self, *error):
        started = time.monotonic()
        self.microphone.stop()
        self._thread.join(5.0)
        assert not self._thread.is_alive()
        self.stopped_after_s = time.monotonic() - started

    @property
    def lost_samples(self):
        return sum(block.lost_samples for block in self.blocks)


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(microphone, "_SHORTEST_WAIT_S", 0.2)


@pytest.mark.usefixtures("hasty")
def test_one_that_ends_is_started_again_and_the_time_between_is_a_gap():
    with Heard(ramp(blocks=30)) as heard:
        wait_for(lambda: heard.n_samples > 0)
        started, before = time.monotonic(), heard.n_samples + heard.lost_samples
        wait_for(lambda: heard.microphone.status().reopens >= 2 and heard.n_samples > 2 * 30 * 480, 30)
        past_s, after = time.monotonic() - started, heard.n_samples + heard.lost_samples
    status = heard.microphone.status()
    assert {block.gap_cause for block in heard.blocks if block.lost_samples} == {microphone.DEVICE_GAP}
    assert (after - before) / RATE_HZ == pytest.approx(past_s, abs=1.5)
    assert status.hanging == 0


@pytest.mark.usefixtures("hasty")
def test_one_that_brings_nothing_is_killed_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(microphone, "_FIRST_OF_COMMAND_S", 1.0)
    pids = tmp_path / "pids"
    with Heard(f"sh -c 'echo $$ >> {pids}; exec sleep 1000'", stall_s=0.5) as heard:
        wait_for(lambda: heard.microphone.status().reopens >= 2)
        assert "no audio from 'sh'" in heard.microphone.status().failure
        first = int(pids.read_text().split()[0])
        wait_for(lambda: not children_of(first))
        wait_for(lambda: heard.microphone.status().hanging == 0)
    for pid in pids.read_text().split():
        wait_for(lambda pid=pid: not children_of(int(pid)))
    assert heard.stopped_after_s < 2.0


@pytest.mark.usefixtures("hasty")
def test_muted_it_does_not_run(tmp_path):
    pids = tmp_path / "pids"
    with Heard(shlex.join(["sh", "-c", f"echo $$ >> {pids}; exec {ramp()}"])) as heard:
        wait_for(lambda: heard.n_samples > 0)
        heard.microphone.mute(muted=True)
        first = int(pids.read_text().split()[-1])
        wait_for(lambda: not children_of(first))
        heard.microphone.mute(muted=False)
        wait_for(lambda: int(pids.read_text().split()[-1]) != first)
        n_before = heard.n_samples
        wait_for(lambda: heard.n_samples > n_before)


def test_a_killed_monitor_leaves_no_program_behind(tmp_path):
    listen = f"""
import sys
from monitor.config import AudioSettings
from monitor.sources.microphone import Microphone
for block in Microphone(AudioSettings(command={ramp()!r}), 16000).blocks():
    print(len(block.samples), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", listen], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as run:
        assert run.stdout.readline()
        threads = Path(f"/proc/{run.pid}/task").iterdir()
        mine = [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
        assert len(mine) == 1
        os.kill(run.pid, 9)
    wait_for(lambda: not Path(f"/proc/{mine[0]}").exists() or children_of(mine[0]) == [])

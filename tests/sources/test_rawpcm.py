"""Raw audio from a stream."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.demo import clip_path
from monitor.errors import BadAudioError, NoInputError, UsageError
from monitor.records import Rhythm
from monitor.sources import LONGEST_BLOCK_S
from monitor.sources.rawpcm import RawPcm

RATE_HZ = 16_000


class Trickle(io.BytesIO):
    """Gives what it holds in pieces of given lengths, as a pipe may."""

    def __init__(self, content, cuts):
        super().__init__(content)
        self._cuts = cuts
        self._turn = 0

    def read(self, size=-1):
        self._turn += 1
        return super().read(min(size, self._cuts[self._turn % len(self._cuts)]))


def _samples(blocks):
    return np.concatenate([np.empty(0, np.int16), *(block.samples for block in blocks)])


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", buffering=0) as writer:
        yield reader, writer


@settings(deadline=None)
@given(cuts=st.lists(st.integers(1, 5_000), min_size=1, max_size=6), n=st.integers(1, 5_000))
def test_any_cutting_gives_the_same_audio(cuts, n):
    expected = np.random.default_rng(n).integers(-30_000, 30_000, n).astype("<i2")
    blocks = list(RawPcm(Trickle(expected.tobytes(), cuts), RATE_HZ, 1, RATE_HZ).blocks())
    np.testing.assert_array_equal(_samples(blocks), expected)
    assert {len(block.samples) for block in blocks[:-1]} <= {480}
    assert [block.start_sample for block in blocks] == [480 * i for i in range(len(blocks))]


def test_half_a_sample_frame_at_the_end_is_ignored_and_said(caplog):
    stereo = np.array([[100, 200], [-300, -100]], dtype="<i2").tobytes()
    assert _samples(RawPcm(io.BytesIO(stereo + b"abc"), RATE_HZ, 2, RATE_HZ).blocks()).tolist() == [150, -200]
    assert "3 bytes are ignored" in caplog.text


def test_48_khz_stereo_is_resampled():
    t = np.arange(48_000) / 48_000
    tone = (8_000 * np.sin(2 * np.pi * 700 * t)).astype("<i2")
    out = _samples(RawPcm(io.BytesIO(np.stack([tone, tone], axis=1).tobytes()), 48_000, 2, RATE_HZ).blocks())
    assert len(out) == RATE_HZ
    expected = 8_000 * np.sin(2 * np.pi * 700 * np.arange(RATE_HZ) / RATE_HZ)
    assert np.abs(out - expected)[200:-200].max() <= 8


def test_audio_is_delivered_while_the_pipe_stays_open(pipe):
    reader, writer = pipe
    source = RawPcm(reader, RATE_HZ, 1, RATE_HZ)
    assert (source.live, source.name) == (True, "stdin")
    blocks = source.blocks()
    for _ in range(3):
        writer.write(bytes(960))
        assert len(next(blocks).samples) == 480
    writer.close()
    assert list(blocks) == []


def test_blocks_end_where_they_may_and_their_numbers_stay_true(pipe):
    reader, writer = pipe
    expected = np.arange(32_000).astype("<i2")
    source = RawPcm(reader, RATE_HZ, 1, RATE_HZ)
    source.attend(Rhythm(0, 0, 8_000, 480, speaking=True))
    blocks = source.blocks()
    writer.write(expected[:-100].tobytes())
    heard = [next(blocks) for _ in range(3)]
    assert [block.end_sample for block in heard] == [8_160, 16_320, 24_000]
    source.attend(None)
    writer.write(expected[-100:].tobytes())
    writer.close()
    heard += list(blocks)
    np.testing.assert_array_equal(_samples(heard), expected)
    assert {len(block.samples) for block in heard[-9:-1]} == {480}
    ends = [block.end_sample for block in heard]
    assert [block.start_sample for block in heard] == [0, *ends[:-1]]


def test_a_busy_worker_does_not_fall_behind(pipe):
    """What comes while a block is judged is not waited for once more: two thirds of a core's time are bearable."""
    reader, writer = pipe
    seconds, piece = 3.0, bytes(2 * 320)

    def write():
        started_s = time.monotonic()
        for n in range(round(seconds / 0.02)):
            time.sleep(max(started_s + 0.02 * (n + 1) - time.monotonic(), 0))
            writer.write(piece)
        writer.close()

    source = RawPcm(reader, RATE_HZ, 1, RATE_HZ)
    source.attend(Rhythm(0, 0, 8_000, 480, speaking=False))
    thread = threading.Thread(target=write)
    started_s = time.monotonic()
    thread.start()
    heard = 0
    for block in source.blocks():
        heard += len(block.samples)
        time.sleep(0.65 * len(block.samples) / RATE_HZ)
    assert heard == seconds * RATE_HZ
    assert time.monotonic() - started_s < seconds + 1.0
    thread.join()


def test_a_live_pipe_is_read_once_a_block(pipe, monkeypatch):
    """However small its writer's pieces are: each read is a wake-up."""
    reader, writer = pipe
    source, lengths = RawPcm(reader, RATE_HZ, 1, RATE_HZ), []
    own = source._pipe.read

    def counted(n_bytes, rest_s):
        lengths.append(rest_s)
        return own(n_bytes, rest_s)

    monkeypatch.setattr(source._pipe, "read", counted)
    source.attend(Rhythm(0, 0, 8_000, 480, speaking=False))

    def write():
        started_s = time.monotonic()
        for n in range(150):
            time.sleep(max(started_s + 0.02 * (n + 1) - time.monotonic(), 0))
            writer.write(bytes(2 * 320))
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    n_blocks = sum(1 for _ in source.blocks())
    thread.join()
    # The first block is read piece by piece: its writer is not known to be live.
    assert n_blocks <= 6
    assert len(lengths) <= LONGEST_BLOCK_S / 0.02 + 5 + 3 * n_blocks


def test_a_late_reader_makes_the_writer_wait(pipe):
    reader, writer = pipe
    total = 2_000_000
    expected = (np.arange(total) % 30_000).astype("<i2")
    thread = threading.Thread(target=lambda: (writer.write(expected.tobytes()), writer.close()))
    thread.start()
    blocks = RawPcm(reader, RATE_HZ, 1, RATE_HZ).blocks()
    first = next(blocks)
    time.sleep(0.3)
    assert thread.is_alive()
    np.testing.assert_array_equal(_samples([first, *blocks]), expected)
    thread.join()


def test_stop_ends_blocks_though_the_read_is_blocked(pipe):
    source = RawPcm(pipe[0], RATE_HZ, 1, RATE_HZ)
    threading.Timer(0.1, source.stop).start()
    started = time.monotonic()
    assert list(source.blocks()) == []
    assert time.monotonic() - started < 1.0
    pipe[1].close()


def test_stop_before_blocks(pipe):
    source = RawPcm(pipe[0], RATE_HZ, 1, RATE_HZ)
    source.stop()
    assert list(source.blocks()) == []
    pipe[1].close()


def test_an_empty_stream_is_no_input():
    """`arecord ... | ser-monitor --input -`, and arecord finds no microphone."""
    with pytest.raises(NoInputError, match="stdin ended before any audio came, wanted raw s16le"):
        list(RawPcm(io.BytesIO(), RATE_HZ, 1, RATE_HZ).blocks())


@pytest.mark.parametrize("magic", [b"RIFF", b"fLaC", b"OggS"])
def test_a_file_with_a_header_is_refused(magic):
    with pytest.raises(BadAudioError, match="wanted raw s16le"):
        list(RawPcm(Trickle(magic + bytes(100), [3]), RATE_HZ, 1, RATE_HZ).blocks())


@pytest.mark.parametrize(("rate_hz", "channels"), [(0, 1), (16_000, 0), (-5, 1), (10**9, 1)])
def test_flags_that_make_no_sense(rate_hz, channels):
    with pytest.raises(UsageError, match="wanted"):
        RawPcm(io.BytesIO(), rate_hz, channels, RATE_HZ)


def test_a_terminal_is_refused():
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "rb") as stream, pytest.raises(UsageError, match="terminal"):
        RawPcm(stream, RATE_HZ, 1, RATE_HZ)
    os.close(controller)


def test_a_stream_that_cannot_be_read():
    with open(os.devnull, "wb") as stream:  # noqa: PTH123
        source = RawPcm(stream, RATE_HZ, 1, RATE_HZ)
        with pytest.raises(NoInputError, match="cannot be read"):
            list(source.blocks())


def test_the_process_exits_cleanly_while_stdin_is_blocked():
    script = (
        "import sys, threading\n"
        "from monitor.sources.rawpcm import RawPcm\n"
        "source = RawPcm(sys.stdin.buffer, 16000, 1, 16000)\n"
        "threading.Timer(0.2, source.stop).start()\n"
        "print(len(list(source.blocks())))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.wait(20) == 0
        assert process.stdout.read().strip() == b"0"
        assert process.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")  # noqa: PTH110
def test_an_output_that_fails_leaves_no_resampler_behind(tmp_path):
    """soxr's binding would complain of what it keeps, line by line."""
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    (tmp_path / "raw").write_bytes(np.tile(samples, 10).astype("<i2").tobytes())
    with (tmp_path / "raw").open("rb") as raw, open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "monitor.cli", "--input", "-", "--rate", "44100", "--format", "json"],
            stdin=raw,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
    assert done.returncode == 74
    assert done.stderr.count(b"\n") == 1, done.stderr.decode()

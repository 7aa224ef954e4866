"""Raw signed 16-bit little-endian audio from a stream, e.g. what arecord, ffmpeg or ssh write into standard input."""

from __future__ import annotations

import logging
import os
import queue
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from monitor.errors import BadAudioError, NoInputError, UsageError
from monitor.host import elapsed_s
from monitor.limits import PIPE_READS_MAX
from monitor.sources import LIVE_BLOCK_S, SourceStatus
from monitor.sources.blockreading import BlockReading
from monitor.sources.resample import BlockStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from monitor.records import AudioBlock, Rhythm

_log = logging.getLogger(__name__)

_SAMPLE_BYTES = 2
_LOOK_S = 1.0
"""How often it is said that a writer that is away is waited for."""
_MAGIC_BYTES = 4
_MAGICS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg"}


class RawPcm:
    """Reads `stream` to its end.

    Audio arrives in its own time, so the source is live. Yet nothing is lost here: a reader that is late lets the pipe
    run full, and its writer waits (or counts the loss itself, as arecord does).

    The stream is read on a thread of its own, past its buffer: a blocked read can not be ended, and select() does not
    know pipes on every system. Nobody else may have read from the stream.
    """

    live = True
    waits = True
    name = "stdin"

    def __init__(self, stream: BinaryIO, rate_hz_in: int, channels: int, rate_hz: int) -> None:
        """Take frames of `channels` interleaved samples at `rate_hz_in`; deliver mono at `rate_hz`.

        Raises:
            UsageError: the stream is a terminal, or a rate or channel count makes no sense.
            MissingDependencyError: the rates differ and soxr cannot be imported.
        """
        if stream.isatty():
            raise UsageError("found a terminal as input, wanted raw s16le audio; pipe it in, e.g. from arecord -t raw")
        try:
            self._blocks = BlockStream(rate_hz_in, channels, rate_hz, LIVE_BLOCK_S)
        except BadAudioError as error:
            raise UsageError(f"raw audio: {error}") from None
        self._stream = stream
        self._channels = channels
        self._rate_hz_in = rate_hz_in
        self._fd = _fd_of(stream)
        self._frame_bytes = channels * _SAMPLE_BYTES
        self._reading = BlockReading(rate_hz_in, self._frame_bytes, rate_hz)
        self._reads: queue.Queue[bytes | Exception] = queue.Queue(PIPE_READS_MAX)
        self._ended = False
        self._stopped = threading.Event()
        self._tended_at_s: float | None = None

    def blocks(self) -> Iterator[AudioBlock]:
        """The audio until the stream ends, in blocks that end where `attend` says.

        Raises:
            BadAudioError: the stream starts with the header of an audio file.
            NoInputError: the stream cannot be read, or ends before its first sample.
        """
        parts = (_reader(self._stream, self._fd), self._reads, self._reading, self._stopped)
        threading.Thread(target=_read_all, args=parts, name="stdin", daemon=True).start()
        pending = self._first_bytes()
        while pending and not self._stopped.is_set():
            n_whole = len(pending) - len(pending) % self._frame_bytes
            yield from self._blocks.push(self._frames(pending[:n_whole]))
            piece = self._next_read()
            if not piece and n_whole < len(pending):
                _log.warning("%s ends within a sample, %d bytes are ignored", self.name, len(pending) - n_whole)
            pending = pending[n_whole:] + piece if piece else b""
        if not self._stopped.is_set():
            yield from self._blocks.flush()

    def stop(self) -> None:
        """End `blocks` at once; a read that is blocked is left behind on its daemon thread."""
        self._stopped.set()
        # Whoever waits for the next read is woken; where there is no room nobody waits.
        with suppress(queue.Full):
            self._reads.put_nowait(b"")

    def status(self) -> SourceStatus:
        """What is read."""
        return SourceStatus(
            device=self.name, rate_hz=self._rate_hz_in, channels=self._channels, tended_at_s=self._tended_at_s
        )

    def mute(self, *, muted: bool) -> None:
        """A pipe stays open: what comes is thrown away by whoever reads the blocks."""

    def attend(self, rhythm: Rhythm | None) -> None:
        """Where the next blocks may end."""
        self._reading.rhythm = rhythm
        self._blocks.joined = rhythm is not None

    def _next_read(self) -> bytes:
        """What came next; nothing when the stream has ended or `stop` was called."""
        while not self._ended and not self._stopped.is_set():
            self._tended_at_s = elapsed_s()  # a writer that is away is waited for
            try:
                piece = self._reads.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(piece, Exception):
                raise NoInputError(f"{self.name} cannot be read ({piece}), wanted raw s16le; check what is piped in")
            self._ended = not piece
            return piece
        return b""

    def _first_bytes(self) -> bytes:
        start = b""
        while len(start) < _MAGIC_BYTES and (piece := self._next_read()):
            start += piece
        if found := file_format(start):
            raise BadAudioError(
                f"{self.name} starts with a {found} header, wanted raw s16le; "
                "use arecord -t raw, ffmpeg -f s16le, or give the file's name"
            )
        if not start and not self._stopped.is_set():
            raise NoInputError(
                f"{self.name} ended before any audio came, wanted raw s16le; see what the program that writes it says"
            )
        return start

    def _frames(self, whole: bytes) -> NDArray[np.int16]:
        return np.frombuffer(whole, dtype="<i2").astype(np.int16, copy=False).reshape(-1, self._channels)


def _reader(stream: BinaryIO, fd: int | None) -> Callable[[int], bytes]:
    # os.read takes no lock: a BufferedReader's, held by a blocked thread, aborts the interpreter when it exits.
    return stream.read if fd is None else partial(os.read, fd)


def _read_all(
    read: Callable[[int], bytes], reads: queue.Queue[bytes | Exception], reading: BlockReading, stopped: threading.Event
) -> None:
    """Read until the stream ends; an empty piece says so. Runs on the reading thread.

    It knows nothing of the source: a thread left behind in a read would keep the resampler, whose library complains
    at exit about what was not given back.
    """
    try:
        block = b""
        while piece := read(reading.wanted_bytes()):
            block += piece
            if reading.took(len(piece)):
                reads.put(block)
                block = b""
            else:
                stopped.wait(reading.rest_s)
        if block:
            reads.put(block)
        reads.put(b"")
    except (OSError, ValueError) as error:
        reads.put(error)


def file_format(start: bytes) -> str:
    """The format of audio file whose header this is; empty where it is none that is known."""
    return _MAGICS.get(start[:_MAGIC_BYTES], "")


def _fd_of(stream: BinaryIO) -> int | None:
    """The stream's file descriptor; None for one in memory."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None

"""Raw signed 16-bit little-endian audio from a stream, e.g. what arecord, ffmpeg or ssh write into standard input."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from monitor.errors import BadAudioError, NoInputError, UsageError
from monitor.sources import LIVE_BLOCK_S, SourceStatus
from monitor.sources.blockreading import BlockReading
from monitor.sources.pipereader import PipeReader
from monitor.sources.resample import BlockStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from monitor.records import AudioBlock, Rhythm

_log = logging.getLogger(__name__)

_SAMPLE = np.dtype("<i2")
_SPARE_BYTES = 1 << 13
"""Read beyond a block's end: what the writer's last piece brings of the next one is not to be waited for."""
_MAGIC_BYTES = 4
_MAGICS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg"}


class RawPcm:
    """Reads `stream` to its end.

    Audio arrives in its own time, so the source is live. Yet nothing is lost here: a reader that is late lets the pipe
    run full, and its writer waits (or counts the loss itself, as arecord does).

    It is read on the thread that takes the blocks: another one would wake up as often, and hand over what it read.
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
        self._channels = channels
        self._rate_hz_in = rate_hz_in
        self._frame_bytes = channels * _SAMPLE.itemsize
        self._pipe = PipeReader(stream)
        self._reading = BlockReading(rate_hz_in, self._frame_bytes, rate_hz, self._pipe.holds_bytes)
        self._waiting = b""
        """Came behind the block under way."""
        self._drained = False
        """Whether the last read left nothing in the pipe."""

    def blocks(self) -> Iterator[AudioBlock]:
        """The audio until the stream ends, in blocks that end where `attend` says.

        Raises:
            BadAudioError: the stream starts with the header of an audio file.
            NoInputError: the stream cannot be read, or ends before its first sample.
        """
        pending = self._first_bytes()
        while pending and not self._pipe.stopped:
            n_whole = len(pending) - len(pending) % self._frame_bytes
            yield from self._blocks.push(self._frames(pending[:n_whole]))
            piece = self._next_read()
            if not piece and n_whole < len(pending):
                _log.warning("%s ends within a sample, %d bytes are ignored", self.name, len(pending) - n_whole)
            pending = pending[n_whole:] + piece if piece else b""
        if not self._pipe.stopped:
            yield from self._blocks.flush()

    def stop(self) -> None:
        """End `blocks` at once."""
        self._pipe.stop()

    def status(self) -> SourceStatus:
        """What is read."""
        return SourceStatus(
            device=self.name, rate_hz=self._rate_hz_in, channels=self._channels, tended_at_s=self._pipe.tended_at_s
        )

    def mute(self, *, muted: bool) -> None:
        """A pipe stays open: what comes is thrown away by whoever reads the blocks."""

    def attend(self, rhythm: Rhythm | None) -> None:
        """Where the next blocks may end."""
        self._reading.rhythm = rhythm
        self._blocks.joined = rhythm is not None

    def _next_read(self) -> bytes:
        """What came next, up to the end of a block; nothing when the stream has ended or `stop` was called."""
        block = b""
        while True:
            wanted_bytes = self._reading.wanted_bytes()
            waited = bool(self._waiting)
            if not waited:
                self._waiting = self._read(wanted_bytes + _SPARE_BYTES)
            piece, self._waiting = self._waiting[:wanted_bytes], self._waiting[wanted_bytes:]
            block += piece
            if not piece or self._reading.took(len(piece), waited=waited):
                return block

    def _read(self, n_bytes: int) -> bytes:
        # Where more is there than the last read took, nothing is to be waited for.
        rest_s = self._reading.rest_s if self._drained else 0.0
        try:
            found = self._pipe.read(n_bytes, rest_s)
        except (OSError, ValueError) as error:
            message = f"{self.name} cannot be read ({error}), wanted raw s16le; check what is piped in"
            raise NoInputError(message) from None
        self._drained = len(found) < n_bytes
        self._reading.came(len(found), drained=self._drained)
        return found

    def _first_bytes(self) -> bytes:
        start = b""
        while len(start) < _MAGIC_BYTES and (piece := self._next_read()):
            start += piece
        if found := file_format(start):
            raise BadAudioError(
                f"{self.name} starts with a {found} header, wanted raw s16le; "
                "use arecord -t raw, ffmpeg -f s16le, or give the file's name"
            )
        if not start and not self._pipe.stopped:
            raise NoInputError(
                f"{self.name} ended before any audio came, wanted raw s16le; see what the program that writes it says"
            )
        return start

    def _frames(self, whole: bytes) -> NDArray[np.int16]:
        return np.frombuffer(whole, _SAMPLE).astype(np.int16, copy=False).reshape(-1, self._channels)


def file_format(start: bytes) -> str:
    """The format of audio file whose header this is; empty where it is none that is known."""
    return _MAGICS.get(start[:_MAGIC_BYTES], "")

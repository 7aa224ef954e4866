"""Audio files, by libsndfile: WAV, FLAC, Ogg, MP3, AIFF, … of any rate, width and channel count.

libsndfile quietly shortens a WAV that is cut short to what is there. Here everything that can be read is delivered
first, and then an error names what was found and what the header promises.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from monitor.errors import (
    BadAudioError,
    MissingDependencyError,
    MonitorError,
    NoInputError,
    PermissionDeniedError,
    quoted,
)
from monitor.host import libsndfile_path
from monitor.sources import BLOCK_S, SourceStatus
from monitor.sources.resample import BlockStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from monitor.records import AudioBlock, Rhythm

_CONTAINERS: dict[bytes, tuple[Literal["little", "big"], bytes]] = {
    b"RIFF": ("little", b"data"),
    b"FORM": ("big", b"SSND"),
}
"""WAV and AIFF: byte order, and the chunk that holds the audio."""
_ID_BYTES = 4
_CHUNK_HEADER_BYTES = 8
_FORM_HEADER_BYTES = 12
_MOST_CHUNKS = 1000
"""Before the audio; zeros look like empty chunks, and a gigabyte of them would take minutes."""
_UNKNOWN_BYTES = 0x7FFF0000
"""Programs that write into a pipe cannot know the length and declare about 2 or 4 GiB."""
_UNKNOWN_FRAMES = 1 << 62
"""libsndfile gives the largest number it has for a FLAC of undeclared length."""


_ESTIMATED_LENGTH = ("MP3", "MPEG")
"""Formats whose length is an estimate: what encoders add before and behind the audio is counted by some."""
_ESTIMATE_S = 0.3
"""LAME at 32 kbit/s: 0.14 s."""


class AudioFile:
    """Plays a recording as fast as its reader takes it, or paced as it was recorded."""

    live = False
    waits = True

    def __init__(self, path: Path | str, rate_hz: int, realtime: bool = False, block_s: float = BLOCK_S) -> None:
        """Open `path`; `rate_hz` is the rate of the blocks; `realtime` delivers each block when it would be over.

        Raises:
            NoInputError: there is no such file, or it is a directory or a device.
            PermissionDeniedError: this user may not read it.
            BadAudioError: it is empty, not audio, or holds no samples.
            MissingDependencyError: soundfile or soxr cannot be imported.
        """
        self._path = Path(path)
        self._realtime = realtime
        self._block_s = block_s
        self._stopped = threading.Event()
        _check_readable(self._path)
        self._sound = _open(self._path)
        self._promised = _promised_share(self._path)
        try:
            self._stream = BlockStream(self._sound.samplerate, self._sound.channels, rate_hz, block_s)
        except BadAudioError as error:
            raise BadAudioError(f"{path}: {error}") from None
        self._rate_hz = rate_hz
        if self._sound.frames == 0:
            raise BadAudioError(f"{path}: found no audio, wanted some samples; record it again{self._unclosed()}")

    @property
    def name(self) -> str:
        """The path as given."""
        return str(self._path)

    @property
    def duration_s(self) -> float:
        """Length of the audio that is there, in seconds; 0.0 where the file does not say."""
        return 0.0 if self._sound.frames >= _UNKNOWN_FRAMES else self._sound.frames / self._sound.samplerate

    def blocks(self) -> Iterator[AudioBlock]:
        """The audio in blocks of `block_s`.

        Raises:
            BadAudioError: after the last block that can be read, when the file is damaged or cut short.
        """
        started_s = time.monotonic()
        with self._sound:
            for block in self._decoded():
                if self._realtime:
                    # A microphone too delivers a block only when its last sample has been heard.
                    self._stopped.wait(started_s + block.end_sample / self._rate_hz - time.monotonic())
                if self._stopped.is_set():
                    return
                yield block

    def stop(self) -> None:
        """End `blocks` before its next block."""
        self._stopped.set()

    def status(self) -> SourceStatus:
        """What is played."""
        # Told to others: the folders of this machine are none of their business.
        return SourceStatus(device=self._path.name, rate_hz=self._sound.samplerate, channels=self._sound.channels)

    def mute(self, *, muted: bool) -> None:
        """A recording plays on: what comes is thrown away by whoever reads the blocks."""

    def attend(self, rhythm: Rhythm | None) -> None:
        """Whoever reads the blocks sets the pace."""

    def _decoded(self) -> Iterator[AudioBlock]:
        found, failure = 0, ""
        n_frames = max(round(self._sound.samplerate * self._block_s), 1)
        try:
            while not failure:
                frames, failure = _read(self._sound, n_frames)
                if not len(frames):
                    break
                found += len(frames)
                yield from self._stream.push(frames)
        except MonitorError as error:
            failure = str(error)
        yield from self._stream.flush()
        self._report(found, failure)

    def _report(self, found: int, failure: str) -> None:
        """Raise if less was found than promised."""
        unknown = self._sound.frames >= _UNKNOWN_FRAMES
        if unknown and "fseek" in failure:
            # After the last frame of a FLAC without a length, soundfile fails to seek to where it already is.
            return
        wanted = 0.0 if unknown else self._sound.frames * self._promised
        tolerance = _ESTIMATE_S * self._sound.samplerate if self._sound.format in _ESTIMATED_LENGTH else 0
        if failure or found < int(wanted - tolerance):
            found_s, wanted_s = found / self._sound.samplerate, wanted / self._sound.samplerate
            promise = "an undeclared length" if unknown else f"{wanted_s:.2f} s"
            reason = f" ({failure.strip(' .')})" if failure else ""
            raise BadAudioError(
                f"{self._path}: damaged or cut short: found {found_s:.2f} s of audio, wanted {promise}{reason}; "
                "what was found has been used, copy or record the file again for the rest"
            )

    def _unclosed(self) -> str:
        rest = "the rest of the file can be read as raw audio with --input -"
        return f" (its recorder did not finish the header; {rest})" if self._promised == 0 else ""


def prints_complaints(path: Path) -> bool:
    """Whether its decoder, libmpg123, writes to standard error what it finds in a damaged file; False if unreadable."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            begin = file.read(_ID_BYTES)
    except (OSError, ValueError):
        return False
    # MPEG audio begins with a tag or with eleven set bits.
    return begin.startswith(b"ID3") or (begin[:1] == b"\xff" and begin[1:2] >= b"\xe0")


def _check_readable(path: Path) -> None:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise NoInputError(f"{path} is a directory, wanted an audio file; name the files in it")
        if not stat.S_ISREG(found.st_mode):
            raise NoInputError(f"{path} is not a regular file; pipe raw audio into --input - instead")
        path.open("rb").close()
    except PermissionError:
        raise PermissionDeniedError(f"{path}: this user may not read it; check its owner and mode") from None
    except FileNotFoundError:
        raise NoInputError(f"no such file: {path}; check the path") from None
    except (OSError, ValueError) as error:
        raise NoInputError(f"{str(path)!r} cannot be opened ({error}); check the path") from None
    if found.st_size == 0:
        raise BadAudioError(f"{path}: the file is empty, wanted audio; record or copy it again")


def _open(path: Path) -> Any:
    try:
        import soundfile  # noqa: PLC0415 - a microphone needs no libsndfile
    except (ImportError, OSError) as error:
        raise MissingDependencyError("soundfile", error) from None
    try:
        return soundfile.SoundFile(libsndfile_path(path))
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        # TypeError: the suffix .raw makes soundfile ask for a rate.
        reason = quoted(getattr(error, "error_string", error)).strip(" .")
        raise BadAudioError(
            f"{path}: not audio that can be decoded ({reason}), wanted WAV, FLAC, Ogg, MP3 or AIFF; convert it, "
            "or pipe raw audio into --input -"
        ) from None


def _read(sound: Any, n_frames: int) -> tuple[NDArray[np.float32], str]:
    """The next frames, float32 (n, channels), and why there are no more, if that is an error."""
    import soundfile  # noqa: PLC0415

    # float32 holds 24 bits exactly; libsndfile's own way to int16 would not scale float files.
    frames = np.full((n_frames, sound.channels), np.nan, dtype=np.float32)
    try:
        return sound.read(out=frames), ""
    except soundfile.SoundFileError as error:
        # The count of what was decoded before the failure is lost with the exception; the filled rows tell it.
        n_filled = int(np.isnan(frames[:, 0]).argmax()) if np.isnan(frames[:, 0]).any() else n_frames
        return frames[:n_filled], quoted(error) or type(error).__name__


def _promised_share(path: Path) -> float:
    """Length that the header of a WAV or AIFF declares, as a multiple of what is there; 1.0 where it does not tell.

    0.0 means that it declares nothing though audio follows: its recorder was not stopped properly.
    """
    with path.open("rb") as file:
        form = file.read(_FORM_HEADER_BYTES)
        if form[:_ID_BYTES] not in _CONTAINERS:
            return 1.0
        order, audio_chunk = _CONTAINERS[form[:_ID_BYTES]]
        size = path.stat().st_size
        for _ in range(_MOST_CHUNKS):
            if len(header := file.read(_CHUNK_HEADER_BYTES)) < _CHUNK_HEADER_BYTES:
                break
            declared, there = int.from_bytes(header[_ID_BYTES:], order), size - file.tell()
            if header[:_ID_BYTES] == audio_chunk:
                form_bytes = int.from_bytes(form[_ID_BYTES:_CHUNK_HEADER_BYTES], order) + _CHUNK_HEADER_BYTES
                return _share(declared, there, closed=form_bytes >= size)
            file.seek(declared + declared % 2, os.SEEK_CUR)
    return 1.0


def _share(declared: int, there: int, *, closed: bool) -> float:
    if declared == 0 and there and not closed:
        return 0.0
    if declared >= _UNKNOWN_BYTES or declared <= there or there == 0:
        return 1.0
    return declared / there

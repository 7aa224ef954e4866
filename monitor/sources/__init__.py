"""Sources: where audio comes from. One file a source, one line in the registry; each is imported only when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.records import AudioBlock

SOURCES = {
    "microphone": "monitor.sources.microphone:Microphone",
    "audiofile": "monitor.sources.audiofile:AudioFile",
    "rawpcm": "monitor.sources.rawpcm:RawPcm",
}

BLOCK_S = 0.1
"""Length of the blocks that sources deliver."""


class Source(Protocol):
    """Delivers mono int16 blocks at the rate asked for, with true sample numbers."""

    live: bool
    """Audio arrives in its own time: what is heard is heard now."""
    waits: bool
    """The source waits for its reader; otherwise audio that nobody takes is lost."""

    @property
    def name(self) -> str:
        """What people know it by: a device name, a file name, `stdin`."""
        ...

    def blocks(self) -> Iterator[AudioBlock]:
        """The audio, until it ends or `stop` is called. Called once, from the worker thread."""
        ...

    def stop(self) -> None:
        """End `blocks` soon. May be called from any thread, more than once, before `blocks` too."""
        ...

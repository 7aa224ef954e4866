"""Sources: where audio comes from. One file a source, one line in the registry; each is imported only when used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.records import AudioBlock, Rhythm

SOURCES = {
    "microphone": "monitor.sources.microphone:Microphone",
    "audiofile": "monitor.sources.audiofile:AudioFile",
    "rawpcm": "monitor.sources.rawpcm:RawPcm",
}

BLOCK_S = 0.1
"""Length of the blocks that recordings deliver."""
ANALYSIS_BLOCK_S = 1.0
"""And where nobody waits for what is in them: read in a quarter of the time."""
LIVE_BLOCK_S = 0.03
"""Shortest length of those of live audio: one VAD frame, since a window can wait for the rest of its last block."""
LONGEST_BLOCK_S = 0.78
"""And of those that end with what is due next, see `Rhythm`: each block costs as much as its wake-ups do. A segment
lasts as long before anything of it is due, or longer, else blocks are shorter; that somebody speaks is known so much
later."""
LONGEST_BLOCK_AHEAD_S = 0.51
"""The same where the next block is begun before the last one is judged: two of them may pass until it is known that
somebody speaks, and what a single short word was, which may be over by then, up to half as much later."""
LONGEST_SPEAKING_BLOCK_AHEAD_S = 0.27
"""And while somebody speaks: the block under way when they fall silent, and the next one, are over before the gate
closes half a second later. Longer ones would keep the `end` waiting."""
MUTED_GAP = "muted"
"""Cause of a gap: nobody was to listen. Sources give it to muted time alone: every other gap counts as lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How a source is doing; what does not apply keeps its default."""

    device: str
    """Name of the open input; empty while none is."""
    rate_hz: int = 0
    """Sample rate and channels it was opened with, before resampling; 0 while none is open."""
    channels: int = 0
    reopens: int = 0
    """Attempts to open it after the first."""
    overflows: int = 0
    """Times that PortAudio said it lost audio."""
    lost_samples: int = 0
    """At the rate of the blocks: gaps and overwritten audio together."""
    hanging: int = 0
    """Capture threads that hang in the sound system: more than none for long means that only a new process helps."""
    failure: str = ""
    """Why nothing is heard; empty while audio flows."""
    tended_at_s: float | None = None
    """When the source last looked after its input, on the clock of `host.elapsed_s`; None: blocks alone tell."""


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

    def status(self) -> SourceStatus:
        """How it is doing; from any thread."""
        ...

    def mute(self, *, muted: bool) -> None:
        """Let go of the input while muted, where that is possible; from any thread. Nothing muted is listened to."""
        ...

    def attend(self, rhythm: Rhythm | None) -> None:
        """Where the next blocks may end, at most `LONGEST_BLOCK_S` long; None: as soon as they can. From the worker."""
        ...

    def stop(self) -> None:
        """End `blocks` soon. May be called from any thread, more than once, before `blocks` too."""
        ...

"""Plays streams into pipes, each piece when its last sample would have been heard; a process of its own.

It reads a JSON object from standard input (`Order.text`) and at the end writes one: how many pipes were too full
to take a piece, by the number of the piece, for so a microphone loses audio; and how late it was itself.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.many.resources import percentile

RATE_HZ = 16_000
PIECE_SAMPLES = 480
"""A VAD frame: events are decided at the end of one, which is then the moment at which it is delivered."""
SLOT_S = 0.005
"""Microphones begin at multiples of it."""
_PIECE_BYTES = 2 * PIECE_SAMPLES
_SLOTS_A_PIECE = round(PIECE_SAMPLES / RATE_HZ / SLOT_S)
_NICE = -10


@dataclass(frozen=True, slots=True)
class Part:
    """One microphone."""

    descriptor: int
    """A pipe's end to write to."""
    path: str
    """What it hears: s16le, mono, 16 kHz."""
    begin_slots: int
    """Its first sample comes so much later than that of the earliest."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be played."""

    start_s: float
    """On the clock that never jumps: time.monotonic()."""
    n_pieces: int
    """Of each stream, at most."""
    parts: list[Part]

    @property
    def text(self) -> str:
        """As `main` reads it."""
        return json.dumps(asdict(self))


def order_of(text: str) -> Order:
    """The reverse of `Order.text`."""
    fields = json.loads(text)
    return Order(fields["start_s"], fields["n_pieces"], [Part(**part) for part in fields["parts"]])


class Player:
    """All microphones, in one loop."""

    def __init__(self, order: Order) -> None:
        """Open what is to be played."""
        self._order = order
        self._audio = {path: _mapped(path) for path in {part.path for part in order.parts}}
        # Parts whose pieces end in the same slot, modulo the length of a piece.
        self._groups: list[list[Part]] = [[] for _ in range(_SLOTS_A_PIECE)]
        for part in order.parts:
            os.set_blocking(part.descriptor, False)
            self._groups[part.begin_slots % _SLOTS_A_PIECE].append(part)
        self.lost: Counter[int] = Counter()
        self.late_s: list[float] = []

    def play(self) -> None:
        """To the end of the longest.

        Raises:
            BrokenPipeError: a monitor has ended.
        """
        last_begin = max(part.begin_slots for part in self._order.parts)
        for slot in range(_SLOTS_A_PIECE, last_begin + (self._order.n_pieces + 1) * _SLOTS_A_PIECE):
            group = self._groups[slot % _SLOTS_A_PIECE]
            if group:
                self._play(group, slot)

    def _play(self, group: list[Part], slot: int) -> None:
        due_s = self._order.start_s + slot * SLOT_S
        time.sleep(max(due_s - time.monotonic(), 0))
        for part in group:
            piece = (slot - part.begin_slots) // _SLOTS_A_PIECE - 1
            if 0 <= piece < self._order.n_pieces:
                self._write(part, piece)
        self.late_s.append(time.monotonic() - due_s)

    def _write(self, part: Part, piece: int) -> None:
        at = piece * _PIECE_BYTES
        try:
            # Smaller than a pipe's atomic write: all of it or nothing.
            os.write(part.descriptor, self._audio[part.path][at : at + _PIECE_BYTES])
        except BlockingIOError:
            self.lost[piece] += 1


def _mapped(path: str) -> mmap.mmap:
    with Path(path).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def main() -> None:
    """Play what standard input asks for."""
    # A sound card's clock does not wait for the processor: the player goes first, where it may.
    with suppress(PermissionError):
        os.nice(_NICE)
    player = Player(order_of(sys.stdin.readline()))
    player.play()
    lateness = {f"p{share}_ms": round(1e3 * percentile(player.late_s, share), 2) for share in (50, 95, 100)}
    print(json.dumps({"lost": player.lost, "late": lateness}))


if __name__ == "__main__":
    main()

"""Which measured rooms are kept for judging: a model that trained in a room would know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.card import Licence

if TYPE_CHECKING:
    from pathlib import Path

_HELD_OUT = frozenset({"audiomentations_impulse_response_0", "audiomentations_rir48000"})
"""Of `RIR_misc`: -60 dB after 0.4 s with the direct sound in front, and after 0.8 s with the room 9 dB above it."""


LICENCES = (
    Licence(
        source="audiomentations, room impulse responses",
        licence="MIT",
        citation="Jordal et al., audiomentations, github.com/iver56/audiomentations",
    ),
    Licence(
        source="Lhotse, room impulse responses",
        licence="Apache-2.0",
        citation="Zelasko, Povey, Trmal & Khudanpur (2021), Lhotse: a speech data representation library for the "
        "modern deep learning ecosystem, arXiv:2110.12561",
    ),
)
"""Of what weights that trained in these rooms are derived from."""


def is_held_out(path: Path) -> bool:
    """Whether a room's impulse response is heard only when models are judged."""
    return path.stem in _HELD_OUT

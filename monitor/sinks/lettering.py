"""Large letters for terminals: an alphabet of 5 by 5 pixels at most, two pixels to a character cell."""

from __future__ import annotations

LETTERING_ROWS = 3
"""Lines of text that a word takes."""

_BASE = 32
_PIXEL_ROWS = 5
_PIXEL_COLUMNS = 5
_SPACE_COLUMNS = 2

# One base-32 digit a pixel row, top to bottom; its five bits are the pixels, left to right.
_ALPHABET = {
    "a": "CIUII", "b": "SISIS", "c": "EGGGE", "d": "SIIIS", "e": "UGSGU", "f": "UGSGG", "g": "EGMIE", "h": "IIUII",
    "i": "GGGGG", "j": "222IC", "k": "IKOKI", "l": "GGGGU", "m": "HRLHH", "n": "HPLJH", "o": "CIIIC", "p": "SISGG",
    "q": "CIIIM", "r": "SISKI", "s": "EGC2S", "t": "S8888", "u": "IIIIC", "v": "HHHA4", "w": "HHLRH", "x": "HA4AH",
    "y": "HA444", "z": "U2CGU", "-": "00S00", "_": "0000U", " ": "00000",
    "?": "S2C08",
}  # fmt: skip
_CELLS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def lettering(word: str) -> list[str] | None:
    """The word as `LETTERING_ROWS` lines of equal length, or None where a character has no large form."""
    if not word or any(letter not in _ALPHABET for letter in word.lower()):
        return None
    letters = [_pixels(letter) for letter in word.lower()]
    rows = [[pixel for letter in letters for pixel in (*letter[row], False)][:-1] for row in range(_PIXEL_ROWS)]
    rows += [[False] * len(rows[0])] * (LETTERING_ROWS * 2 - _PIXEL_ROWS)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return ["".join(_CELLS[pixels] for pixels in zip(upper, lower, strict=True)) for upper, lower in pairs]


def _pixels(letter: str) -> list[list[bool]]:
    """Rows of pixels, narrow letters cut to their width."""
    values = [int(digit, _BASE) for digit in _ALPHABET[letter]]
    used = _columns_used(values)
    return [[bool(value >> (_PIXEL_COLUMNS - 1 - column) & 1) for column in range(used)] for value in values]


def _columns_used(values: list[int]) -> int:
    widest = 0
    for value in values:
        widest |= value
    trailing_empty = (widest & -widest).bit_length() - 1
    return _PIXEL_COLUMNS - trailing_empty if widest else _SPACE_COLUMNS

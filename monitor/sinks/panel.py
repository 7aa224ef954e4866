"""The live area of the terminal: how loud it is, whether somebody speaks, and what the voice expresses now.

All bars are drawn with line characters, heavy on light, so that they can be read without colour as well.
"""

from __future__ import annotations

import math
import re
from itertools import cycle
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from monitor.records import UNCERTAIN, Estimate, LevelMeasured, SpeechEnded, SpeechStarted, StatusTaken
from monitor.sinks.lettering import LETTERING_ROWS, lettering

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions

    from monitor.records import MonitorState, Report

MAX_LABEL_CELLS = 16
"""Longer labels are cut in tables; the large letters show them whole."""

_MAX_WIDTH = 96
_MARGIN = 2
_MIN_BAR_CELLS = 6
_TRACK = "dim #8a94a6"
"""The empty part of a bar."""
_METER_FLOOR_DBFS = -72.0
_METER_ZONES = ((-18.0, "#2fa36b"), (-6.0, "#c88f00"), (0.0, "#e5484d"))
"""Upper end in dBFS and colour: comfortable, loud, about to clip."""
_PEAK_HOLD_S = 1.5
_TWO_COLUMNS_FROM_LABELS = 9
_ROWS_AROUND_SCORES = LETTERING_ROWS + 4
"""Rule, meter, the large letters and an empty line on either side of them."""
_ROWS_FOR_EVENTS = 2
"""Left to the lines above the live area, the cursor's included."""
_WIDTH_FOR_PEAK = 50
_PERCENT_CELLS = 5
_QUIET_WORD = "listening"
_DEAF_WORDS: dict[MonitorState, str] = {"no_audio": "no audio", "muted": "muted"}
"""States in which `listening` would be untrue, and the words shown instead."""

# Of middle lightness: a contrast of about 3 to black and to white, since the terminal's background is not known.
_COLOURS = {
    "angry": "#e5484d", "anger": "#e5484d",
    "happy": "#c88f00", "happiness": "#c88f00", "joy": "#c88f00",
    "sad": "#4a8df0", "sadness": "#4a8df0",
    "neutral": "#8a94a6", "calm": "#2aa5a0",
    "fearful": "#a66bf0", "fear": "#a66bf0",
    "disgust": "#5f9e3f", "surprised": "#e8743b", "surprise": "#e8743b",
    UNCERTAIN: "#8a94a6",
}  # fmt: skip
_OTHER_COLOURS = ("#d6569f", "#3f9fd1", "#9c8a2e", "#7d7ff0", "#3fa57c", "#c06a4a")


def colours(labels: tuple[str, ...]) -> dict[str, str]:
    """A colour for every label and for `uncertain`.

    `female_angry` has the colour of `angry`; labels that name no emotion known here take turns.
    """
    own = {label: _colour_of_part(label) for label in (*labels, UNCERTAIN)}
    turns = cycle(_OTHER_COLOURS)
    return {label: colour or next(turns) for label, colour in own.items()}


def _colour_of_part(label: str) -> str | None:
    parts = re.split(r"[-_ ]", label)
    return next((_COLOURS[part] for part in parts if part in _COLOURS), None)


def shown(label: str, likeliest: str) -> str:
    """How a result is called on the screen: `sad`, or `sad?` for one that is uncertain and, if anything, sad."""
    return f"{likeliest}?" if label == UNCERTAIN else label


def bar(share: float, width: int, style: str) -> Text:
    """A bar of `width` cells, `share` (0-1) of it heavy, exact to half a cell."""
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    text = Text().append("━" * (halves // 2) + "╾" * (halves % 2), style=style)
    return text.append("─" * (width - len(text)), style=_TRACK)


def percent(share: float) -> str:
    """A probability as `81 %`, right-aligned in five cells."""
    return f"{share:>3.0%}".replace("%", " %").rjust(_PERCENT_CELLS)


class LivePanel:
    """Remembers what the reports said last and draws it; a rich renderable."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        """Nothing has been heard yet; `labels` in the order of the posteriors."""
        self._labels = labels
        self._colours = colours(labels)
        self._is_speech = False
        self._rms_dbfs = self._peak_dbfs = float("-inf")
        self._peak_at_s = float("-inf")
        self._estimate: Estimate | None = None
        self._quiet_word = _QUIET_WORD

    def take(self, report: Report) -> None:
        """Remember what the report says. Cheap: recordings are played far faster than they are drawn."""
        event = report.event
        if isinstance(event, LevelMeasured):
            self._take_level(event, report.at_s)
        elif isinstance(event, Estimate):
            self._estimate = event
        elif isinstance(event, SpeechStarted | SpeechEnded):
            self._is_speech = isinstance(event, SpeechStarted)
            self._estimate = None
        elif isinstance(event, StatusTaken):
            self._quiet_word = _DEAF_WORDS.get(event.state, _QUIET_WORD)
            if event.state in _DEAF_WORDS:
                # An input that stalls while somebody speaks ends no speech.
                self._is_speech, self._estimate = False, None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Text]:
        """Draw at the console's present size; on a low one with less room between and smaller letters."""
        width = min(options.max_width, _MAX_WIDTH)
        room = console.size.height - _ROWS_FOR_EVENTS - _ROWS_AROUND_SCORES
        n_columns = 1 if len(self._labels) < min(_TWO_COLUMNS_FROM_LABELS, room + 1) else 2
        head = [Text("─" * width, style=_TRACK), self._meter_line(width)]
        scores = self._score_lines(width, n_columns)
        if len(scores) <= room:
            lines = [*head, Text(), *self._word_lines(width), Text(), *scores]
        else:
            lines = [*head, self._word_line(width), *scores]
        for line in lines:
            line.no_wrap = True
            line.overflow = "crop"
            yield line

    @property
    def _emotion(self) -> str | None:
        return self._estimate.label if self._estimate is not None else None

    @property
    def _word(self) -> str:
        if self._estimate is None:
            return self._quiet_word
        return shown(self._estimate.label, self._labels[int(self._estimate.smoothed.argmax())])

    @property
    def _word_style(self) -> str:
        return f"bold {self._colours[self._emotion]}" if self._emotion in self._colours else "dim"

    def _take_level(self, level: LevelMeasured, at_s: float) -> None:
        self._rms_dbfs = level.rms_dbfs
        if level.peak_dbfs >= self._peak_dbfs or not 0 <= at_s - self._peak_at_s <= _PEAK_HOLD_S:
            self._peak_dbfs, self._peak_at_s = level.peak_dbfs, at_s

    def _meter_line(self, width: int) -> Text:
        state = ("● speech ", "bold #2fa36b") if self._is_speech else ("○ silence", "dim")
        line = Text(" " * _MARGIN).append(*state).append("  ")
        reading = f"{self._rms_dbfs:7.1f} dBFS"
        peak = f"  peak {self._peak_dbfs:5.1f}" if width >= _WIDTH_FOR_PEAK else ""
        line.append_text(self._meter(max(width - len(line) - len(reading) - len(peak) - _MARGIN, 0)))
        return line.append(reading).append(peak, style="dim")

    def _meter(self, width: int) -> Text:
        """The level as a bar in the colours of its zones, the peak as an upright stroke."""
        filled = round(_meter_share(self._rms_dbfs) * width)
        peak = math.ceil(_meter_share(self._peak_dbfs) * width) - 1
        meter = Text()
        for cell in range(width):
            colour = _zone_colour((cell + 0.5) / width)
            if cell == peak:
                meter.append("┃", style=f"bold {colour}")
            elif cell < filled:
                meter.append("━", style=colour)
            else:
                meter.append("─", style=_TRACK)
        return meter

    def _word_lines(self, width: int) -> list[Text]:
        """The emotion in large letters, its confidence beside it."""
        rows = lettering(self._word)
        confidence = f"  {percent(self._estimate.confidence).strip()}" if self._estimate is not None else ""
        if rows is None or _MARGIN + len(rows[0]) + len(confidence) > width:
            return [Text(), self._word_line(width), Text()]
        style = self._word_style
        lines = [Text(" " * _MARGIN).append(row, style=style) for row in rows]
        lines[1].append(confidence, style=style)
        return lines

    def _word_line(self, width: int) -> Text:
        """The emotion in one line, spaced out where there is room."""
        word = self._word.upper()
        confidence = f"   {percent(self._estimate.confidence).strip()}" if self._estimate is not None else ""
        spaced = " ".join(word)
        if _MARGIN + cell_len(spaced) + len(confidence) <= width:
            word = spaced
        return Text(" " * _MARGIN).append(word + confidence, style=self._word_style)

    def _score_lines(self, width: int, n_columns: int) -> list[Text]:
        """A bar for every label, column by column."""
        n_rows = math.ceil(len(self._labels) / n_columns)
        cell_width = (width - _MARGIN * (n_columns + 1)) // n_columns
        cells = [self._score_cell(index, cell_width) for index in range(len(self._labels))]
        columns = [cells[start : start + n_rows] for start in range(0, len(cells), n_rows)]
        return [_side_by_side([column[row] for column in columns if row < len(column)]) for row in range(n_rows)]

    def _score_cell(self, index: int, width: int) -> Text:
        label = self._labels[index]
        score = float(self._estimate.smoothed[index]) if self._estimate is not None else 0.0
        bar_room = width - 2 - _PERCENT_CELLS
        label_cells = max(min(label_column(self._labels), bar_room - _MIN_BAR_CELLS), 1)
        cell = Text().append(fit(label, label_cells), style="bold" if label == self._emotion else "")
        cell.append(" ").append_text(bar(score, max(bar_room - label_cells, 0), self._colours[label]))
        return cell.append(" ").append(percent(score) if self._estimate is not None else " " * _PERCENT_CELLS)


def label_column(labels: Iterable[str]) -> int:
    """Cells that a column of these labels takes."""
    return min(max(cell_len(label) for label in labels), MAX_LABEL_CELLS)


def fit(label: str, width: int) -> str:
    """The label in exactly `width` cells, with an ellipsis where it is longer."""
    return set_cell_size(label, width) if cell_len(label) <= width else set_cell_size(label, width - 1) + "…"


def _side_by_side(cells: list[Text]) -> Text:
    margin = Text(" " * _MARGIN)
    return margin + margin.join(cells)


def _meter_share(level_dbfs: float) -> float:
    """Where a level lies on the meter, 0-1."""
    return min(max(1 - level_dbfs / _METER_FLOOR_DBFS, 0.0), 1.0)


def _zone_colour(share: float) -> str:
    level_dbfs = (1 - share) * _METER_FLOOR_DBFS
    return next((colour for end, colour in _METER_ZONES if level_dbfs < end), _METER_ZONES[-1][1])

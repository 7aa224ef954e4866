"""Reports for people: a permanent line an event and, on a terminal, a live area below them.

The lines of one speech segment hang together by a bracket: `╭` new, `├` changed, `╰` end.
"""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING, NoReturn, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from monitor.records import UNCERTAIN, EmotionEvent, Gap, StatusTaken
from monitor.sinks.output import output_errors
from monitor.sinks.panel import LivePanel, bar, colours, fit, label_column, percent, shown
from monitor.sources import MUTED_GAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.records import Report

_REFRESH_S = 0.1
"""Ten pictures a second at most: levels come every 0.12 s, and a picture costs a millisecond or a few."""
_BRACKETS = {"new": "╭", "update": "├", "end": "╰"}
_BAR_CELLS = 16
_WIDTH_FOR_BAR = 76


class TerminalConsole(Console):
    """A console that leaves a closed pipe to its caller, where rich would end the process with status 1."""

    def on_broken_pipe(self) -> NoReturn:
        """Called by rich when nobody reads any more.

        Raises:
            BrokenPipeError: always.
        """
        raise BrokenPipeError


def terminal_console(stream: TextIO) -> Console:
    """A console on `stream`, as the terminal and `NO_COLOR` allow; what it cannot encode becomes a question mark."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return TerminalConsole(file=stream, highlight=False, emoji=False, markup=False)


class Pretty:
    """Events as lines that stay, and below them what is heard at the moment."""

    name = "stdout"
    events_only = False

    def __init__(
        self, console: Console, labels: tuple[str, ...], rate_hz: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Write to `console`.

        Args:
            console: where to; a live area is drawn only on a terminal that can move its cursor.
            labels: of the model, in the order of its posteriors.
            rate_hz: samples a second.
            monotonic: clock of the refresh, in seconds.
        """
        self.panel = LivePanel(labels)
        self._console = console
        self._rate_hz = rate_hz
        self._colours = colours(labels)
        self._label_cells = label_column(shown(UNCERTAIN, label) for label in labels)
        self._monotonic = monotonic
        self._drawn_at_s = float("-inf")
        self._live = self._make_live() if console.is_interactive and console.file.isatty() else None

    def write(self, report: Report) -> None:
        """Print a line for an emotion event or a gap, and bring the live area up to date.

        Raises:
            OutputFailedError: the terminal or file cannot be written.
            BrokenPipeError: nobody reads any more.
        """
        self.panel.take(report)
        with output_errors(self._console.file):
            if isinstance(report.event, EmotionEvent):
                self._print(self._event_line(report.event, report.at_s))
            elif isinstance(report.event, Gap):
                self._print(self._gap_line(report.event, report.at_s))
            # Nothing may come behind the status of a monitor that hears nothing.
            self._draw(at_once=isinstance(report.event, StatusTaken))

    def close(self) -> None:
        """Remove the live area and give the cursor back; the lines stay."""
        if self._live is not None:
            with output_errors(self._console.file):
                self._live.stop()

    def _make_live(self) -> Live:
        # stderr is led past the live area only where it goes to a terminal: a log file keeps its lines.
        return Live(
            self.panel,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=sys.stderr is not None and sys.stderr.isatty(),
        )

    def _draw(self, *, at_once: bool) -> None:
        now_s = self._monotonic()
        if self._live is None or (now_s - self._drawn_at_s < _REFRESH_S and not at_once):
            return
        self._drawn_at_s = now_s
        self._live.start()
        self._live.refresh()

    def _print(self, line: Text) -> None:
        self._console.print(line, no_wrap=True, overflow="ellipsis", crop=True)

    def _event_line(self, event: EmotionEvent, at_s: float) -> Text:
        is_end = event.type == "end"
        colour = self._colours.get(event.emotion, "")
        line = _time_text(at_s).append(f"  {_BRACKETS[event.type]} ", style=colour)
        likeliest = max(event.scores, key=event.scores.__getitem__)
        line.append(
            fit(shown(event.emotion, likeliest), self._label_cells), style=f"bold {colour}" if is_end else colour
        )
        line.append(f" {percent(event.confidence)}", style="bold" if is_end else "")
        if self._console.width >= _WIDTH_FOR_BAR:
            line.append("  ").append_text(bar(event.confidence, _BAR_CELLS, colour))
        duration_s = (event.end_sample - event.start_sample) / self._rate_hz
        return line.append(f" {duration_s:6.1f} s").append(f" {event.level_dbfs:7.1f} dBFS", style="dim")

    def _gap_line(self, gap: Gap, at_s: float) -> Text:
        gap_s = gap.lost_samples / self._rate_hz
        what = f"muted for {gap_s:.2f} s" if gap.cause == MUTED_GAP else f"{gap_s:.2f} s of audio lost: {gap.cause}"
        return _time_text(at_s).append(f"  ! {what}", style="bold")


def _time_text(at_s: float) -> Text:
    """Time of day where the terminal is."""
    return Text().append(time.strftime("%H:%M:%S", time.localtime(at_s)), style="dim")

# ruff: noqa: INP001
"""Draws `docs/terminal.svg`, the picture of a terminal in the README: `python docs/terminal.py`.

The shipped model hears the bundled clip. What is shown is what the terminal sink draws: the lines of the events so far,
and the live area while speech goes on.
"""

from __future__ import annotations

import io
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.terminal_theme import TerminalTheme
from rich.text import Text

from monitor.clock import RecordingClock
from monitor.demo import clip_path
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import EmotionEvent, Estimate, LevelMeasured, Report
from monitor.sinks.pretty import Pretty, TerminalConsole
from monitor.sources.audiofile import AudioFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.records import PipelineEvent

WIDTH = 84
"""Columns: as wide as a README page shows without scaling letters down."""

_START = datetime(2026, 1, 1, 13, 4, tzinfo=UTC)
_DARK = TerminalTheme(
    (22, 24, 29),
    (214, 219, 228),
    # The sink names its colours itself and uses none of the terminal's eight.
    [(214, 219, 228)] * 8,
)
_FONTS = "ui-monospace, 'Fira Code', Menlo, 'DejaVu Sans Mono', Consolas, monospace"
_LETTER_SHARE = 0.602
"""Width to height of a letter in these fonts."""
_FONT_SIZE = "20.7px"
"""A little more than rich's 20: block letters of neighbouring lines touch."""

# Like rich's own template, but without fonts from the net: pages that show pictures do not load them.
_SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: FONTS; font-size: FONT_SIZE; }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 16px; opacity: 0.6; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", _FONTS).replace("FONT_SIZE", _FONT_SIZE)


def draw_terminal(
    reports: Iterable[Report], labels: tuple[str, ...], rate_hz: int, picture: Path, command: str
) -> None:
    """Write the picture.

    Args:
        reports: of a whole run, in order. The picture is taken in the last speech that an event tells of.
        labels: of the model, in the order of its posteriors.
        rate_hz: samples a second.
        picture: the SVG file to write.
        command: what was typed, shown behind the prompt.
    """
    _use_utc()
    console = TerminalConsole(
        file=io.StringIO(), record=True, width=WIDTH, height=40, force_terminal=True, color_system="truecolor",
        no_color=False, highlight=False,
    )  # fmt: skip
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")), Text(), sep="\n")
    pretty = Pretty(console, labels, rate_hz)
    for report in _until_last_speech(list(reports)):
        pretty.write(report)
    console.print(pretty.panel)
    svg = console.export_svg(
        title="ser-monitor", theme=_DARK, code_format=_SVG, font_aspect_ratio=_LETTER_SHARE, unique_id="terminal"
    )
    picture.write_text(svg, encoding="utf-8")


def _until_last_speech(reports: list[Report]) -> list[Report]:
    """All reports up to the loudest moment between the last `new` and what follows it."""
    first = max((i for i, report in enumerate(reports) if _is_event(report, "new")), default=0)
    last = next((i for i, report in enumerate(reports) if i > first and _is_event(report, "end")), len(reports))
    moment = max(range(first, last), key=lambda i: _level_dbfs(reports[i]), default=last)
    return reports[: moment + 1]


def _is_event(report: Report, event_type: str) -> bool:
    return isinstance(report.event, EmotionEvent) and report.event.type == event_type


def _level_dbfs(report: Report) -> float:
    return report.event.rms_dbfs if isinstance(report.event, LevelMeasured) else float("-inf")


def _use_utc() -> None:
    # The picture must not depend on where it is drawn.
    os.environ["TZ"] = "UTC"
    time.tzset()


def _heard(path: Path, pipeline: Pipeline, rate_hz: int) -> Iterator[Report]:
    """All reports over a recording."""
    clock = RecordingClock(_START.timestamp(), rate_hz)
    for block in AudioFile(path, rate_hz).blocks():
        yield from (Report(event, clock.wall_s(_sample_of(event))) for event in pipeline.push(block))
    yield from (Report(event, clock.wall_s(_sample_of(event))) for event in pipeline.flush())


def _sample_of(event: PipelineEvent) -> int:
    return event.end_sample if isinstance(event, Estimate | EmotionEvent) else event.at_sample


def main() -> None:
    """Draw the picture of the demonstration that the README opens with."""
    model = EmotionModel.load(shipped_model())
    rate_hz = model.spec.rate_hz
    reports = _heard(clip_path(), Pipeline(model), rate_hz)
    picture = Path(__file__).with_name("terminal.svg")
    draw_terminal(reports, model.labels, rate_hz, picture, "ser-monitor --stdout --input demo --realtime")
    print(f"{picture.name}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

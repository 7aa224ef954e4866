"""`ser-monitor analyze FILES…`: one result a file."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from monitor.analysis import FileResult, analyse
from monitor.assembly import load_model, make_pipeline
from monitor.commands.options import settings_of
from monitor.errors import BadAudioError, MonitorError, NoInputError, PermissionDeniedError
from monitor.logs import set_up_logging
from monitor.sources.audiofile import AudioFile

if TYPE_CHECKING:
    import argparse

    from monitor.config import Settings
    from monitor.model import EmotionModel


class _Table(Protocol):
    def add(self, result: FileResult) -> None: ...


def run(options: argparse.Namespace) -> int:
    """Analyse all files; the exit code is 0, or that of the first file that could not be read whole."""
    settings = settings_of(options)
    set_up_logging(settings.log.level)
    model = load_model(settings)
    table = _table(options, model.labels)
    exit_code = 0
    with _progress() as progress:
        task = progress.add_task("", total=len(options.files))
        for name in options.files:
            progress.update(task, description=Path(name).name)
            result, error = _analyse_file(name, settings, model)
            table.add(result)
            if error is not None:
                progress.console.print(f"ser-monitor: error: {error}", markup=False, highlight=False, soft_wrap=True)
                exit_code = exit_code or error.exit_code
            progress.advance(task)
    return exit_code


def _analyse_file(name: str, settings: Settings, model: EmotionModel) -> tuple[FileResult, MonitorError | None]:
    rate_hz = model.spec.rate_hz
    pipeline = make_pipeline(settings, model, limit_events=False)
    try:
        result = analyse(AudioFile(Path(name), rate_hz), pipeline, model.labels, rate_hz, file=name)
    except (BadAudioError, NoInputError, PermissionDeniedError) as error:
        return FileResult(name, None, None, None, 0.0, 0.0, reason=str(error)), error
    return result, result.error


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _table(options: argparse.Namespace, labels: tuple[str, ...]) -> _Table:
    if options.json:
        return _JsonLines(with_segments=options.segments)
    if options.csv:
        return _Csv(labels, with_segments=options.segments)
    return _Text(with_segments=options.segments)


class _JsonLines:
    def __init__(self, *, with_segments: bool) -> None:
        self._with_segments = with_segments

    def add(self, result: FileResult) -> None:
        print(json.dumps(result.to_dict(with_segments=self._with_segments), ensure_ascii=False), flush=True)


class _Csv:
    """One row a file, or one row a segment; a column for each label."""

    def __init__(self, labels: tuple[str, ...], *, with_segments: bool) -> None:
        self._labels = labels
        self._with_segments = with_segments
        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        what = ["start_s", "end_s"] if with_segments else ["speech_s", "duration_s"]
        self._writer.writerow(["file", "emotion", "confidence", *what, *labels, "reason"])

    def add(self, result: FileResult) -> None:
        row = result.to_dict(with_segments=True)
        for part in row["segments"] if self._with_segments and row["segments"] else [row]:
            scores = part["scores"] or {}
            times = ("start_s", "end_s") if self._with_segments else ("speech_s", "duration_s")
            self._writer.writerow(
                [
                    result.file,
                    part["emotion"] or "",
                    _blank(part["confidence"]),
                    *(_blank(part.get(key)) for key in times),
                    *(_blank(scores.get(label)) for label in self._labels),
                    result.reason,
                ]
            )
        sys.stdout.flush()


class _Text:
    """For people."""

    def __init__(self, *, with_segments: bool) -> None:
        self._with_segments = with_segments

    def add(self, result: FileResult) -> None:
        verdict = f"{result.emotion} {result.confidence:.2f}" if result.emotion else f"- ({result.reason})"
        print(f"{result.file}: {verdict}, {result.speech_s:.1f} s of speech in {result.duration_s:.1f} s", flush=True)
        for s in result.segments if self._with_segments else ():
            print(f"  {s.start_s:8.2f} - {s.end_s:8.2f} s  {s.emotion} {s.confidence:.2f}", flush=True)


def _blank(value: float | None) -> float | str:
    return "" if value is None else value

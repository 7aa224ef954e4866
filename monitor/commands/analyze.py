"""`ser-monitor analyze FILES…`: one result a file."""

from __future__ import annotations

import csv
import io
import json
import logging
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from monitor.analysis import FileResult, analyse
from monitor.assembly import load_model, make_pipeline
from monitor.commands.options import settings_of
from monitor.commands.progress import make_progress
from monitor.errors import BadAudioError, MonitorError, NoInputError, PermissionDeniedError
from monitor.librarynoise import LibraryNoise
from monitor.logs import set_up_logging
from monitor.sinks.output import print_line
from monitor.sources import ANALYSIS_BLOCK_S
from monitor.sources.audiofile import AudioFile, prints_complaints

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
    with LibraryNoise(logging.DEBUG) if any(map(prints_complaints, map(Path, options.files))) else nullcontext():
        return _analyse_files(options, settings, model)


def _analyse_files(options: argparse.Namespace, settings: Settings, model: EmotionModel) -> int:
    table = _table(options, model.labels)
    exit_code = 0
    with make_progress(len(options.files)) as progress:
        for name in options.files:
            progress.begin(Path(name).name)
            result, error = _analyse_file(name, settings, model)
            table.add(result)
            if error is not None:
                progress.complain(f"ser-monitor: error: {error}")
                exit_code = exit_code or error.exit_code
            progress.done()
    return exit_code


def _analyse_file(name: str, settings: Settings, model: EmotionModel) -> tuple[FileResult, MonitorError | None]:
    rate_hz = model.spec.rate_hz
    pipeline = make_pipeline(settings, model, limit_events=False)
    try:
        source = AudioFile(Path(name), rate_hz, block_s=ANALYSIS_BLOCK_S)
        result = analyse(source, pipeline, model.labels, rate_hz, file=name)
    except (BadAudioError, NoInputError, PermissionDeniedError) as error:
        return FileResult(name, None, None, None, 0.0, 0.0, reason=str(error)), error
    return result, result.error


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
        print_line(json.dumps(result.to_dict(with_segments=self._with_segments), ensure_ascii=False))


class _Csv:
    """One row a file, or one row a segment; a column for each label."""

    def __init__(self, labels: tuple[str, ...], *, with_segments: bool) -> None:
        self._labels = labels
        self._with_segments = with_segments
        self._times = ("start_s", "end_s") if with_segments else ("speech_s", "duration_s")
        self._row(["file", "emotion", "confidence", *self._times, *labels, "reason"])

    def add(self, result: FileResult) -> None:
        whole = result.to_dict(with_segments=True)
        for part in whole["segments"] if self._with_segments and whole["segments"] else [whole]:
            scores = part["scores"] or {}
            numbers = [part["confidence"], *(part.get(key) for key in self._times), *map(scores.get, self._labels)]
            self._row([result.file, part["emotion"], *numbers, result.reason])

    def _row(self, cells: list[str | float | None]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(cells)
        print_line(line.getvalue())


class _Text:
    """For people."""

    def __init__(self, *, with_segments: bool) -> None:
        self._with_segments = with_segments

    def add(self, result: FileResult) -> None:
        if not result.duration_s:  # nothing could be read: stderr says why
            return
        verdict = f"{result.emotion} {result.confidence:.2f}" if result.emotion else f"- ({result.reason})"
        print_line(f"{result.file}: {verdict}, {result.speech_s:.1f} s of speech in {result.duration_s:.1f} s")
        for s in result.segments if self._with_segments else ():
            print_line(f"  {s.start_s:8.2f} - {s.end_s:8.2f} s  {s.emotion} {s.confidence:.2f}")

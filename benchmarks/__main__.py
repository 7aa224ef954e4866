"""`make bench`: what it costs, beside what people would use instead; `make bench-write` puts it into docs/ too.

One table; with `--write DIR` also one picture, DIR/pictures/bench.png, one JSON, DIR/bench.json, and the table on the
page DIR/performance.md, where there is one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.groups import GROUPS, measure_all
from benchmarks.page import PAGE, with_figures
from benchmarks.recording import Recording
from benchmarks.results import Results
from benchmarks.table import table

_QUICK_S, _QUICK_STRETCH_S, _QUICK_ROUNDS = 60, 10, 2


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write where that is asked for; 1 where a group failed."""
    options = _parser().parse_args(arguments)
    results, sound = _draw_again(options.draw) if options.draw else _measure(options)
    print(table(results))
    if options.write:
        write(results, options.write)
    return 0 if sound else 1


def write(results: Results, folder: Path) -> None:
    """Picture, JSON and page."""
    from benchmarks.picture import draw  # noqa: PLC0415 - only who writes needs matplotlib

    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_bytes(results.to_json())
    draw(results, folder / "pictures" / "bench.png")
    page = folder / PAGE.name
    if page.is_file():
        page.write_text(with_figures(page.read_text(encoding="utf-8"), results), encoding="utf-8")


def _measure(options: argparse.Namespace) -> tuple[Results, bool]:
    short = (_QUICK_S, _QUICK_STRETCH_S, _QUICK_ROUNDS)
    recording = Recording.compose(*short) if options.quick else Recording.compose()
    measurements, sound = measure_all(recording, options.only or list(GROUPS))
    return Results.of(recording, measurements), sound


def _draw_again(path: Path) -> tuple[Results, bool]:
    return Results.from_json(path.read_bytes()), True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute of audio, two rounds, nothing of ten hours")
    parser.add_argument("--only", action="append", choices=list(GROUPS), help="measure this group; may be repeated")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write picture, JSON and page into DIR")
    parser.add_argument("--draw", type=Path, metavar="JSON", help="measure nothing: show, and draw, what JSON holds")
    return parser


if __name__ == "__main__":
    sys.exit(main())

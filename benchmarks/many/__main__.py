"""`make bench-many`: how many microphones one machine carries."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.broker import mosquitto
from benchmarks.many.cores import Cores
from benchmarks.many.course import NUMBERS, QUICK, Course
from benchmarks.many.figures import step_of
from benchmarks.many.page import WAYS, figures_text, put
from benchmarks.many.scene import LOADS, Plan, Scene
from benchmarks.many.step import SOON_S, measure

if TYPE_CHECKING:
    from benchmarks.many.figures import StepFigures

DOCS = Path(__file__).parents[2] / "docs"
_USUAL_S, _SPEECH_S, _MINUTES = 15.0, 13.0, 16.0
_QUICK_USUAL_S, _QUICK_SPEECH_S, _QUICK_MINUTES = 15.0, 6.0, 1.4
_USAGE, _UNAVAILABLE = 64, 69


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a line a step, and with `--write` renew the page."""
    options = _options(arguments)
    program = mosquitto()
    if program is None:
        print("found no mosquitto, wanted a broker; sudo apt install mosquitto", file=sys.stderr)
        return _UNAVAILABLE
    if options.write and find_spec("matplotlib") is None:
        print("found no matplotlib, wanted it to draw; pip install 'ser-monitor[train]'", file=sys.stderr)
        return _UNAVAILABLE
    try:
        cores = Cores.divided(options.cores)
    except ValueError as error:
        print(error, file=sys.stderr)
        return _USAGE
    _allow_many_files()
    # Contexts end what was started, also when this program is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    steps, reason = _run(options, program, cores)
    print(f"{reason}\n\n{figures_text(_facts(cores), steps)}")
    if options.write:
        _write(steps, options, cores)
    return 0


def _allow_many_files() -> None:
    """Two ends of a pipe a microphone are more than the usual thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run(options: argparse.Namespace, program: str, cores: Cores) -> tuple[list[StepFigures], str]:
    until_s = time.monotonic() + 60 * options.minutes
    with TemporaryDirectory() as folder:
        scene = Scene.compose(Path(folder), Plan(options.usual, options.speech))
        course = Course(
            measure=lambda way, n, loads: measure(way, n, loads, scene, program, cores=cores),
            report=_report,
            numbers=QUICK if options.quick else _numbers(options.most),
            n_cores=len(cores.monitors),
            play_s=scene.plan.duration_s(LOADS) + SOON_S,
            until_s=until_s,
        )
        return course.run()


def _numbers(most: int) -> dict[Any, tuple[int, ...]]:
    return {way: tuple(n for n in numbers if n <= most) for way, numbers in NUMBERS.items()}


def _report(step: StepFigures) -> None:
    if step.failure:
        print(f"{step.n:>4} {WAYS[step.way]:<15}FAILED: {step.failure}", flush=True)
    for name, load in step.loads.items():
        late = "  LATE" if load.late else ""
        print(
            f"{step.n:>4} {WAYS[step.way]:<15}{name:<7}{load.cpu_percent:8.2f} % of a core{step.pss_mb:8.0f} MB"
            f"{load.latency_p50_ms:8.1f} ms p50{load.latency_p95_ms:9.1f} ms p95"
            f"  ({load.events} events, {load.missing} missing, {load.lost_s:.2f} s lost,"
            f" machine {load.machine_busy_percent:.0f} % busy){late}",
            flush=True,
        )


def _facts(cores: Cores) -> dict[str, Any]:
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        **cores.as_json(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _write(steps: list[StepFigures], options: argparse.Namespace, cores: Cores) -> None:
    from benchmarks.many.picture import draw  # noqa: PLC0415 - matplotlib, which measuring needs not

    facts = _facts(cores)
    played = {"usual_s": options.usual, "speech_s": options.speech}
    result = {**facts, **played, "steps": [step.as_json() for step in steps]}
    (DOCS / "pictures").mkdir(exist_ok=True)
    (DOCS / "many-microphones.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    # Of what the JSON holds: a figure rounded twice may differ.
    kept = [step_of(fields) for fields in result["steps"]]
    put(DOCS / "many-microphones.md", figures_text(facts, kept))
    draw(steps, facts["cores"], DOCS / "pictures" / "many-microphones.png")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few numbers, under a minute; nothing to quote")
    parser.add_argument("--write", action="store_true", help="renew docs/many-microphones.md, .json and its picture")
    parser.add_argument("--most", type=int, default=max(NUMBERS["processes"]), metavar="N", help="not more microphones")
    parser.add_argument("--cores", type=int, metavar="K", help="monitors on so many, player and broker on the others")
    parser.add_argument("--usual", type=float, metavar="S", help="seconds with a tenth speech")
    parser.add_argument("--speech", type=float, metavar="S", help="seconds in which all speak")
    parser.add_argument("--minutes", type=float, metavar="M", help="no step begins that would be over later")
    quick = "--quick" in (sys.argv[1:] if arguments is None else arguments)
    defaults = (_QUICK_USUAL_S, _QUICK_SPEECH_S, _QUICK_MINUTES) if quick else (_USUAL_S, _SPEECH_S, _MINUTES)
    parser.set_defaults(**dict(zip(("usual", "speech", "minutes"), defaults, strict=True)))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""Verbs of `ser-train`; argparse only, the work is done elsewhere and imported when its verb is called."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import MissingDependencyError, MonitorError, NoInputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; errors become one line and their exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.verb(options)
    except ModuleNotFoundError as error:
        missing = MissingDependencyError("ser-monitor[train]", error)
        print(f"ser-train: {missing}", file=sys.stderr)
        return missing.exit_code
    except MonitorError as error:
        print(f"ser-train: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ser-train: interrupted; the same command goes on where it was", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ser-train", description="Trains, judges and exports the models of ser-monitor."
    )
    parser.add_argument("--version", action="version", version=f"ser-train {_version()}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _verb(verbs, "corpora", "what is found of the corpora: clips, speakers, licences, what is missing", _corpora)
    train = _verb(verbs, "train", "train a recipe; interrupted, the same command goes on", _train)
    train.add_argument("recipe", help="name of a recipe that comes with the trainer, or a .toml file")
    train.add_argument(
        "--find-rate", action="store_true", help="do not train: find the learning rate, into rates.png (clip recipes)"
    )
    train.add_argument(
        "--everyone",
        type=Path,
        metavar="RUN",
        help="hold nobody out, for use: RUN, a run of the same recipe, is judged in its stead; may be under way",
    )
    train.add_argument(
        "--begin-with",
        type=Path,
        metavar="RUN",
        help="where the recipe goes on with another's network: that run, or a model file with its .keras beside it",
    )
    crossval = _verb(verbs, "crossval", "train and judge a recipe on every fold of a protocol; resumable", _crossval)
    crossval.add_argument("recipe", help="as in train; of a suite, every variant")
    _add_protocol(crossval, "ravdess-5fold")
    crossval.add_argument(
        "--jobs", type=_positive, default=1, help="trials at a time, one thread each (default: 1, with all threads)"
    )
    compare = _verb(
        verbs, "compare", "earlier systems side by side: under their own protocol and speaker-independent", _compare
    )
    compare.add_argument("recipes", nargs="*", help="as in train (default: the earlier systems)")
    _add_protocol(compare, "ravdess-5fold")
    compare.add_argument("--docs", type=Path, help="write earlier.md and earlier.svg there too, e.g. docs")
    evaluate = _verb(
        verbs, "evaluate", "judge a model file on speakers it never heard, through the daemon's own path", _evaluate
    )
    evaluate.add_argument(
        "model", type=Path, help="a .tflite made by ser-train export, or the folder of a run on clips"
    )
    evaluate.add_argument("files", type=Path, nargs="*", help="recordings to ask a run on clips about")
    evaluate.add_argument(
        "--speakers",
        choices=("test", "validation"),
        default="test",
        help="whose clips (default: test); choose between models by the validation speakers",
    )
    evaluate.add_argument(
        "--stream", action="store_true", help="judge it live: conversations, noise, delays, changes, false segments"
    )
    evaluate.add_argument("--tuned", type=Path, help="with --stream: a tune.json whose best setting is judged")
    evaluate.add_argument("--network", type=Path, help="the .keras it was made from, for parity (default: beside it)")
    tune = _verb(
        verbs, "tune", "choose gate, windows and smoother for a model, on streams of the validation speakers", _tune
    )
    tune.add_argument("model", type=Path, help="a .tflite made by ser-train export")
    tune.add_argument("--settings", type=_positive, default=400, help="how many are tried, about (default: 400)")
    tune.add_argument(
        "--clips", type=_positive, default=60, help="of each validation speaker, at most; fewer is faster (default: 60)"
    )
    false_alarms = _verb(
        verbs,
        "false-alarms",
        "count the events that sounds without a voice make, recorded and artificial",
        _false_alarms,
    )
    false_alarms.add_argument("model", type=Path, help="a .tflite made by ser-train export")
    false_alarms.add_argument(
        "--sounds", type=Path, metavar="DIR", help="play the recordings in DIR, in which nobody speaks, and no others"
    )
    export = _verb(verbs, "export", "make the model file of a run, in the form that runs best, and judge it", _export)
    export.add_argument("run", type=Path, help="folder of a finished run, e.g. runs/emotion")
    export.add_argument(
        "--models", type=Path, default=Path("models"), help="where model file and card go (default: models)"
    )
    export.add_argument("--by-gender", action="store_true", help="labels by gender, of a run that teaches gender")
    results = _verb(
        verbs, "results", "one page of what the models reach, from what crossval and evaluate wrote", _results
    )
    results.add_argument("--models", type=Path, default=Path("models"), help="where export wrote (default: models)")
    results.add_argument("--docs", type=Path, default=Path("docs"), help="where the page goes (default: docs)")
    plot = _verb(verbs, "plot", "draw corpora, clips, augmentations, runs and experiments", _plot)
    plot.add_argument("what", help="name of a plot, or `list`")
    plot.add_argument("sources", type=Path, nargs="*", help="what it is drawn of: see `ser-train plot list`")
    plot.add_argument(
        "--recipe", default="emotion", help="whose corpora, features and augmentations (default: emotion)"
    )
    plot.add_argument("--format", choices=("png", "svg"), default="png", help="of the pictures (default: png)")
    return parser


def _add_protocol(parser: argparse.ArgumentParser, default: str) -> None:
    from trainer.protocols import PROTOCOLS  # noqa: PLC0415 - light

    parser.add_argument("--protocol", choices=tuple(PROTOCOLS), default=default, help=f"default: {default}")
    parser.add_argument("--seeds", type=_positive, default=1, help="how many trainings of every fold (default: 1)")


def _positive(text: str) -> int:
    """An `argparse` type: a number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {text}, wanted 1 or more")
    return number


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str, run: object
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about)
    parser.add_argument("--data", type=Path, help="folder of the corpora (default: $SER_DATA, else ../shared/data)")
    parser.add_argument("--out", type=Path, help="folder for results (default: runs/NAME)")
    parser.add_argument("--version", action="version", version=f"ser-train {_version()}")
    parser.set_defaults(verb=run)
    return parser


def _version() -> str:
    try:
        return version("ser-monitor")
    except PackageNotFoundError:
        return "unknown"


def _data(options: argparse.Namespace) -> Path:
    """The data directory.

    Raises:
        NoInputError: none is named or there.
    """
    named = options.data or (Path(os.environ["SER_DATA"]) if os.environ.get("SER_DATA") else None)
    root: Path = named or Path("../shared/data")
    if not root.is_dir():
        raise NoInputError(f"{root}: no such folder; wanted the folder of the corpora: name it with --data or SER_DATA")
    return root


def _folder(options: argparse.Namespace, name: str) -> Path:
    """Where results go: below `--out` by name, else `runs/NAME`."""
    return options.out or Path("runs") / name


def _corpora(options: argparse.Namespace) -> int:
    from trainer.report import report_corpora  # noqa: PLC0415

    return report_corpora(_data(options), options.out)


def _train(options: argparse.Namespace) -> int:
    from trainer.recipefile import find_recipes, read_recipe, recipe_path  # noqa: PLC0415
    from trainer.training_runs import everyone, find_rate, train  # noqa: PLC0415

    given = "--everyone" if options.everyone else "--begin-with" if options.begin_with else None
    if options.find_rate and given:
        raise UsageError(f"--find-rate looks at the training speakers from chance on; leave {given} away")
    if options.everyone:
        recipe = read_recipe(recipe_path(options.recipe))
        out = _folder(options, f"{recipe.name}-everyone")
        everyone(recipe, _data(options), out, options.everyone, options.begin_with)
        return 0
    work = find_rate if options.find_rate else partial(train, begin_with=options.begin_with)
    recipes = find_recipes([options.recipe])
    for recipe in recipes:
        # Each variant of a suite has a folder of its own.
        out = options.out / recipe.name if options.out and len(recipes) > 1 else _folder(options, recipe.name)
        work(recipe, _data(options), out)
    return 0


def _crossval(options: argparse.Namespace) -> int:
    from trainer.crossval import Places, crossval  # noqa: PLC0415
    from trainer.recipefile import find_recipes  # noqa: PLC0415

    for recipe in find_recipes([options.recipe]):
        out = (options.out or Path("runs")) / recipe.name / options.protocol
        crossval(recipe, options.protocol, range(options.seeds), Places(_data(options), out), options.jobs)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from trainer.compare import Question, compare  # noqa: PLC0415

    out = options.out or Path("runs")
    return compare(Question(options.recipes, options.protocol, options.seeds), _data(options), out, options.docs)


def _plot(options: argparse.Namespace) -> int:
    from trainer.pictures import Wanted, draw, recipe_named  # noqa: PLC0415

    out = options.out or Path("runs") / "plots"
    root = None if options.sources or options.what == "list" else _data(options)
    return draw(options.what, Wanted(options.sources, recipe_named(options.recipe), root), out, options.format)


def _evaluate(options: argparse.Namespace) -> int:
    if options.stream:
        from trainer.streamevaluation import evaluate_stream  # noqa: PLC0415

        out = options.out or Path("runs") / f"stream-{options.model.stem}{_part(options.speakers)}"
        return evaluate_stream(options.model, _data(options), out, options.speakers, options.tuned)
    if options.tuned:
        raise UsageError("--tuned is for streams; wanted it with --stream")
    if options.model.is_dir():
        from trainer.asking import ask  # noqa: PLC0415

        return ask(options.model, options.files)
    from trainer.evaluation import evaluate_file  # noqa: PLC0415

    out = options.out or Path("runs") / f"evaluate-{options.model.stem}{_part(options.speakers)}"
    return evaluate_file(options.model, options.network, _data(options), out, options.speakers)


def _part(speakers: str) -> str:
    """Of a folder's name: figures of other speakers than the test's do not take the place of those."""
    return "" if speakers == "test" else f"-{speakers}"


def _results(options: argparse.Namespace) -> int:
    from trainer.resultspage import write_results  # noqa: PLC0415

    return write_results(options.out or Path("runs"), options.models, options.docs)


def _tune(options: argparse.Namespace) -> int:
    from trainer.tuning import tune  # noqa: PLC0415

    out = options.out or Path("runs") / f"tune-{options.model.stem}"
    return tune(options.model, _data(options), out, options.settings, options.clips)


def _false_alarms(options: argparse.Namespace) -> int:
    from trainer.falsealarms import count_false_alarms, count_own_false_alarms  # noqa: PLC0415

    out = _folder(options, f"false-alarms-{options.model.stem}" + ("-own" if options.sounds else ""))
    if options.sounds:
        return count_own_false_alarms(options.model, options.sounds, out)
    return count_false_alarms(options.model, _data(options), out)


def _export(options: argparse.Namespace) -> int:
    from trainer.everyone import export_everyone, is_everyones  # noqa: PLC0415
    from trainer.export import export_folder, export_run  # noqa: PLC0415

    export = export_everyone if is_everyones(options.run) else export_run
    out = options.out or export_folder(options.run, by_gender=options.by_gender)
    return export(options.run, _data(options), out, options.models, by_gender=options.by_gender)


if __name__ == "__main__":
    sys.exit(main())

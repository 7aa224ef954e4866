"""Verbs of `ser-train`; argparse only, the work is done elsewhere and imported when its verb is called."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import MissingDependencyError, MonitorError, NoInputError

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
    corpora = _verb(
        verbs, "corpora", "what is found of the corpora: clips, speakers, licences, what is missing", _corpora
    )
    del corpora
    train = _verb(verbs, "train", "train a recipe; interrupted, the same command goes on", _train)
    train.add_argument("recipe", help="name of a recipe that comes with the trainer, or a .toml file")
    evaluate = _verb(
        verbs, "evaluate", "judge a model file on speakers it never heard, through the daemon's own path", _evaluate
    )
    evaluate.add_argument("model", type=Path, help="a .tflite made by ser-train export")
    evaluate.add_argument(
        "--speakers",
        choices=("test", "validation"),
        default="test",
        help="whose clips (default: test); choose between models by the validation speakers",
    )
    evaluate.add_argument("--network", type=Path, help="the .keras it was made from, for parity (default: beside it)")
    export = _verb(verbs, "export", "make the model file of a run, in the form that runs best, and judge it", _export)
    export.add_argument("run", type=Path, help="folder of a finished run, e.g. runs/emotion")
    export.add_argument(
        "--models", type=Path, default=Path("models"), help="where model file and card go (default: models)"
    )
    return parser


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


def _corpora(options: argparse.Namespace) -> int:
    from trainer.report import report_corpora  # noqa: PLC0415

    return report_corpora(_data(options), options.out)


def _train(options: argparse.Namespace) -> int:
    from trainer.experiment import train_recipe  # noqa: PLC0415
    from trainer.recipe import read_recipe, recipe_path  # noqa: PLC0415

    recipe = read_recipe(recipe_path(options.recipe))
    return train_recipe(recipe, _data(options), options.out or Path("runs") / recipe.name)


def _evaluate(options: argparse.Namespace) -> int:
    from trainer.evaluation import evaluate_file  # noqa: PLC0415

    out = options.out or Path("runs") / f"evaluate-{options.model.stem}"
    return evaluate_file(options.model, options.network, _data(options), out, options.speakers)


def _export(options: argparse.Namespace) -> int:
    from trainer.export import export_run  # noqa: PLC0415

    return export_run(options.run, _data(options), options.out or options.run / "export", options.models)


if __name__ == "__main__":
    sys.exit(main())

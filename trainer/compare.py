"""Systems side by side: what was stated, what its own protocol gives here, and what is left when speakers are new."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from trainer.cliprecipe import ClipRecipe
from trainer.crossval import Places, crossval, present
from trainer.labels import label_scheme
from trainer.protocols import RAVDESS
from trainer.recipefile import find_recipes
from trainer.runs import versions, write_json
from trainer.tables import percent, table
from trainer.trials import check_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainer.recipefile import AnyRecipe

SYSTEMS = ("gender-emotion-10", "gender-emotion-14", "resnet18-mel", "crema-mlp", "classical", "egemaps-svm")
"""The earlier projects' recipes, and the feature set that research compares itself with."""
RESULT = "compare.json"
RANDOM, RANDOM_WINDOWS = "random", "random-windows"
METRIC = "UAR; what was stated is WAR"
_PACKAGES = ("librosa", "python_speech_features", "scikit-learn", "tensorflow", "numpy")


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared.

    Attributes:
        names: recipes or suites; none: `SYSTEMS`.
        protocol: speaker-independent; see `trainer.protocols`.
        n_seeds: trainings of every fold.
    """

    names: Sequence[str]
    protocol: str
    n_seeds: int

    @property
    def command(self) -> str:
        """That asks it again."""
        words = ["ser-train compare", *self.names, f"--protocol {self.protocol}", f"--seeds {self.n_seeds}"]
        return " ".join([*words, "--docs docs"])


def compare(question: Question, root: Path, out: Path, docs: Path | None) -> int:
    """Run every recipe under its own protocol and under the one asked for; print the table, draw the picture.

    Args:
        question: what is compared.
        root: data directory.
        out: of all runs: `NAME/PROTOCOL` in it; `compare.json` and `compare.png` go there.
        docs: gets `earlier.md` and `earlier.svg`; None: nobody does.

    Raises:
        MonitorError: corpora are missing, or a recipe is refused.
        KeyboardInterrupt: stopped; the same call goes on.
    """
    rows = [_row(recipe, question, root, out) for recipe in find_recipes(question.names or SYSTEMS)]
    result = {
        "protocol": question.protocol,
        "systems": rows,
        "versions": versions(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "command": question.command,
    }
    write_json(out / RESULT, result)
    print("", results_table(rows), sep="\n")
    _draw(rows, out / "compare.png")
    print(f"{out / RESULT}, {out / 'compare.png'}: written")
    if docs is not None:
        docs.mkdir(parents=True, exist_ok=True)
        _draw(rows, docs / "earlier.svg")
        (docs / "earlier.md").write_text(results_page(result), encoding="utf-8")
        print(f"{docs / 'earlier.md'}, {docs / 'earlier.svg'}: written")
    return 0


def _row(recipe: AnyRecipe, question: Question, root: Path, out: Path) -> dict[str, Any]:
    """All figures of one system, JSON-ready; `own` and `independent` are results of `crossval`."""
    check_recipe(recipe)
    here, _ = present(recipe, root)
    protocol = question.protocol
    if protocol == "ravdess-5fold" and RAVDESS not in here.corpora:
        protocol = "group-5fold"
    own_protocol = recipe.own_protocol if isinstance(recipe, ClipRecipe) else RANDOM
    results = {
        name: crossval(recipe, name, range(question.n_seeds), Places(root, out / recipe.name / name))
        for name in dict.fromkeys((own_protocol, RANDOM, protocol))
    }
    headline = recipe.headline if isinstance(recipe, ClipRecipe) else None
    return {
        "name": recipe.name,
        "description": recipe.description,
        "labels": recipe.labels if isinstance(recipe.labels, str) else "custom",
        "n_labels": len(label_scheme(recipe.labels).labels),
        "headline": None if headline is None else {"value": headline.value, "metric": headline.metric},
        "own": results[own_protocol],
        "random": results[RANDOM],
        "independent": results[protocol],
    }


def results_table(rows: Sequence[dict[str, Any]]) -> str:
    """One line a system, in %."""
    head = ["system", "labels", "stated", "own protocol", "WAR", "random: WAR", "UAR"]
    head += ["new speakers: WAR", "UAR", "95 % CI", "emotion alone", "kB", "ms"]
    return table(head, [_cells(row) for row in rows])


def results_page(result: dict[str, Any]) -> str:
    """The page for people."""
    rows = result["systems"]
    sets = sorted({", ".join(row["independent"]["corpora"]) for row in rows})
    notes = _notes(rows, result["protocol"])
    results = [row[part] for row in rows for part in ("own", "random", "independent")]
    revisions = sorted({revision for one in results for revision in one["revisions"]})
    of = ", ".join(f"{name} {result['versions'][name]}" for name in _PACKAGES if name in result["versions"])
    systems = _systems(rows)
    seeds = len(rows[0]["independent"]["seeds"])
    return f"""# What earlier systems are worth on voices they never heard

Written by `{result["command"]}`; every number on this page comes from it, save the column
*stated*.

![Each system: what was stated, what its own protocol gives, and what is left with new speakers](earlier.svg)

{results_table(rows)}

{_findings(rows)}

**Stated**: what the authors of the system wrote, in %. **Own protocol**: how they divided the clips, as far as it is
known, and the WAR of our recipe so. **random**: a fifth of the clips is tested on, every speaker is on both sides
(LEAKY); under `random-windows` the test clips are the training clips (LEAKY). **New speakers**: protocol
`{result["protocol"]}`, in which nobody who is tested on was trained on; UAR is the mean over the folds, its 95 %
interval a bootstrap over the speakers of all folds. **Emotion alone**: UAR of the systems that also tell the gender,
where only the emotion counts. **kB, ms**: size of the model as trained, and median time of its answer to one clip,
features not counted, while the table was made.

A system is trained on what is left of {"; ".join(sets)} after the test speakers and those that the epoch is chosen by;
{"one training" if seeds == 1 else f"{seeds} trainings"} of each fold.

Machine: {result["machine"]}; {of}.
Trained with the revisions {", ".join(revisions)} of this repository (a trial that is finished is not run again).

What is not as published:

{notes}

## The systems

{systems}

Each is a recipe in `trainer/recipes/`; one alone is repeated with
`ser-train crossval NAME --protocol {result["protocol"]}`.
"""


def _systems(rows: Sequence[dict[str, Any]]) -> str:
    """What each is; variants of a suite, which share their words, together."""
    together: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        together.setdefault((row["labels"], row["description"]), []).append(row["name"])
    return "\n".join(f"- **{', '.join(names)}** ({labels}): {about}" for (labels, about), names in together.items())


def _notes(rows: Sequence[dict[str, Any]], protocol: str) -> str:
    """What is not as published; what holds for several systems is said once."""
    systems: dict[str, list[str]] = {}
    for row in rows:
        new = row["independent"]
        other = [f"by {new['protocol']}, as its corpora hold no RAVDESS"] if new["protocol"] != protocol else []
        for note in [*new["notes"], *other]:
            systems.setdefault(note, []).append(row["name"])
    lines = []
    for note, names in systems.items():
        whose = "" if len(names) == len(rows) else f" ({', '.join(names)})"
        lines.append(f"- {note[0].upper()}{note[1:]}{whose}.")
    return "\n".join(lines)


def _findings(rows: Sequence[dict[str, Any]]) -> str:
    """What the table says, in sentences."""
    lost = median(100 * (row["random"]["uar"] - row["independent"]["uar"]) for row in rows)
    sentences = [
        f"With speakers it never heard, the median system loses {lost:.0f} points of UAR against the leaky protocol."
    ]
    sentences += [_headline(row) for row in rows if row["headline"] is not None]
    return "\n\n".join(sentences)


def _headline(row: dict[str, Any]) -> str:
    """What became of a figure that was stated."""
    metric, own = row["headline"]["metric"], row["own"]
    if own["protocol"] == RANDOM_WINDOWS:
        so = f"{percent(own[metric])} % on the clips that it was trained on (random-windows), and "
    else:
        so = ""
    return (
        f"**{row['name']}** was stated at {percent(row['headline']['value'])} %. Our recipe reaches {so}"
        f"{percent(row['random'][metric])} % on other clips of the same speakers (random), "
        f"{percent(row['independent'][metric])} % on new speakers ({metric.upper()})."
    )


def _cells(row: dict[str, Any]) -> list[str]:
    own, new = row["own"], row["independent"]
    intervals = [figures["uar_interval"] for figures in new["seeds"].values() if figures["uar_interval"]]
    low, high = (sum(side) / len(intervals) for side in zip(*intervals, strict=True)) if intervals else (None, None)
    alone = new.get("emotion_alone")
    return [
        row["name"], str(row["n_labels"]), percent(row["headline"] and row["headline"]["value"]), own["protocol"],
        percent(own["war"]), percent(row["random"]["war"]), percent(row["random"]["uar"]),
        percent(new["war"]), percent(new["uar"]),
        "-" if low is None else f"{percent(low)}-{percent(high)}",
        percent(alone and sum(one["uar_fold_mean"] for one in alone) / len(alone)),
        f"{new['cost']['model_bytes'] / 1000:.0f}", f"{new['cost']['answer_ms']:.1f}",
    ]  # fmt: skip


def _draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    from trainer.plots import drawn  # noqa: PLC0415 - matplotlib
    from trainer.plots.style import save  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    save(drawn("comparison", systems=systems_of(rows), metric=METRIC), path)


def systems_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `compare.json` as the plot `comparison` takes them."""
    return [
        {
            "name": row["name"],
            "note": f"{row['n_labels']} labels",
            "headline": row["headline"] and row["headline"]["value"],
            "random": row["random"]["uar"],
            "independent": row["independent"]["uar"],
            "interval": next(iter(row["independent"]["seeds"].values()))["uar_interval"],
            "chance": 1 / row["n_labels"],
        }
        for row in rows
    ]

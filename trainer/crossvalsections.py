"""Sections of the page of results that cross-validations fill: the ladder on RAVDESS, and corpora never heard."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec

from trainer.crossval import RESULT
from trainer.tables import millions, percent, shares, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_CONFUSION = "confusion.png"
_PUBLISHED = (
    ("AlexNet embeddings, SVM", "pre-trained", None, 0.458),
    ("eGeMAPS functionals (openSMILE), SVM", "none", None, 0.473),
    ("CNN and LSTM", "none", None, 0.567),
    ("GResNet", "none", None, 0.597),
    ("AlexNet, fine-tuned", "pre-trained on pictures", 61e6, 0.617),
    ("ResLSTM-SA [1], mean of its runs; the best: 65.2", "none", 0.047e6, 0.623),
    ("CNN14 (PANNs), fine-tuned [2]", "AudioSet", 81e6, 0.766),
    ("wav2vec2-xlsr, fine-tuned [3]", "speech in 53 languages", 317e6, 0.818),
)
"""System, what it was trained on before, parameters, UAR: eight emotions of RAVDESS, speech, the published folds."""
_CHOSEN = (
    "Recipes are chosen by the validation speakers of these folds (`--protocol ravdess-choosing`), who are tested on "
    "in other folds: no network is judged by whom it learnt from, but the choice of the recipe knows some of them."
)
_REFERENCES = (
    "[1] Krasnoproshin & Vashkevich (2026), arXiv 2606.03359. [2] Luna-Jiménez, Griol, Callejas, Kleinlein, Montero & "
    "Fernández-Martínez (2021), Sensors 21(22), 7665; it speaks of accuracy. [3] Luna-Jiménez, Kleinlein, Griol, "
    "Callejas, Montero & Fernández-Martínez (2022), Applied Sciences 12(1), 327; of accuracy too, and the folds are of "
    "it. Rows without a number are as our sources quote them: their papers were not read."
)


def crossval_sections(runs: Path, docs: Path) -> Iterator[str]:
    """The ladder, then recipes on corpora that they never heard; confusion matrices are copied into `docs`."""
    found = [(path.parent, msgspec.json.decode(path.read_bytes())) for path in sorted(runs.glob(f"*/*/{RESULT}"))]
    ours = [(folder, one) for folder, one in found if one["cost"]["n_parameters"] is not None]
    if ladder := [(folder, one) for folder, one in ours if one["protocol"] == "ravdess-5fold"]:
        yield _ladder([one for _, one in ladder])
        yield from (_details(folder, one, docs) for folder, one in ladder)
    for folder, one in ours:
        if one["protocol"] == "leave-one-corpus-out":
            yield _elsewhere(one)
            yield _details(folder, one, docs)


def _ladder(ours: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (uar, [name, "-" if n is None else millions(n), "-", before, percent(uar), "-"])
        for name, before, n, uar in _PUBLISHED
    ]
    for one in ours:
        cost, folds = one["cost"], one["folds"]
        name = f"**`{one['recipe']}`**, {len(one['seeds'])} seeds, folds {' '.join(_number(fold) for fold in folds)}"
        spread = "" if one["uar_deviation"] is None else f" +- {percent(one['uar_deviation'])}"
        n = cost["multiply_adds"]
        sizes = [millions(cost["n_parameters"]), "not counted" if n is None else f"{n / 1e6:.1f}"]
        rows.append((one["uar"], [name, *sizes, "none", f"{percent(one['uar'])}{spread}", _interval(_seeds(one))]))
    rows.sort(key=lambda row: row[0])
    head = ["system", "M parameters", "M multiply-adds a window", "trained before on", "UAR %", "95 % CI"]
    notes = sorted({note for one in ours for note in one["notes"]})
    commands = "; ".join(map(_command, ours))
    return "\n\n".join(
        [
            "## RAVDESS: eight emotions, new speakers",
            f"The published folds. UAR is the mean over folds and seeds; our rows by {commands}; others as published.",
            table(head, [row for _, row in rows]),
            _REFERENCES,
            *([f"Not as published: {'; '.join(notes)}."] if notes else []),
            _CHOSEN,
            "\n".join(map(_size, ours)),
        ]
    )


def _size(one: Mapping[str, Any]) -> str:
    """In the form that `ser-train export` ships, which has half of Keras' bytes."""
    n = one["cost"]["n_parameters"]
    return f"`{one['recipe']}` has {n:,} parameters, of two bytes each as float16: {2 * n / 1e6:.1f} MB, and the graph."


def _elsewhere(one: Mapping[str, Any]) -> str:
    """Each corpus by a model that never heard it."""
    seeds = _seeds(one)
    rows = []
    for i, name in enumerate(one["folds"]):
        folds = [of["per_fold"][str(i)] for of in seeds]
        of_corpus = [of["per_corpus"][name] for of in seeds]
        speakers = str(of_corpus[0]["speakers"])
        rows.append([name, str(folds[0]["clips"]), speakers, _mean_uar(folds), _interval(of_corpus)])
    about = (
        f"Recipe `{one['recipe']}` trained on all other corpora, once for each: smaller than what is shipped, and "
        f"trained for less long. {_command(one)}:"
    )
    head = ["corpus", "clips", "speakers", "UAR %", "95 % CI"]
    return "\n\n".join(["## A corpus that was never heard", about, table(head, rows)])


def _details(folder: Path, one: Mapping[str, Any], docs: Path) -> str:
    """By gender and by label, of all folds together, with the confusion matrix as a picture."""
    seeds = _seeds(one)
    groups = [[gender, *_group([of["per_gender"][gender] for of in seeds])] for gender in seeds[0]["per_gender"]]
    groups.append(["all", *_group(seeds)])
    recall = [[label, percent(_mean(of["recall"][label] for of in seeds))] for label in seeds[0]["labels"]]
    parts = [
        table(["of all folds together", "speakers", "clips", "UAR %", "95 % CI"], groups),
        table(["label", "recall %"], recall),
    ]
    if (folder / _CONFUSION).is_file():
        docs.mkdir(parents=True, exist_ok=True)
        picture = docs / f"{one['recipe']}-{_CONFUSION}"
        shutil.copyfile(folder / _CONFUSION, picture)
        several = f", first of {len(seeds)} seeds" if len(seeds) > 1 else ""
        parts.append(f"![What was taken for what, `{one['recipe']}`{several}]({picture.name})")
        if several:
            parts.append(f"The picture is of the first of {len(seeds)} seeds; the tables are means over them.")
    return "\n\n".join(parts)


def _group(of_seeds: Sequence[Mapping[str, Any]]) -> list[str]:
    first = of_seeds[0]
    return [str(first["speakers"]), str(first["clips"]), _mean_uar(of_seeds), _interval(of_seeds)]


def _command(one: Mapping[str, Any]) -> str:
    return (
        f"`ser-train crossval {one['recipe']} --protocol {one['protocol']} --seeds {len(one['seeds'])}` "
        f"(revisions {' '.join(one['revisions'])})"
    )


def _seeds(one: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(one["seeds"].values())


def _mean_uar(of_seeds: Sequence[Mapping[str, Any]]) -> str:
    return percent(_mean(one["uar"] for one in of_seeds))


def _interval(of_seeds: Sequence[Mapping[str, Any]]) -> str:
    """Mean of the seeds' limits."""
    intervals = [one["uar_interval"] for one in of_seeds if one["uar_interval"]]
    return shares([_mean(side) for side in zip(*intervals, strict=True)]) if intervals else "-"


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return float(sum(listed) / len(listed))


def _number(fold: str) -> str:
    return fold.removeprefix("fold ").removeprefix("fold-")

"""Protocols: how clips are divided for an experiment. Only one of them lets a speaker stand on both sides, and says so.

Every protocol turns the clips of a recipe into folds; a fold has clips to train on, to choose by, and to be judged on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.errors import ConfigError, NoInputError
from trainer.splits import Splits, split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainer.corpora import Utterance
    from trainer.recipe import CorpusUse

RAVDESS = "RAVDESS"
RAVDESS_TEST = (
    ("02", "05", "14", "15", "16"),
    ("03", "06", "07", "13", "18"),
    ("10", "11", "12", "19", "20"),
    ("08", "17", "21", "23", "24"),
    ("01", "04", "09", "22"),
)
"""Actors that are tested on in each fold of the published protocol for RAVDESS; see Luna-Jiménez et al. (2022), A
proposal for multimodal emotion recognition using aural transformers and action units on RAVDESS dataset, Applied
Sciences 12(1), 327."""
RAVDESS_VALIDATION = (("03", "06"), ("10", "11"), ("08", "17"), ("01", "14"), ("02", "05"))
_N_FOLDS = 5
_N_PARTS = 3
"""Of a fold: training, validation, test."""
_RANDOM_TEST = 0.2
_RANDOM_VALIDATION = 0.125


@dataclass(frozen=True, slots=True)
class Fold:
    """One division of the clips."""

    name: str
    splits: Splits

    @property
    def folder(self) -> str:
        """The name, fit for a folder."""
        return self.name.replace("/", "_")


@dataclass(frozen=True, slots=True)
class Protocol:
    """All divisions of an experiment."""

    name: str
    leak: str
    """What stands on both sides, in a few words; empty where no speaker does."""
    folds: tuple[Fold, ...]
    notes: tuple[str, ...]
    """What is not as published, because clips are not here."""

    @property
    def caption(self) -> str:
        """The name as every output shows it: who reads a figure must see what it is worth."""
        return f"{self.name} (LEAKY: {self.leak})" if self.leak else f"{self.name} (speaker-independent)"


@dataclass(frozen=True, slots=True)
class Clips:
    """What is to be divided."""

    utterances: Sequence[Utterance]
    labels: Sequence[str]
    """Of each utterance; folds are stratified by them where speakers allow."""
    uses: Mapping[str, CorpusUse]
    seed: int

    def of(self, numbers: Sequence[int]) -> tuple[Utterance, ...]:
        """The utterances of these numbers, in their order."""
        return tuple(self.utterances[i] for i in sorted(numbers))


def holdout(clips: Clips) -> tuple[list[Fold], list[str]]:
    """The speakers that the recipe names; where it names none, a fifth of all, and a fifth to choose by."""
    if not any(use.test for use in clips.uses.values()):
        n_groups = max(min(_N_FOLDS, len({utterance.person for utterance in clips.utterances})), _N_PARTS)
        return [Fold("holdout", _grouped(clips, n_groups)[0].splits)], []
    here = _speakers(clips)
    notes = [
        f"{corpus}: speakers {' '.join(absent)}, whom the recipe holds out, are not here"
        for corpus, use in clips.uses.items()
        if (absent := [name for name in (*use.test, *use.validation) if name not in here.get(corpus, ())])
    ]
    return [Fold("holdout", split(clips.utterances, clips.uses))], notes


def leave_one_speaker_out(clips: Clips) -> tuple[list[Fold], list[str]]:
    """Each speaker once; chosen by the next speaker of the same corpus, where there are three or more."""
    folds = []
    speakers = _speakers(clips)
    for corpus, names in speakers.items():
        for i, name in enumerate(names):
            following = {names[(i + 1) % len(names)]} if len(names) >= _N_PARTS else set()
            chosen_by = {(corpus, other) for other in following}
            folds.append(_fold(f"{corpus}-{name}", clips, {(corpus, name)}, chosen_by))
    return folds, []


def group_5fold(clips: Clips) -> tuple[list[Fold], list[str]]:
    """Five groups of speakers with labels in like shares; chosen by the next group."""
    return _grouped(clips, _N_FOLDS), []


def ravdess_5fold(clips: Clips) -> tuple[list[Fold], list[str]]:
    """The published folds of actors; other corpora of the recipe are trained on. Folds without an actor are left out.

    Raises:
        NoInputError: no clip of RAVDESS is here.
    """
    here = set(_speakers(clips).get(RAVDESS, ()))
    folds, notes = [], []
    for i, (test, validation) in enumerate(zip(RAVDESS_TEST, RAVDESS_VALIDATION, strict=True)):
        missing = sorted({*test, *validation} - here)
        if not here & set(test) or not here & set(validation):
            notes.append(f"fold {i + 1} left out: actors {' '.join(missing)} are not here")
            continue
        if missing:
            notes.append(f"fold {i + 1} without actors {' '.join(missing)}, who are not here")
        folds.append(_fold(f"fold-{i + 1}", clips, _of_ravdess(test), _of_ravdess(validation)))
    if not folds:
        raise NoInputError("no fold of ravdess-5fold can be run: wanted RAVDESS among the recipe's corpora, and here")
    return folds, notes


def ravdess_choosing(clips: Clips) -> tuple[list[Fold], list[str]]:
    """The published folds, each judged by its validation actors; so recipes can be chosen without a look at the test.

    Raises:
        NoInputError: as in `ravdess_5fold`.
    """
    folds, notes = ravdess_5fold(clips)
    return [Fold(fold.name, replace(fold.splits, test=fold.splits.validation)) for fold in folds], notes


def leave_one_corpus_out(clips: Clips) -> tuple[list[Fold], list[str]]:
    """Each corpus once; chosen by the recipe's validation speakers of the others, or the last speaker of each.

    Raises:
        ConfigError: there are not two.
    """
    speakers = _speakers(clips)
    if len(speakers) < 2:  # noqa: PLR2004 - one to train on, one to test on
        raise ConfigError(f"corpora: found {', '.join(speakers)}, wanted two or more to leave one out; name another")
    folds = []
    for corpus, names in speakers.items():
        chosen_by = {
            (other, name)
            for other in speakers
            if other != corpus
            for name in clips.uses[other].validation or (speakers[other][-1:] if len(speakers[other]) > 1 else ())
        }
        folds.append(_fold(corpus, clips, {(corpus, name) for name in names}, chosen_by))
    return folds, []


def random_clips(clips: Clips) -> tuple[list[Fold], list[str]]:
    """One fifth of the clips, whoever speaks: what most figures in circulation were measured by."""
    rest, test = _drawn(clips, range(len(clips.utterances)), _RANDOM_TEST)
    train, validation = _drawn(clips, rest, _RANDOM_VALIDATION)
    return [Fold("random", Splits(clips.of(train), clips.of(validation), clips.of(test)))], []


def random_windows(clips: Clips) -> tuple[list[Fold], list[str]]:
    """Every clip is trained on, by windows at random places, and judged by windows at half overlap.

    What a test set is whose windows were drawn from the same clips as those of training: it measures how well clips are
    learnt by heart.
    """
    everything = tuple(clips.utterances)
    folds, _ = random_clips(clips)
    return [Fold("random-windows", Splits(everything, folds[0].splits.validation, everything))], []


PROTOCOLS: Mapping[str, tuple[Callable[[Clips], tuple[list[Fold], list[str]]], str]] = {
    "holdout": (holdout, ""),
    "loso": (leave_one_speaker_out, ""),
    "group-5fold": (group_5fold, ""),
    "ravdess-5fold": (ravdess_5fold, ""),
    "ravdess-choosing": (ravdess_choosing, "judged by the speakers that recipes are chosen by"),
    "leave-one-corpus-out": (leave_one_corpus_out, ""),
    "random": (random_clips, "every speaker is on both sides"),
    "random-windows": (random_windows, "the test clips are the training clips"),
}
"""Name to the function that divides, and what leaks."""


def divide(name: str, clips: Clips) -> Protocol:
    """The folds of protocol `name`; no speaker stands on both sides of any, unless the protocol says so.

    Raises:
        ConfigError: the protocol is unknown, or the recipe contradicts it.
        NoInputError: clips that it needs are not here.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"protocol '{name}' is unknown; known: {', '.join(PROTOCOLS)}")
    if not clips.utterances:
        raise NoInputError("no clip with a label of the recipe is here; see ser-train corpora")
    function, leak = PROTOCOLS[name]
    folds, notes = function(clips)
    for fold in folds:
        if not leak:
            fold.splits.prove()
        if not fold.splits.train or not fold.splits.test:
            raise NoInputError(f"{name}, {fold.name}: nothing to train or to test on; wanted more speakers")
    return Protocol(name, leak, tuple(folds), tuple(notes))


def refitted(protocol: Protocol) -> Protocol:
    """The same tests with more to train on: whom a recipe was chosen by is no longer needed for that.

    Raises:
        ConfigError: the protocol tests those, or others that are trained on.
    """
    if protocol.leak:
        raise ConfigError(
            f"training.refit: {protocol.caption} tests whom it chooses by or trains on; wanted a speaker-independent "
            "protocol, or training.refit = false"
        )
    folds = tuple(
        replace(fold, splits=Splits((*fold.splits.train, *fold.splits.validation), (), fold.splits.test))
        for fold in protocol.folds
    )
    for fold in folds:
        fold.splits.prove()
    return replace(protocol, folds=folds, notes=(*protocol.notes, "the speakers to choose by are trained on too"))


def _drawn(clips: Clips, numbers: Sequence[int], share: float) -> tuple[list[int], list[int]]:
    """Numbers of clips without and with `share` of them, by label where there are enough of each."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 - heavy

    labels = [clips.labels[i] for i in numbers]
    n_drawn = round(share * len(numbers))
    enough = min(Counter(labels).values()) > 1 and min(n_drawn, len(numbers) - n_drawn) >= len(set(labels))
    rest, drawn = train_test_split(
        list(numbers), test_size=max(n_drawn, 1), random_state=clips.seed, stratify=labels if enough else None
    )
    return rest, drawn


def _grouped(clips: Clips, n_groups: int) -> list[Fold]:
    """Each of `n_groups` groups of speakers once.

    Raises:
        NoInputError: there are fewer speakers.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - heavy

    people = ["/".join(utterance.person) for utterance in clips.utterances]
    n_people = len(set(people))
    if n_people < n_groups:
        raise NoInputError(f"{n_people} speakers are here, wanted {n_groups} or more; take another protocol")
    divider = StratifiedGroupKFold(n_groups, shuffle=True, random_state=clips.seed)
    groups = [
        {(clips.utterances[i].corpus, clips.utterances[i].speaker) for i in numbers}
        for _, numbers in divider.split(clips.utterances, clips.labels, people)
    ]
    return [_fold(f"fold-{i + 1}", clips, groups[i], groups[(i + 1) % n_groups]) for i in range(n_groups)]


def _of_ravdess(actors: Sequence[str]) -> set[tuple[str, str]]:
    return {(RAVDESS, actor) for actor in actors}


def _speakers(clips: Clips) -> dict[str, list[str]]:
    """Corpus to its speakers, sorted."""
    speakers: dict[str, set[str]] = {}
    for utterance in clips.utterances:
        speakers.setdefault(utterance.corpus, set()).add(utterance.speaker)
    return {corpus: sorted(names) for corpus, names in speakers.items()}


def _fold(name: str, clips: Clips, test: set[tuple[str, str]], validation: set[tuple[str, str]]) -> Fold:
    """Clips of the (corpus, speaker) in `test` and `validation`, and the rest but for other clips of these people."""
    parts: dict[str, list[Utterance]] = {"train": [], "validation": [], "test": []}
    tested, chosen_by = _people(clips, test), _people(clips, validation)
    for utterance in clips.utterances:
        key = utterance.corpus, utterance.speaker
        if key in test:
            parts["test"].append(utterance)
        elif key in validation and utterance.person not in tested:
            parts["validation"].append(utterance)
        elif utterance.person not in tested | chosen_by:
            parts["train"].append(utterance)
    return Fold(name, Splits(tuple(parts["train"]), tuple(parts["validation"]), tuple(parts["test"])))


def _people(clips: Clips, keys: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Who the (corpus, speaker) are, over corpora."""
    return {utterance.person for utterance in clips.utterances if (utterance.corpus, utterance.speaker) in keys}

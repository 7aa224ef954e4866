"""Speaker-independent splits: who is trained on, who the recipe is chosen by, who is only tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trainer.corpora import Utterance
    from trainer.recipe import CorpusUse


@dataclass(frozen=True, slots=True)
class Splits:
    """Utterances by their use; no speaker is in two of them."""

    train: tuple[Utterance, ...]
    validation: tuple[Utterance, ...]
    test: tuple[Utterance, ...]

    def speakers(self) -> dict[str, dict[str, list[str]]]:
        """Corpus to split to sorted speakers, as the model card lists them."""
        table: dict[str, dict[str, list[str]]] = {}
        for name, part in self._parts():
            for corpus, speaker in sorted(speaker_keys(part)):
                table.setdefault(corpus, {}).setdefault(name, []).append(speaker)
        return table

    def prove(self) -> None:
        """Show that no speaker crosses.

        Raises:
            ConfigError: naming the speakers that are in two splits.
        """
        owner: dict[tuple[str, str], str] = {}
        for name, part in self._parts():
            for person in sorted({utterance.person for utterance in part}):
                if owner.setdefault(person, name) != name:
                    raise ConfigError(
                        f"speaker {person[1]} of {person[0]} is in {owner[person]} and {name}; wanted in one of them"
                    )

    def _parts(self) -> tuple[tuple[str, tuple[Utterance, ...]], ...]:
        return (("train", self.train), ("validation", self.validation), ("test", self.test))


def speaker_keys(utterances: Iterable[Utterance]) -> set[tuple[str, str]]:
    """(corpus, speaker) of every utterance."""
    return {(utterance.corpus, utterance.speaker) for utterance in utterances}


def split(utterances: Iterable[Utterance], uses: Mapping[str, CorpusUse]) -> Splits:
    """Divide utterances as the recipe says: who is in no list of speakers is trained on.

    Args:
        utterances: of any corpora.
        uses: corpus to its held-out speakers; corpora without an entry are left out.

    Raises:
        ConfigError: a speaker is named for two splits.
    """
    parts: dict[str, list[Utterance]] = {"train": [], "validation": [], "test": []}
    for corpus, use in uses.items():
        if crossing := set(use.test) & set(use.validation):
            names = ", ".join(sorted(crossing))
            raise ConfigError(f"{corpus}: speakers {names} are both test and validation; wanted one of them")
    for utterance in utterances:
        if utterance.corpus in uses and utterance.speaker not in uses[utterance.corpus].left_out:
            parts[_part_of(utterance.speaker, uses[utterance.corpus])].append(utterance)
    splits = Splits(tuple(parts["train"]), tuple(parts["validation"]), tuple(parts["test"]))
    splits.prove()
    return splits


def _part_of(speaker: str, use: CorpusUse) -> str:
    if speaker in use.test:
        return "test"
    return "validation" if speaker in use.validation else "train"

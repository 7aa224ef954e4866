"""What is found of the corpora, for people."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from monitor.errors import ConfigError, NoInputError
from trainer.corpora import CORPORA, find, own_corpora
from trainer.runs import write_json
from trainer.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from trainer.corpora import Holding


_N_EXAMPLES = 3
"""Files that are named of each kind of trouble; `corpora.json` names all."""


def report_corpora(root: Path, out: Path | None) -> int:
    """Print counts, emotions, licences, what is missing, double or damaged; with `out`, also `corpora.json` there.

    Raises:
        NoInputError: no corpus at all is below `root`.
    """
    names = [*CORPORA, *own_corpora(root)]
    holdings = [holding for name in names if (holding := _held(name, root)) is not None]
    if not holdings:
        raise NoInputError(f"{root}: none of {', '.join(names)} is here; get one or name --data")
    head = ["corpus", "language", "clips", "published", "missing", "speakers", "published", "licence"]
    print(table(head, [_row(holding) for holding in holdings]))
    for holding in holdings:
        _detail(holding)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "corpora.json", [_record(holding) for holding in holdings])
    return 0


def _held(name: str, root: Path) -> Holding | None:
    try:
        return find(name, root)
    except NoInputError as error:
        print(f"missing: {error}", file=sys.stderr)
    except ConfigError as error:
        # One corpus that needs correcting does not hide the others.
        print(f"refused: {error}", file=sys.stderr)
    return None


def _row(holding: Holding) -> list[str]:
    card = holding.card
    counts = [str(len(holding.utterances)), _published(card.n_clips), str(holding.n_missing)]
    speakers = [str(len(holding.speakers)), _published(card.n_speakers)]
    return [card.name, card.language, *counts, *speakers, card.licence]


def _published(count: int) -> str:
    return str(count) if count else "-"


def _detail(holding: Holding) -> None:
    card = holding.card
    print(f"\n{card.name}: {card.about}; {card.url}")
    print(f"  files: {card.files}")
    print(f"  speakers: {' '.join(holding.speakers)}")
    print(f"  emotions: {_counts(utterance.emotion for utterance in holding.utterances)}")
    print(f"  genders: {_counts(utterance.gender or 'not known' for utterance in holding.utterances)}")
    if holding.n_missing:
        published = f" of {card.n_clips} published clips" if card.n_clips else " listed clips"
        print(f"  missing: {holding.n_missing}{published}{_examples(path.name for path in holding.absent)}")
    doubles = [f"{left_out.name}, the same clip as {first.name}" for left_out, first in holding.duplicates]
    _trouble("left out", doubles)
    _trouble("cannot be opened", [f"{path.name}, {fault}" for path, fault in holding.undecodable])
    if holding.strangers:
        first_name = holding.strangers[0].name
        print(f"  passed over: {len(holding.strangers)} files not named as in the corpus, e.g. {first_name}")
    print(f"  cite: {card.citation}")


def _counts(words: Iterable[str]) -> str:
    return ", ".join(f"{word} {n}" for word, n in Counter(words).most_common())


def _trouble(what: str, lines: Sequence[str]) -> None:
    for line in lines[:_N_EXAMPLES]:
        print(f"  {what}: {line}")
    if len(lines) > _N_EXAMPLES:
        print(f"  {what}: {len(lines) - _N_EXAMPLES} more")


def _examples(names: Iterable[str]) -> str:
    first = list(islice(names, _N_EXAMPLES))
    return f", e.g. {', '.join(first)}" if first else ""


def _record(holding: Holding) -> dict[str, Any]:
    return {
        "corpus": holding.card,
        "clips": len(holding.utterances),
        "missing": holding.n_missing,
        "speakers": holding.speakers,
        "emotions": Counter(utterance.emotion for utterance in holding.utterances),
        "genders": Counter(utterance.gender for utterance in holding.utterances),
        "absent": [path.name for path in holding.absent],
        "duplicates": [left_out.name for left_out, _ in holding.duplicates],
        "undecodable": {path.name: fault for path, fault in holding.undecodable},
        "strangers": [path.name for path in holding.strangers],
    }

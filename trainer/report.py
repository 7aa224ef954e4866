"""What is found of the corpora, for people."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from monitor.errors import NoInputError
from trainer.corpora import CORPORA, find
from trainer.runs import write_json
from trainer.tables import table

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.corpora import Holding


def report_corpora(root: Path, out: Path | None) -> int:
    """Print counts, emotions, licences, what is missing and what is double; with `out`, also `corpora.json` there.

    Raises:
        NoInputError: no corpus at all is below `root`.
    """
    holdings = [holding for name in CORPORA if (holding := _held(name, root)) is not None]
    if not holdings:
        raise NoInputError(f"{root}: none of {', '.join(CORPORA)} is here; get one or name --data")
    head = ["corpus", "language", "clips", "published", "speakers", "published", "licence"]
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
        return None


def _row(holding: Holding) -> list[str]:
    card = holding.card
    counts = [len(holding.utterances), card.n_clips, len(holding.speakers), card.n_speakers]
    return [card.name, card.language, *map(str, counts), card.licence]


def _detail(holding: Holding) -> None:
    emotions = Counter(utterance.emotion for utterance in holding.utterances)
    print(f"\n{holding.card.name}: {holding.card.about}; {holding.card.url}")
    print(f"  speakers: {' '.join(holding.speakers)}")
    print("  emotions: " + ", ".join(f"{emotion} {n}" for emotion, n in emotions.most_common()))
    for left_out, first in holding.duplicates:
        print(f"  left out: {left_out.name}, the same bytes as {first.name}")
    if holding.strangers:
        first_name = holding.strangers[0].name
        print(f"  passed over: {len(holding.strangers)} files not named as in the corpus, e.g. {first_name}")
    print(f"  cite: {holding.card.citation}")


def _record(holding: Holding) -> dict[str, Any]:
    return {
        "corpus": holding.card,
        "clips": len(holding.utterances),
        "speakers": holding.speakers,
        "emotions": Counter(utterance.emotion for utterance in holding.utterances),
        "duplicates": [left_out.name for left_out, _ in holding.duplicates],
        "strangers": [path.name for path in holding.strangers],
    }

"""What a model's card for people says beyond its evaluation: the model live, and its like on other people and corpora.

The texts are those of the page of results, so that both say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.evaluation import HELD_OUT
from trainer.modelcard import card_path
from trainer.pagesections import moved, replaced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KINDRED = {
    "A corpus": (
        "Corpora that were never heard",
        "One network of this kind, trained on all other corpora: expect this of a voice and a language of your own.",
    ),
    "RAVDESS": ("Beside published systems", "A committee of this kind with eight labels, trained on RAVDESS alone."),
}
"""How a section of the page begins, to its heading in a card and what is said first."""


def complete_cards(name: str, page: Mapping[str, str], models: Path, docs: Path) -> None:
    """Put what the page of results knows into the cards of the model `name` and of its sibling.

    Args:
        name: of the model.
        page: heading to section.
        models: folder of the model files, next to `docs`.
        docs: folder of the page and its pictures.
    """
    places = (models, f"../{docs.name}"), (models / HELD_OUT, f"../../{docs.name}")
    for folder, way in places:
        path = card_path(folder / f"{name}.tflite")
        if path.is_file():
            new = {heading: moved(text, way) for heading, text in _sections(name, page)}
            path.write_text(replaced(path.read_text(encoding="utf-8"), new), encoding="utf-8")
            print(f"{path}: completed")


def _sections(name: str, page: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if live := page.get(f"`{name}` as a stream"):
        yield "As a stream", _renamed(live, "As a stream", "")
    for begin, (heading, about) in _KINDRED.items():
        found = next((text for of, text in page.items() if of.startswith(begin)), None)
        if found:
            yield heading, _renamed(found, heading, about)


def _renamed(section: str, heading: str, about: str) -> str:
    _, _, text = section.partition("\n")
    return "\n\n".join(part for part in (f"## {heading}", about, text.strip()) if part)

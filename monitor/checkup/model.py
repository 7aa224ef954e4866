"""Is the model whole, and does it run here as it did where it was made?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.assembly import load_model, model_path
from monitor.checkup import chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.checkup import Finding, Outcome
    from monitor.config import Settings


def check_model(settings: Settings) -> Iterator[Finding]:
    """One step: all that a start does with the model."""
    return chain([("model", lambda: _load(settings))])


def _load(settings: Settings) -> Outcome:
    model = load_model(settings)
    return "ok", f"{model.identity}: hash, card, shapes and probe agree ({model_path(settings)})"

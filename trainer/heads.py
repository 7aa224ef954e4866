"""The heads of a network: emotion, and beside it the speaker's gender and where in the window somebody speaks.

All heads of a member lie side by side in one tensor, and so do the targets of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer.labels import GENDERS, label_scheme

if TYPE_CHECKING:
    from trainer.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Heads:
    """How many columns each head has; a head that is not there has none."""

    n_labels: int
    non_speech: bool
    """Whether one more column, behind the labels, stands for no speech."""
    n_genders: int
    activity: bool
    """Whether all further columns are speech activity: one for each time step of the network, or frame of a target."""

    @staticmethod
    def of(recipe: Recipe) -> Heads:
        """Those that `recipe` trains."""
        return Heads(
            len(label_scheme(recipe.labels).labels),
            recipe.non_speech is not None,
            len(GENDERS) if recipe.tasks.gender else 0,
            bool(recipe.tasks.speech_activity),
        )

    @property
    def n_outputs(self) -> int:
        """Labels, and no speech where the recipe has it."""
        return self.n_labels + self.non_speech

    def split(self, values: Any) -> tuple[Any, Any, Any]:
        """Logits or targets, (..., columns), to those of emotion, gender and speech activity."""
        of_gender = self.n_outputs + self.n_genders
        return values[..., : self.n_outputs], values[..., self.n_outputs : of_gender], values[..., of_gender:]

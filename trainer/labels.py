"""The emotion vocabulary, the label schemes, and where emotions lie in valence and arousal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

VOCABULARY = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise", "boredom")
"""Every corpus maps its own codes to these words."""

AFFECT: Mapping[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "happy": (0.81, 0.51),
    "sad": (-0.63, -0.27),
    "angry": (-0.51, 0.59),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
    "surprise": (0.40, 0.67),
}
"""(valence, arousal), each -1 to 1: mean ratings of the emotion words happy, sad, angry, fearful, disgusted, surprised.

From Russell, J. A. & Mehrabian, A. (1977). Evidence for a three-factor theory of emotions. Journal of Research in
Personality, 11(3), 273-294. Neutral is the origin by definition.
"""
AFFECT_CITATION = (
    "Russell & Mehrabian (1977), Evidence for a three-factor theory of emotions, J. Res. Pers. 11, 273-294"
)


@dataclass(frozen=True, slots=True)
class LabelScheme:
    """Which labels a model has and which emotion becomes which label."""

    name: str
    labels: tuple[str, ...]
    """In the order of the posteriors."""
    renamed: Mapping[str, str]
    """Emotions that count as another label."""

    def label_of(self, emotion: str) -> str | None:
        """The label of an emotion of the vocabulary, or None where the scheme leaves it out."""
        label = self.renamed.get(emotion, emotion)
        return label if label in self.labels else None

    def affect(self) -> dict[str, tuple[float, float]]:
        """Label to (valence, arousal), each -1 to 1, where the table knows it."""
        return {label: AFFECT[label] for label in self.labels if label in AFFECT}


SCHEMES = {
    "emotion-7": LabelScheme(
        "emotion-7",
        ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise"),
        # Listeners confuse calm with neutral most, and only RAVDESS has it.
        {"calm": "neutral"},
    ),
}


def label_scheme(name: str) -> LabelScheme:
    """The scheme called `name`.

    Raises:
        ConfigError: there is none.
    """
    if name not in SCHEMES:
        raise ConfigError(f"label scheme '{name}' is unknown; known: {', '.join(SCHEMES)}")
    return SCHEMES[name]

"""The emotion vocabulary, the label schemes, and where emotions lie in valence and arousal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trainer.corpora import Utterance

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

GENDERS = {"f": "female", "m": "male"}
"""A corpus' letter to the word in front of an emotion, as in `female angry`."""
NO_GENDER = "gender not known"
"""A reason of `unlabelled`."""


@dataclass(frozen=True, slots=True)
class LabelScheme:
    """Which labels a model has and which emotion becomes which label."""

    name: str
    labels: tuple[str, ...]
    """In the order of the posteriors."""
    label_by: Mapping[str, str]
    """An emotion, or a gender and an emotion (`female angry`), to its label; what is not here is left out."""

    def label_of(self, emotion: str, gender: str = "") -> str | None:
        """The label of an emotion of the vocabulary, or None where the scheme leaves it out.

        Args:
            emotion: a word of `VOCABULARY`.
            gender: f, m, or empty where it is not known: emotions that only have labels by gender are left out then.
        """
        word = f"{GENDERS[gender]} {emotion}" if gender in GENDERS else emotion
        return self.label_by.get(word, self.label_by.get(emotion))

    def affect(self) -> dict[str, tuple[float, float]]:
        """Label to (valence, arousal), each -1 to 1, where exactly one of its emotions is in the table."""
        found: dict[str, set[tuple[float, float]]] = {label: set() for label in self.labels}
        for word, label in self.label_by.items():
            emotion = word.rpartition(" ")[2]
            if emotion in AFFECT:
                found[label].add(AFFECT[emotion])
        return {label: next(iter(places)) for label, places in found.items() if len(places) == 1}


def label_scheme(labels: str | Mapping[str, str]) -> LabelScheme:
    """The scheme called `labels`, or one's own: emotion (`angry`, or by gender `female angry`) to label.

    The labels of one's own scheme come in the order in which they first appear; emotions that it does not name are
    left out; an entry with a gender comes before one without.

    Raises:
        ConfigError: there is no such scheme, or one's own has fewer than two labels, an empty one, or a word that is
            not of the vocabulary.
    """
    if isinstance(labels, str):
        if labels not in SCHEMES:
            raise ConfigError(
                f"label scheme '{labels}' is unknown; known: {', '.join(SCHEMES)}; wanted one of them, or a table of "
                "emotions and their labels"
            )
        return SCHEMES[labels]
    return _own_scheme(labels)


def unlabelled(utterances: Iterable[Utterance], scheme: LabelScheme) -> Counter[str]:
    """How many of `utterances` the scheme leaves out, by the reason, for people."""
    reasons: Counter[str] = Counter()
    for utterance in utterances:
        if scheme.label_of(utterance.emotion, utterance.gender) is not None:
            continue
        by_gender = any(scheme.label_of(utterance.emotion, gender) is not None for gender in GENDERS)
        reasons[NO_GENDER if by_gender and not utterance.gender else f"no label for {utterance.emotion}"] += 1
    return reasons


def name_by_gender(labels: str | Mapping[str, str]) -> str:
    """Name of the scheme that has each label of the scheme `labels` for women and for men.

    Raises:
        ConfigError: there is none.
    """
    wanted = _by_gender("", label_scheme(labels)).labels
    found = next((name for name, scheme in SCHEMES.items() if scheme.labels == wanted), None)
    if found is None:
        known = ", ".join(name for name, scheme in SCHEMES.items() if scheme.labels[0].startswith("female_"))
        raise ConfigError(f"no label scheme has the labels {', '.join(wanted)}; there are {known}")
    return found


def _own_scheme(label_by: Mapping[str, str]) -> LabelScheme:
    known = {*VOCABULARY, *(f"{gender} {emotion}" for gender in GENDERS.values() for emotion in VOCABULARY)}
    for word, label in label_by.items():
        if word not in known:
            raise ConfigError(
                f"labels: '{word}' is no emotion; wanted one of {', '.join(VOCABULARY)}, "
                "also with female or male in front"
            )
        if not label.strip() or label != label.strip():
            raise ConfigError(f"labels: '{word}' has the label '{label}'; wanted a word without spaces around it")
    labels = tuple(dict.fromkeys(label_by.values()))
    if len(labels) < 2:  # noqa: PLR2004 - the fewest that can be told apart
        raise ConfigError(f"labels: found {len(labels)} ({', '.join(labels)}); wanted two or more; add emotions")
    return LabelScheme("custom", labels, dict(label_by))


def _scheme(name: str, *emotions: str, **others: str) -> LabelScheme:
    """Labels that are the emotions' own words; `others` are emotions that count as one of them."""
    return LabelScheme(name, emotions, {emotion: emotion for emotion in emotions} | others)


def _by_gender(name: str, plain: LabelScheme) -> LabelScheme:
    """Each label of `plain` for women and for men: `female_angry`, `male_angry`."""
    labels = tuple(f"{gender}_{label}" for gender in GENDERS.values() for label in plain.labels)
    label_by = {
        f"{gender} {emotion}": f"{gender}_{label}"
        for gender in GENDERS.values()
        for emotion, label in plain.label_by.items()
    }
    return LabelScheme(name, labels, label_by)


# Listeners confuse calm with neutral most, and only RAVDESS has it.
_EMOTION_7 = _scheme("emotion-7", "neutral", "happy", "sad", "angry", "fear", "disgust", "surprise", calm="neutral")
_RAVDESS_8 = _scheme("ravdess-8", "neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
# Valence by the sign in AFFECT. Surprise can be of either kind; here it is positive, as that table rates the word
# (+0.40), and as TESS has it (pleasant surprise). Boredom is not in the table; it is unpleasant in the circumplex of
# Russell, J. A. (1980), A circumplex model of affect, J. Pers. Soc. Psych. 39(6), 1161-1178. Calm counts as neutral, as
# everywhere here.
_VALENCE_3 = {
    "angry": "negative",
    "sad": "negative",
    "fear": "negative",
    "disgust": "negative",
    "boredom": "negative",
    "neutral": "neutral",
    "calm": "neutral",
    "happy": "positive",
    "surprise": "positive",
}
# High is where AFFECT has an arousal above that of neutral; calm and boredom are low in the circumplex.
_AROUSAL_2 = {
    "neutral": "low",
    "calm": "low",
    "sad": "low",
    "boredom": "low",
    "happy": "high",
    "angry": "high",
    "fear": "high",
    "disgust": "high",
    "surprise": "high",
}

_ALL = (
    _EMOTION_7,
    _RAVDESS_8,
    _scheme("crema-6", "neutral", "happy", "sad", "angry", "fear", "disgust", calm="neutral"),
    _by_gender("gender-emotion-10", _scheme("emotion-5", "calm", "happy", "sad", "angry", "fear")),
    _by_gender("gender-emotion-14", _EMOTION_7),
    _by_gender("gender-emotion-16", _RAVDESS_8),
    LabelScheme("valence-3", ("negative", "neutral", "positive"), _VALENCE_3),
    LabelScheme("arousal-2", ("low", "high"), _AROUSAL_2),
)
SCHEMES = {scheme.name: scheme for scheme in _ALL}

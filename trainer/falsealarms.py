"""`ser-train false-alarms`: how often sounds that hold no voice make an event, by the gate alone and by the model too.

Every recording without a voice below the data directory is played, those included that a model was trained with, and
ten minutes of each artificial sound; or recordings of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.card import read_model_file
from monitor.errors import NoInputError
from monitor.model import EmotionModel
from monitor.pipeline import GateRule
from trainer.artificial import KINDS, artificial
from trainer.conversations import Scene, noise_scene
from trainer.corpora import audio_files
from trainer.noises import sounds
from trainer.runs import git_revision, versions, write_json
from trainer.streamfigures import intense_labels, judge, noise_figures, total
from trainer.streamsettings import GateSetting, StreamSetting
from trainer.tables import table
from trainer.transcript import Remembering, transcribe
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trainer.streamfigures import Tally

RESULT = "false-alarms.json"
SETTINGS = {
    "gate alone": StreamSetting(GateSetting(GateRule(min_speech_posterior=0.0, activity_hangover_ms=0))),
    "as it is": StreamSetting(),
}
_ARTIFICIAL_S = 600.0


@dataclass(frozen=True, slots=True)
class _Noise:
    """One kind of sound."""

    kind: str
    recordings: tuple[Path, ...] = ()
    """None of an artificial one."""

    def scene(self, rate_hz: int) -> Scene:
        if self.recordings:
            return noise_scene(self.recordings, rate_hz)
        return Scene(artificial(self.kind, _ARTIFICIAL_S, rate_hz), ())


def count_false_alarms(path: Path, root: Path, out: Path) -> int:
    """Play everything to the model file at `path`, print the table, write `false-alarms.json` into `out`.

    Args:
        path: of the model file.
        root: data directory; artificial sounds need none.
        out: made where it is missing.

    Raises:
        ModelError: the model is refused.
        BadAudioError: a recording cannot be decoded.
    """
    recorded: dict[str, list[Path]] = {}
    for sound in sounds(root):
        recorded.setdefault(sound.kind, []).append(sound.path)
    noises = [_Noise(kind, tuple(found)) for kind, found in sorted(recorded.items())]
    noises += [_Noise(kind) for kind in KINDS]
    return _count(path, noises, out, "")


def count_own_false_alarms(path: Path, folder: Path, out: Path) -> int:
    """The same for recordings of one's own, in which nobody is to speak: each is a kind of its own.

    Args:
        path: of the model file.
        folder: of the recordings, of any type that soundfile reads; folders in it are looked through too.
        out: made where it is missing.

    Raises:
        NoInputError: there is no recording in the folder.
        ModelError: the model is refused.
        BadAudioError: a recording cannot be decoded.
    """
    found = sorted(audio_files(folder))
    if not found:
        raise NoInputError(f"{folder}: no recordings; wanted a folder of audio files in which nobody speaks")
    noises = [_Noise(recording.relative_to(folder).as_posix(), (recording,)) for recording in found]
    return _count(path, noises, out, " --sounds DIR")


def _count(path: Path, noises: Sequence[_Noise], out: Path, words: str) -> int:
    heard = list(mapped(_hear, noises, "false alarms", setup=_open_worker, setup_args=(path,)))
    of = {noise.kind: tallies for noise, tallies in zip(noises, heard, strict=True)}
    result = _result(path, of, words)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RESULT, result)
    print(false_alarms_table(result))
    print(f"{out / RESULT}: written")
    return 0


def false_alarms_table(result: dict[str, Any]) -> str:
    """For people."""
    head = ["sound without a voice", "minutes", *(f"{name}, an hour" for name in SETTINGS)]
    rows = [
        [
            kind,
            f"{60 * one[next(iter(SETTINGS))]['hours']:.1f}",
            *(f"{one[name]['false_per_h']:.1f}" for name in SETTINGS),
        ]
        for kind, one in [*result["kinds"].items(), ("all", result["all"])]
    ]
    return table(head, rows)


def _result(path: Path, of: dict[str, dict[str, Tally]], words: str) -> dict[str, Any]:
    return {
        "identity": read_model_file(path).identity,
        "command": f"ser-train false-alarms {path.name}{words}",
        "revision": git_revision(),
        "versions": versions(),
        "kinds": {kind: {name: noise_figures(tally) for name, tally in one.items()} for kind, one in of.items()},
        "all": {name: noise_figures(total([one[name] for one in of.values()])) for name in SETTINGS},
    }


_model: list[EmotionModel] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(path: Path) -> None:
    _model[:] = [EmotionModel.load(path)]


def _hear(noise: _Noise) -> dict[str, Tally]:
    model = _model[0]
    rate_hz = model.spec.rate_hz
    scene, intense = noise.scene(rate_hz), intense_labels(model.card.affect)
    # Windows lie where they lie whatever the setting is: the network answers each once.
    classifier = Remembering(model, model.window)
    return {
        name: judge(scene, transcribe(classifier, setting.rules, scene.samples).events, rate_hz, intense)
        for name, setting in SETTINGS.items()
    }

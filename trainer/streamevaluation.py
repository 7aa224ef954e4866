"""The monitor judged as a stream: conversations, ordinary speech and noise through the real pipeline.

No TensorFlow here: it and the small interpreter do not get on within one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from monitor.card import read_model_file
from monitor.model import EmotionModel
from trainer.audio import duration_s, read_clip
from trainer.conversations import CONDITIONS, Stage, scene_of
from trainer.plots import drawn
from trainer.runs import git_revision, versions, write_json
from trainer.streamaims import DELAY, LOSS, STREAM_LOSS, worth
from trainer.streamfigures import (
    Answer,
    Tally,
    answer_figures,
    figures_of,
    intense_labels,
    judge,
    neutral_figures,
    noise_figures,
    segments_of,
    total,
)
from trainer.streaming import Listener
from trainer.streamintervals import loss_points_interval, tally_intervals
from trainer.streamselective import named_under, naming_inputs, stream_selective, thresholds_beside
from trainer.streamsettings import StreamSetting, read_setting
from trainer.streamtables import stream_tables
from trainer.streamtasks import SEED, stream_tasks
from trainer.transcript import Remembering, transcribe
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.card import ModelCard
    from trainer.conversations import Scene, Spoken, Turn
    from trainer.noises import Part
    from trainer.streamtasks import StreamTask

RESULT, PICTURE, NAMING = "stream.json", "stream.png", "naming.png"
_MARGIN_S = 0.25
"""Heard of a scene before and after a clip's speech: half of the shortest gap."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one task."""

    tallies: dict[str, Tally]
    """Condition to counts."""
    clips: tuple[Answer, ...]
    """The clips of a conversation, each heard alone, as recorded; none for other tasks."""
    alone: dict[str, tuple[Answer, ...]]
    """Condition to the same clips, cut out of the scene and each heard alone."""
    named: dict[str, NDArray[np.int64]]
    """Condition to the counts of `trainer.streamselective.named_under`; none for other tasks than conversations."""


def evaluate_stream(path: Path, root: Path, out: Path, part: Part = "test", tuned: Path | None = None) -> int:
    """Judge the model file at `path`, print the tables, write `stream.json` and two pictures into `out`.

    Args:
        path: of the model file.
        root: data directory.
        out: made where it is missing.
        part: whose clips.
        tuned: a `tune.json` whose best setting holds instead of the daemon's defaults.

    Raises:
        MonitorError: the model or the setting is refused, or no labelled speech is there.
    """
    from trainer.plots.style import save  # noqa: PLC0415 - matplotlib

    setting = read_setting(tuned) if tuned else StreamSetting()
    tasks = stream_tasks(read_model_file(path).card, root, part)
    result = stream_evaluation(path, tasks, root, part, setting)
    if tuned:
        result["command"] += f" --tuned {tuned.name}"
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RESULT, result)
    print(stream_tables(result))
    save(drawn("stream", **_picture(path, tasks, root, part, setting), **_delays(result)), out / PICTURE)
    save(drawn("naming", **naming_inputs(result)), out / NAMING)
    print(f"{out / RESULT}, {out / PICTURE}, {out / NAMING}: written")
    return 0


def stream_evaluation(
    path: Path, tasks: Sequence[StreamTask], root: Path, part: Part, setting: StreamSetting
) -> dict[str, Any]:
    """All figures, JSON-ready; each is defined in `trainer.streamfigures`.

    Raises:
        ModelError: the model is refused.
        BadAudioError: a recording cannot be decoded.
    """
    file = read_model_file(path)
    judged = list(mapped(_judge, tasks, f"{part} streams", setup=_open_worker, setup_args=(path, root, part, setting)))
    of = {group: [j for task, j in zip(tasks, judged, strict=True) if task.group == group] for group in _GROUPS}
    words = ["ser-train evaluate", path.name, "--stream", *(["--speakers", part] if part != "test" else [])]
    conversations = [task.conversation for task in tasks if task.group == "speech" and task.conversation]
    speech = _speech(of["speech"], file.card, [turn for one in conversations for turn in one.turns])
    named = {name: np.sum([j.named[name] for j in of["speech"]], axis=0) for name in speech["conditions"]}
    neutral, noise = neutral_figures(_total(of["neutral"])), noise_figures(_total(of["noise"]))
    return {
        "model": file.card.name,
        "identity": file.identity,
        "labels": list(file.card.labels),
        "command": " ".join(words),
        "speakers": part,
        "setting": msgspec.to_builtins(setting),
        "seed": SEED,
        "revision": git_revision(),
        "versions": versions(),
        "worth": worth(speech["conditions"], neutral, noise),
        **speech,
        "selective": stream_selective(named, setting.decision),
        "neutral": neutral,
        "noise": noise,
        "noise_held_out_s": sum(duration_s(sound.path) for one in tasks for sound in one.sounds if sound.held_out),
        "noise_kinds": {
            name: noise_figures(tally) for judged_one in of["noise"] for name, tally in judged_one.tallies.items()
        },
    }


_GROUPS = ("speech", "neutral", "noise")


def _speech(judged: Sequence[Judged], card: ModelCard, turns: Sequence[Turn]) -> dict[str, Any]:
    """Figures of the conversations, by condition and over all, and groups' UAR; `turns` are all of theirs, in order."""
    labels = card.labels
    clips = [answer for j in judged for answer in j.clips]
    alone = answer_figures(clips, labels)
    names = [condition.name for condition in CONDITIONS if condition.name in judged[0].tallies]
    tallies = {name: total([j.tallies[name] for j in judged]) for name in names}
    speakers = [turn.speaker for turn in turns]
    conditions = {
        name: figures_of(tally, labels)
        | tally_intervals(tally, speakers)
        | _losses(tally.answers, clips, [answer for j in judged for answer in j.alone[name]], labels)
        for name, tally in tallies.items()
    }
    groups = {
        kind: _grouped(clips, tallies, labels, {turn.speaker: getattr(turn, field) for turn in turns})
        for kind, field in _GROUPINGS.items()
    }
    everything = total([*tallies.values()])
    together = figures_of(everything, labels, interval=False) | tally_intervals(everything, speakers * len(tallies))
    delays = {name: list(tally.right_after_s) for name, tally in tallies.items()}
    return {"clips": alone, "conditions": conditions, "together": together, **groups, "right_after_s": delays}


def _losses(
    answers: Sequence[Answer], clips: Sequence[Answer], cut: Sequence[Answer], labels: tuple[str, ...]
) -> dict[str, Any]:
    """What `answers` lose against the clips as recorded, and cut out of the scene, each heard alone."""
    uar, clip_uar, cut_uar = (answer_figures(a, labels, interval=False)["uar"] for a in (answers, clips, cut))
    return {
        "alone_uar": cut_uar,
        LOSS.figure: _points(clip_uar, uar),
        f"{LOSS.figure}_interval": loss_points_interval(clips, answers, labels),
        STREAM_LOSS.figure: _points(cut_uar, uar),
        f"{STREAM_LOSS.figure}_interval": loss_points_interval(cut, answers, labels),
    }


_GROUPINGS = {"corpora": "corpus", "languages": "language", "genders": "gender"}
"""What the result calls them, to the turn's own word for it."""


def _grouped(
    clips: Sequence[Answer], tallies: Mapping[str, Tally], labels: tuple[str, ...], group_of: Mapping[str, str]
) -> dict[str, Any]:
    """UAR of each group of speakers: of clips alone, and of segments under each condition; without an unnamed group."""

    def uar(answers: Iterable[Answer], group: str) -> float | None:
        figures = answer_figures([a for a in answers if group_of[a.speaker] == group], labels, interval=False)
        return figures["uar"]  # type: ignore[no-any-return]

    return {
        group: {
            "clips": sum(group_of[answer.speaker] == group for answer in clips),
            "clip_uar": uar(clips, group),
            "uar": {name: uar(tally.answers, group) for name, tally in tallies.items()},
        }
        for group in dict.fromkeys(group_of[answer.speaker] for answer in clips)
        if group
    }


def _total(judged: Sequence[Judged]) -> Tally:
    return total([tally for j in judged for tally in j.tallies.values()])


def _picture(path: Path, tasks: Sequence[StreamTask], root: Path, part: Part, setting: StreamSetting) -> dict[str, Any]:
    """The first conversation among several speakers, or the first of all, with what the monitor made of it."""
    conversations = [task.conversation for task in tasks if task.group == "speech" and task.conversation is not None]
    shown = next((c for c in conversations if len({turn.speaker for turn in c.turns}) > 1), conversations[0])
    worker = _Worker.opened(path, root, part, setting)
    scene = scene_of(shown, CONDITIONS[0], worker.stage)
    events = transcribe(worker.classifier, setting.rules, scene.samples).events
    rate_hz = worker.stage.rate_hz
    return {
        "samples": scene.samples,
        "rate_hz": rate_hz,
        "spoken": [(s.start_sample / rate_hz, s.end_sample / rate_hz, s.turn.label) for s in scene.spoken],
        "heard": [
            [(event.decided_sample / rate_hz, event.emotion) for event in segment.events]
            for segment in segments_of(events)
        ],
        "labels": worker.classifier.labels,
    }


def _delays(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"delays": result["right_after_s"], "aim_s": DELAY.at_most}


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a process keeps."""

    classifier: Remembering
    listener: Listener
    stage: Stage
    setting: StreamSetting
    intense: frozenset[str]

    @staticmethod
    def opened(path: Path, root: Path, part: Part, setting: StreamSetting) -> _Worker:
        model = EmotionModel.load(path)
        classifier = Remembering(model, setting.gate.window(model.window))
        stage = Stage.opened(root, part, model.spec.rate_hz)
        return _Worker(classifier, Listener(model), stage, setting, intense_labels(model.card.affect))

    def judge(self, task: StreamTask) -> Judged:
        rate_hz = self.stage.rate_hz
        tallies, alone, named = {}, {}, {}
        thresholds = thresholds_beside(self.setting.decision)
        for name, scene in task.scenes(self.stage):
            transcript = transcribe(self.classifier, self.setting.rules, scene.samples)
            tallies[name] = judge(scene, transcript.events, rate_hz, self.intense, transcript.n_windows)
            if task.group == "speech":
                named[name] = named_under(scene, transcript.events, thresholds)
            alone[name] = tuple(self._alone(s.turn, cut_out(scene, s, rate_hz)) for s in scene.spoken)
        turns = task.conversation.turns if task.group == "speech" and task.conversation else ()
        clips = tuple(self._alone(turn, read_clip(turn.path, rate_hz)) for turn in turns)
        return Judged(tallies, clips, alone, named)

    def _alone(self, turn: Turn, samples: NDArray[np.int16]) -> Answer:
        mean = self.listener.hear(samples).mean_posteriors
        label = "" if mean is None else self.classifier.labels[int(mean.argmax())]
        return Answer(turn.speaker, turn.label, label, certain=True)


def cut_out(scene: Scene, spoken: Spoken, rate_hz: int) -> NDArray[np.int16]:
    """A clip's speech in its scene, and so little around it that no other clip's is among it; int16 (n,)."""
    margin = round(_MARGIN_S * rate_hz)
    return scene.samples[max(spoken.start_sample - margin, 0) : spoken.end_sample + margin]


_worker: list[_Worker] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(path: Path, root: Path, part: Part, setting: StreamSetting) -> None:
    _worker[:] = [_Worker.opened(path, root, part, setting)]


def _judge(task: StreamTask) -> Judged:
    return _worker[0].judge(task)


def _points(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else 100 * (first - second)

"""`ser-train tune`: settings of gate, windows and smoother chosen by what they are worth as a stream.

Each gate hears everything once; each decision rule is then tried on what every gate heard (see `trainer.transcript`).
So a thousand settings cost little more than their gates. One file a conversation or noise keeps all counts: an
interrupted search goes on with those that are missing.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.card import read_model_file
from monitor.errors import ConfigError
from monitor.model import EmotionModel
from monitor.pipeline import PipelineRules
from monitor.pipeline.smoother import DecisionRule
from trainer.conversations import Stage
from trainer.runs import git_revision, versions, write_json
from trainer.streamaims import MARGIN_POINTS, keeps_aims, known_mean, worth
from trainer.streamfigures import Tally, figures_of, intense_labels, judge, neutral_figures, noise_figures, total
from trainer.streamsettings import GateSetting, StreamSetting, drawn_decisions, drawn_gates
from trainer.streamtables import tuning_tables
from trainer.streamtasks import CLIPS_PER_SPEAKER, SEED, stream_tasks
from trainer.transcript import Remembering, redecided, transcribe
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.pipeline.windows import WindowRule
    from trainer.conversations import Scene
    from trainer.noises import Part
    from trainer.streamtasks import StreamTask

RESULT, TOML, QUESTION = "tune.json", "tuned.toml", "question.json"
PART: Part = "validation"
"""Whoever is tested on must have had no say."""
_HEARD = "heard"
_VERSION = 3
"""Raise it when the code that counts changes: files of an interrupted search are then refused."""


class Search(msgspec.Struct, frozen=True):
    """What is tried: every gate with every decision rule; the first of each is the default.

    Attributes:
        gates: tried.
        decisions: tried with each.
    """

    gates: tuple[GateSetting, ...]
    decisions: tuple[DecisionRule, ...]

    @staticmethod
    def drawn(n_settings: int, own: WindowRule, seed: int = SEED) -> Search:
        """About `n_settings` in all; `own` are the model's windows."""
        n = max(1, math.isqrt(n_settings))
        return Search(tuple(drawn_gates(n, own, seed)), tuple(drawn_decisions(n, seed)))

    @property
    def settings(self) -> list[StreamSetting]:
        """All, gate by gate."""
        return [StreamSetting(gate, decision) for gate in self.gates for decision in self.decisions]


def tune(path: Path, root: Path, out: Path, n_settings: int, n_per_speaker: int = CLIPS_PER_SPEAKER) -> int:
    """Search, print the best settings and which is chosen, write `tune.json` and `tuned.toml` into `out`.

    Args:
        path: of the model file.
        root: data directory.
        out: goes on with what lies there of the same search.
        n_settings: tried, about.
        n_per_speaker: clips of each speaker at most.

    Raises:
        MonitorError: the model is refused, no labelled speech is there, or `out` holds another search.
        KeyboardInterrupt: stopped; the same call goes on.
    """
    file = read_model_file(path)
    own = EmotionModel(file).window
    search = Search.drawn(n_settings, own)
    tasks = stream_tasks(file.card, root, PART, n_per_speaker)
    _open(out, _question(file.sha256, search, tasks))
    wanted = [task for task in tasks if not _place(out, task).is_file()]
    for _ in mapped(_hear, wanted, "tuning", setup=_open_worker, setup_args=(path, root, out, search)):
        pass
    rows = _rows(search, tasks, out, file.card.labels)
    best = _chosen(rows)
    result = {
        "model": file.card.name,
        "identity": file.identity,
        "command": f"ser-train tune {path.name} --settings {n_settings} --clips {n_per_speaker}",
        "speakers": PART,
        "seed": SEED,
        "revision": git_revision(),
        "versions": versions(),
        "objective": " ".join((worth.__doc__ or "").partition("Args:")[0].split()),
        "best": best,
        "defaults": rows[0],
        "settings": rows,
    }
    write_json(out / RESULT, result)
    (out / TOML).write_text(msgspec.convert(best["setting"], StreamSetting).to_toml(own), encoding="utf-8")
    print(tuning_tables(result))
    print(f"{out / RESULT}, {out / TOML}: written")
    return 0


def _rows(search: Search, tasks: Sequence[StreamTask], out: Path, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Figures and worth of each setting, in the order of `Search.settings`."""
    heard = [(task, msgspec.json.decode(_place(out, task).read_bytes(), type=Counts)) for task in tasks]
    return [_row(setting, i, heard, labels) for i, setting in enumerate(search.settings)]


def _chosen(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is worth most of all that keep the aims as well as the defaults; these stay where it is hardly more."""
    best = max((row for row in rows if keeps_aims(row, rows[0])), key=lambda row: row["worth"])
    return best if best["worth"] >= rows[0]["worth"] + MARGIN_POINTS else rows[0]


def _row(
    setting: StreamSetting, number: int, heard: Sequence[tuple[StreamTask, Counts]], labels: Sequence[str]
) -> dict[str, Any]:
    tallies: dict[tuple[str, str], list[Tally]] = {}
    for task, counts in heard:
        for condition, of_settings in counts.items():
            key = (task.group, condition if task.group == "speech" else "")
            tallies.setdefault(key, []).append(of_settings[number])
    conditions = {
        condition: figures_of(total(found), labels, interval=False)
        for (group, condition), found in tallies.items()
        if group == "speech"
    }
    neutral = neutral_figures(total(tallies.get(("neutral", ""), [])))
    noise = noise_figures(total(tallies.get(("noise", ""), [])))
    return {
        "setting": msgspec.to_builtins(setting),
        "worth": worth(conditions, neutral, noise),
        "means": {name: known_mean(figures[name] for figures in conditions.values()) for name in _MEANS},
        "conditions": conditions,
        "neutral": neutral,
        "noise": noise,
    }


_MEANS = (
    "uar",
    "missed",
    "right_delay_median_s",
    "never_right",
    "changes_per_min",
    "false_per_h",
    "coverage",
    "selective_accuracy",
    "windows_per_min",
)


Counts = dict[str, list[Tally]]
"""Condition to the counts of each setting, in the order of `Search.settings`."""


def _question(sha256: str, search: Search, tasks: Sequence[StreamTask]) -> dict[str, Any]:
    """All that the counts hang on, hashed where it is long."""
    what = [
        (
            task.name,
            [(turn.path.name, turn.gap_s) for turn in task.conversation.turns] if task.conversation else [],
            [sound.path.name for sound in task.sounds],
        )
        for task in tasks
    ]
    return {
        "version": _VERSION,
        "model": sha256,
        "search": hashlib.sha256(msgspec.json.encode(search)).hexdigest(),
        "audio": hashlib.sha256(msgspec.json.encode(what)).hexdigest(),
    }


def _open(out: Path, question: dict[str, Any]) -> None:
    """Make the folder, or go on in it.

    Raises:
        ConfigError: it holds another search.
    """
    (out / _HEARD).mkdir(parents=True, exist_ok=True)
    if not (out / QUESTION).exists():
        write_json(out / QUESTION, question)
        return
    found = msgspec.json.decode((out / QUESTION).read_bytes())
    if differing := [name for name, value in question.items() if found.get(name) != value]:
        raise ConfigError(
            f"{out}: holds a search that differs in {', '.join(differing)}; name another folder with --out, or remove "
            "this one"
        )


def _place(out: Path, task: StreamTask) -> Path:
    return out / _HEARD / f"{task.group}-{task.name.replace('/', '-').replace(' ', '-')}.json"


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a process keeps."""

    model: EmotionModel
    stage: Stage
    out: Path
    search: Search
    intense: frozenset[str]

    def counts(self, task: StreamTask) -> Counts:
        return {name: self._of_scene(scene) for name, scene in task.scenes(self.stage)}

    def _of_scene(self, scene: Scene) -> list[Tally]:
        rate_hz, tallies = self.stage.rate_hz, []
        # Gates differ in which windows they let through, seldom in the windows themselves.
        classifier = Remembering(self.model)
        for gate in self.search.gates:
            asked = classifier.with_window(gate.window(self.model.window))
            transcript = transcribe(asked, PipelineRules(gate=gate.rule), scene.samples)
            for decision in self.search.decisions:
                events = redecided(transcript, self.model.labels, rate_hz, decision)
                tallies.append(judge(scene, events, rate_hz, self.intense, transcript.n_windows))
        return tallies


_worker: list[_Worker] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(path: Path, root: Path, out: Path, search: Search) -> None:
    model = EmotionModel.load(path)
    stage = Stage.opened(root, PART, model.spec.rate_hz)
    _worker[:] = [_Worker(model, stage, out, search, intense_labels(model.card.affect))]


def _hear(task: StreamTask) -> None:
    place, counts = _place(_worker[0].out, task), _worker[0].counts(task)
    unfinished = place.with_suffix(".part")
    unfinished.write_bytes(msgspec.json.encode(counts))
    # Renaming is atomic: the counts are whole or not there.
    unfinished.replace(place)

"""How often sounds without a voice make an event, by the model as it is shipped. Needs recorded sounds."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from monitor.model import EmotionModel, shipped_model
from trainer import falsealarms, noises
from trainer.artificial import KINDS
from trainer.cli import main

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SER_DATA") or ROOT.parent / "shared" / "data")
MAX_PER_H = 5.0

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not any((DATA / folder).is_dir() for folder in noises.FOLDERS), reason=f"no sounds in {DATA}; set SER_DATA"
    ),
]


class Finite(EmotionModel):
    """Sees that every answer is made of numbers."""

    def answer(self, values):
        found = super().answer(values)
        assert np.isfinite(values).all()
        assert np.isfinite(found.posteriors).all()
        assert np.isfinite(found.activity).all()
        return found


@pytest.mark.parametrize(
    ("artificial_s", "all_recordings"),
    [(150.0, False), pytest.param(600.0, True, marks=pytest.mark.long)],
    ids=["new to the model", "all"],
)
def test_sounds_without_a_voice_make_next_to_no_event(artificial_s, all_recordings, tmp_path, monkeypatch):
    """Each kind by itself. The short form plays what no training has heard, the long one everything."""
    # In this process, where the numbers are looked at.
    monkeypatch.setattr("trainer.workers.MAX_WORKERS", 1)
    monkeypatch.setattr(falsealarms, "EmotionModel", Finite)
    monkeypatch.setattr(falsealarms, "_ARTIFICIAL_S", artificial_s)
    if not all_recordings:
        held_out = [sound for sound in noises.sounds(DATA) if sound.held_out]
        monkeypatch.setattr(falsealarms, "sounds", lambda _root: held_out)
    arguments = [str(shipped_model()), "--data", str(DATA), "--out", str(tmp_path)]
    assert main(["false-alarms", *arguments]) == 0
    result = json.loads((tmp_path / falsealarms.RESULT).read_text())
    assert set(KINDS) < set(result["kinds"]), "no recorded sound was played"
    for kind, one in result["kinds"].items():
        assert one["as it is"]["hours"] > 0
        for figures in one.values():
            assert all(math.isfinite(value) for value in figures.values())
        # Of some kinds there is a minute: one segment there is no rate.
        assert one["as it is"]["false_segments"] <= max(1, MAX_PER_H * one["as it is"]["hours"]), kind
    assert result["all"]["as it is"]["false_per_h"] <= MAX_PER_H
    # Without the model the gate opens for them: what is counted could be there.
    assert result["all"]["gate alone"]["false_per_h"] > 10 * MAX_PER_H

"""Sounds without a voice: what they are, and how many events they make."""

import json

import numpy as np
import pytest
import soundfile

from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, EmotionEvent, Estimate
from trainer import falsealarms
from trainer.artificial import KINDS, LEVEL_DBFS, artificial
from trainer.cli import main

RATE_HZ = 16_000
_SECONDS = 60.0


def level_dbfs(samples):
    return 20 * np.log10(np.sqrt(np.mean((samples / 32768.0 - np.mean(samples) / 32768.0) ** 2)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_artificial_sound_is_what_it_is_called(kind):
    samples = artificial(kind, 10.0, RATE_HZ)
    assert samples.dtype == np.int16
    assert len(samples) == 10 * RATE_HZ
    assert (samples == artificial(kind, 10.0, RATE_HZ)).all()
    if kind != "clipped noise":
        assert level_dbfs(samples) == pytest.approx(LEVEL_DBFS, abs=0.2)
    power = np.abs(np.fft.rfft(samples.astype(float) - samples.mean())) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)

    def share(low_hz, high_hz):
        return power[(hz >= low_hz) & (hz < high_hz)].sum() / power.sum()

    checks = {
        "white noise": share(0, 4000) == pytest.approx(0.5, abs=0.02),
        "pink noise": share(100, 1000) == pytest.approx(share(400, 4000), rel=0.15),
        "50 Hz hum": share(45, 255) > 0.99,
        "tunes": share(200, 2800) > 0.97,
        "clicks": np.mean(np.abs(samples) > 0.2 * np.abs(samples).max()) < 0.02,
        "clipped noise": 0.2 < np.mean(np.abs(samples.astype(int)) >= 32_767) < 0.8,
        "DC offset": samples.mean() == pytest.approx(8192, rel=0.02),
    }
    assert checks[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_no_artificial_sound_makes_an_event(kind):
    """In a minute of each; `ser-train false-alarms` plays ten, and recorded sounds."""
    pipeline = Pipeline(EmotionModel.load(shipped_model()))
    events = pipeline.push(AudioBlock(artificial(kind, _SECONDS, RATE_HZ, seed=7), 0)) + pipeline.flush()
    assert not [event for event in events if isinstance(event, EmotionEvent)]
    assert all(np.isfinite(event.posteriors).all() for event in events if isinstance(event, Estimate))


def test_the_verb_counts_each_kind(corpora_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(falsealarms, "_ARTIFICIAL_S", 20.0)
    monkeypatch.setattr("trainer.workers.MAX_WORKERS", 1)
    words = [str(shipped_model()), "--data", str(corpora_root), "--out", str(tmp_path)]
    assert main(["false-alarms", *words]) == 0
    result = json.loads((tmp_path / "false-alarms.json").read_text())
    assert set(KINDS) <= set(result["kinds"])
    for one in result["kinds"].values():
        assert set(one) == {"gate alone", "as it is"}
    white = result["kinds"]["white noise"]["as it is"]
    assert white["hours"] == pytest.approx(20 / 3600)
    # Without the model's doubts the gate lets noise through: the count is one of events, not of nothing.
    assert result["all"]["gate alone"]["false_segments"] > result["all"]["as it is"]["false_segments"]
    assert "| white noise " in capsys.readouterr().out


def test_recordings_of_ones_own_are_played_alone_and_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("trainer.workers.MAX_WORKERS", 1)
    sounds = tmp_path / "sounds"
    (sounds / "kitchen").mkdir(parents=True)
    soundfile.write(sounds / "kitchen" / "kettle.flac", artificial("white noise", 12.0, 44_100), 44_100)
    soundfile.write(sounds / "radio.wav", artificial("tunes", 12.0, RATE_HZ), RATE_HZ)
    words = [str(shipped_model()), "--sounds", str(sounds), "--out", str(tmp_path / "out")]
    assert main(["false-alarms", *words]) == 0
    result = json.loads((tmp_path / "out" / "false-alarms.json").read_text())
    assert list(result["kinds"]) == ["kitchen/kettle.flac", "radio.wav"]
    assert result["all"]["as it is"]["hours"] == pytest.approx(24 / 3600)
    assert result["all"]["as it is"]["false_segments"] == 0
    assert result["command"].endswith(" --sounds DIR")
    assert "| kitchen/kettle.flac " in capsys.readouterr().out


def test_a_folder_without_recordings_is_an_error(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no sound")
    assert main(["false-alarms", str(shipped_model()), "--sounds", str(tmp_path)]) == 66
    assert "wanted a folder of audio files in which nobody speaks" in capsys.readouterr().err

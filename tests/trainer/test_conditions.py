"""What conditions do to a clip, and that training never plays what models are judged by."""

import io

import numpy as np
import pytest
import soundfile
from dummy_corpora import voice

from trainer import noises, rooms
from trainer.augment import waveform_chain
from trainer.conditions import CONDITIONS, LEVELS, WORLD, generator_of, open_conditions
from trainer.speech import at_level, speech_level

RATE_HZ = 16000


@pytest.fixture(scope="module")
def conditions(corpora_root):
    return open_conditions(corpora_root)


def clip(seconds=1.5):
    return np.rint(8000 * voice("angry", 2, seconds)).astype(np.int16)


def changed(conditions, name, samples, key="RAVDESS/a"):
    return conditions[name](samples, RATE_HZ, generator_of(key))


def share_above(samples, hz):
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    return power[np.fft.rfftfreq(len(samples), 1 / RATE_HZ) > hz].sum() / power.sum()


def test_there_are_the_levels_and_the_world():
    assert set(CONDITIONS) == {*LEVELS[1:], *WORLD}
    assert WORLD == ("noise 20 dB", "noise 10 dB", "room", "telephone", "opus 24 kbit/s")


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_change_a_clip_alike_at_every_run_and_leave_it_alone(name, conditions):
    samples = clip()
    before = samples.copy()
    first, again = (changed(conditions, name, samples) for _ in range(2))
    assert first.dtype == np.int16
    assert len(samples) <= len(first) <= len(samples) + RATE_HZ // 10
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(samples, before)
    assert not np.array_equal(first[: len(samples)], samples)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_bear_silence(name, conditions):
    assert not changed(conditions, name, np.zeros(8000, np.int16))[:8000].any()


def test_levels_are_those_of_the_amplifier(conditions):
    samples = clip()
    for level in LEVELS[1:]:
        np.testing.assert_array_equal(changed(conditions, level, samples), at_level(samples, float(level), RATE_HZ))


@pytest.mark.parametrize("loudness", [0.1, 1.0])
@pytest.mark.parametrize("snr_db", [20, 10])
def test_noise_has_its_ratio_at_any_loudness(conditions, snr_db, loudness):
    samples = (loudness * clip()).astype(np.int16)
    noise = changed(conditions, f"noise {snr_db} dB", samples).astype(np.float64) - samples
    ratio_db = 20 * np.log10(speech_level(samples, RATE_HZ) / np.sqrt(np.mean(noise**2)))
    assert ratio_db == pytest.approx(snr_db, abs=0.1)


def test_both_ratios_play_the_same_noise_and_clips_differ(conditions):
    samples = clip()
    soft, loud = (changed(conditions, name, samples).astype(float) - samples for name in WORLD[:2])
    assert np.corrcoef(soft, loud)[0, 1] > 0.99
    other = changed(conditions, WORLD[1], samples, "RAVDESS/b").astype(float) - samples
    assert abs(np.corrcoef(loud, other)[0, 1]) < 0.5


def test_a_telephone_passes_its_band_alone(conditions):
    samples = np.rint(2000 * np.random.default_rng(0).standard_normal(RATE_HZ)).astype(np.int16)
    heard = changed(conditions, "telephone", samples)
    assert share_above(samples, 4100) > 0.4
    assert share_above(heard, 4100) < 0.001
    assert share_above(heard, 200) > 0.98


def test_a_room_rings_on(conditions):
    click = np.zeros(4000, np.int16)
    click[100] = 20000
    heard = changed(conditions, "room", click)
    assert np.abs(heard[400:1500]).max() > 100


def test_opus_runs_at_about_24_kbit_per_second():
    (step,) = CONDITIONS["opus 24 kbit/s"].steps
    samples, coded = voice("happy", 1, 4.0), io.BytesIO()
    strength = {"compression_level": step.min_compression}
    with soundfile.SoundFile(coded, "w", RATE_HZ, 1, "OPUS", format="OGG", **strength) as file:
        file.write(samples)
    assert 20_000 < 8 * len(coded.getvalue()) / 4.0 < 30_000


def test_without_their_recordings_noise_and_rooms_are_left_out(tmp_path, capsys):
    assert set(open_conditions(tmp_path)) == {*LEVELS[1:], "telephone", "opus 24 kbit/s"}
    assert "left out: room" in capsys.readouterr().err


def recorded(root, folder, names, samples):
    for name in names:
        path = root / folder / f"{name}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples[name], RATE_HZ)


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Noise recordings that are a tone each: 500 Hz to train with, 2000 Hz to judge by."""
    root = tmp_path_factory.mktemp("tones")
    t = np.arange(RATE_HZ) / RATE_HZ
    tone = {"1-1-A": 0.1 * np.sin(2 * np.pi * 500 * t), "5-1-A": 0.1 * np.sin(2 * np.pi * 2000 * t)}
    recorded(root, "ESC-10/001 - Rain", tone, tone)
    return root


@pytest.mark.parametrize("name", ["noise", "background"])
@pytest.mark.parametrize(("recordings", "heard_hz"), [(None, 500), ("held-out", 2000)])
def test_training_leaves_out_the_noise_of_judging(tones, name, recordings, heard_hz):
    settings = {"name": name, "min_snr_db": 0.0, "max_snr_db": 0.0, "folders": ["ESC-10"], "coloured_probability": 0.0}
    if recordings:
        settings["recordings"] = recordings
    (step,) = waveform_chain([settings], tones)
    samples = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32) * 1e-3
    for seed in range(5):
        noise = step(samples, RATE_HZ, np.random.default_rng(seed)) - samples
        assert np.abs(np.fft.rfft(noise)).argmax() == heard_hz


def test_training_leaves_out_the_rooms_of_judging(tmp_path):
    echoes = {"room": 1000, "audiomentations_rir48000": 2000}
    responses = {name: np.zeros(4000) for name in echoes}
    for name, at in echoes.items():
        responses[name][[0, at]] = 0.5, 0.25
    recorded(tmp_path, "RIR_misc", echoes, responses)
    click = np.zeros(8000, np.float32)
    click[0] = 1
    for recordings, at in (("training", 1000), ("held-out", 2000)):
        settings = {"name": "reverb", "folder": "RIR_misc", "measured_probability": 1.0, "recordings": recordings}
        (step,) = waveform_chain([settings], tmp_path)
        for seed in range(5):
            wet = step(click, RATE_HZ, np.random.default_rng(seed))
            assert set(np.flatnonzero(np.abs(wet) > 0.1)) == {0, at}


def test_some_of_the_recordings_are_held_out_and_most_are_not(corpora_root):
    esc = sorted((corpora_root / "ESC-10").rglob("*.flac"))
    assert [noises.is_held_out(path) for path in esc] == [False, True]
    assert [rooms.is_held_out(corpora_root / "RIR_misc" / f"{name}.flac") for name in ("room", "lhotse_sim_1ch")] == [
        False,
        False,
    ]

"""Which recordings are voices, which no training may hear, and which half they belong to."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from trainer.noises import is_held_out, is_voice, part_of, sounds


@pytest.mark.parametrize(
    ("path", "voice", "held_out"),
    [
        ("ESC-10/002 - Rain/5-181766-A.opus", False, True),
        ("ESC-10/002 - Rain/1-50060-A.ogg", False, False),
        ("ESC-10/004 - Baby cry/5-151085-A.opus", True, True),
        ("SpeechCommandsNoise/running_tap.flac", False, True),
        ("SpeechCommandsNoise/white_noise.wav", False, False),
        ("SpeechCommandsNoise/dude_miaowing.flac", True, False),
    ],
)
def test_paths_tell_voices_and_held_out_recordings(path, voice, held_out):
    assert is_voice(Path("Baby crying room") / path) == voice
    assert is_held_out(Path("5-a") / path) == held_out


def test_halves_are_about_equal_and_takes_of_a_source_stay_together(tmp_path):
    names = [f"5-{source}-{take}" for source in range(100, 140) for take in "AB"]
    for name in names:
        path = tmp_path / "ESC-10" / "001 - Dog bark" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(16, np.int16), 16000)
    found = sounds(tmp_path)
    assert {sound.kind for sound in found} == {"Dog bark"}
    parts = {sound.path.stem: sound.part for sound in found}
    assert all(parts[name] == parts[name[:-1] + "A"] for name in names)
    assert 20 < sum(part == "test" for part in parts.values()) < 60


def test_a_half_is_the_same_everywhere():
    assert [part_of(name) for name in ("a", "b", "c", "1-100032")] == [part_of(n) for n in ("a", "b", "c", "1-100032")]
    assert (part_of("running_tap"), part_of("pink_noise")) == ("test", "validation")


def test_nothing_is_found_where_nothing_is(tmp_path):
    assert sounds(tmp_path) == []

import numpy as np
import pytest

from monitor.errors import NoInputError
from trainer.nonspeech import heard_as_speech, non_speech_clips
from trainer.recipe import NonSpeechTable


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_held_out_recordings_and_voices_are_not_trained_with(tmp_path):
    touch(tmp_path, "ESC-10/002 - Rain/1-17367-A.opus", "ESC-10/002 - Rain/5-181766-A.opus")
    touch(tmp_path, "ESC-10/004 - Baby cry/1-187207-A.opus")
    touch(tmp_path, "SpeechCommandsNoise/white_noise.flac", "SpeechCommandsNoise/running_tap.flac")
    touch(tmp_path, "SpeechCommandsNoise/dude_miaowing.flac")
    clips = non_speech_clips(NonSpeechTable(), tmp_path, tmp_path)
    assert [clip.path.stem for clip in clips] == ["1-17367-A", "white_noise"]


def test_pieces_of_music_stand_beside_the_recordings(tmp_path):
    touch(tmp_path, "ESC-10/002 - Rain/1-17367-A.opus")
    clips = non_speech_clips(NonSpeechTable(pieces=2), tmp_path, tmp_path / "cache")
    assert [clip.name for clip in clips] == ["non-speech/1-17367-A", "non-speech/music-000", "non-speech/music-001"]
    # Recordings are shards of a speaker each, and so are pieces.
    assert [clip.speaker for clip in clips] == ["Rain", "music", "music"]


def test_nothing_to_learn_from_is_an_error(tmp_path):
    touch(tmp_path, "ESC-10/002 - Rain/5-181766-A.opus")
    with pytest.raises(NoInputError, match=r"wanted ESC-10 or SpeechCommandsNoise"):
        non_speech_clips(NonSpeechTable(pieces=3), tmp_path, tmp_path)


def test_windows_that_are_no_speech_are_passed_over_and_others_made_whole():
    outputs = np.array([[0.6, 0.2, 0.2], [0.1, 0.3, 0.6], [0.25, 0.25, 0.5]])
    posteriors, weights = heard_as_speech(outputs, np.array([0.3, 0.4, 0.5]), 2, 0.5)
    np.testing.assert_allclose(posteriors, [[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_array_equal(weights, [0.3, 0.0, 0.5])


def test_models_that_cannot_tell_pass_nothing_over():
    outputs = np.array([[0.6, 0.4], [0.1, 0.9]], np.float32)
    posteriors, weights = heard_as_speech(outputs, np.array([0.3, 0.4]), 2)
    np.testing.assert_allclose(posteriors, outputs, atol=1e-7)
    np.testing.assert_array_equal(weights, [0.3, 0.4])

"""Audio files: every common format, and every way a file can be wrong."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from monitor.errors import BadAudioError, MissingDependencyError, NoInputError, PermissionDeniedError
from monitor.sources.audiofile import AudioFile

RATE_HZ = 16_000


def _noise(n_samples, channels=1):
    shape = (n_samples,) if channels == 1 else (n_samples, channels)
    return np.random.default_rng(3).normal(0, 0.1, shape)


def _read(path, **options):
    """The samples that come, and the error that ends them."""
    blocks, error = [], None
    try:
        blocks.extend(AudioFile(path, RATE_HZ, **options).blocks())
    except BadAudioError as raised:
        error = str(raised)
    end = 0
    for block in blocks:
        assert block.start_sample == end
        assert block.samples.dtype == np.int16
        end = block.end_sample
    return np.concatenate([np.empty(0, np.int16), *(block.samples for block in blocks)]), error


def _patched(path, changes):
    content = bytearray(path.read_bytes())
    for at, new in changes.items():
        content[at : at + len(new)] = new
    path.write_bytes(content)


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "noise.wav"
    soundfile.write(path, _noise(48_000), RATE_HZ, subtype="PCM_16")
    return path


@pytest.fixture
def flac(tmp_path):
    path = tmp_path / "noise.flac"
    soundfile.write(path, _noise(48_000), RATE_HZ)
    return path


def test_16_bit_mono_passes_bit_for_bit_in_blocks_of_one_length(wav):
    source = AudioFile(wav, RATE_HZ)
    assert (source.live, source.name, source.duration_s) == (False, str(wav), 3.0)
    blocks = list(source.blocks())
    assert {len(block.samples) for block in blocks} == {1_600}
    expected, _ = soundfile.read(wav, dtype="int16")
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), expected)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_U8", 257),
        ("wav", "PCM_24", 1),
        ("wav", "PCM_32", 1),
        ("wav", "FLOAT", 1),
        ("wav", "DOUBLE", 1),
        ("wav", "ULAW", 700),
        ("flac", "PCM_24", 1),
        ("aiff", "PCM_16", 1),
        ("ogg", "VORBIS", 3_000),
        ("mp3", "MPEG_LAYER_III", 8_000),
    ],
)
def test_every_width_and_format_gives_the_same_audio(tmp_path, suffix, subtype, tolerance):
    path = tmp_path / f"a.{suffix}"
    # Speech-band noise, so that lossy formats keep it.
    signal = np.convolve(_noise(32_000), np.ones(8) / 8, mode="same")
    soundfile.write(path, signal, RATE_HZ, subtype=subtype)
    samples, error = _read(path)
    assert error is None
    assert len(samples) == 32_000
    assert np.abs(samples - signal * 32_768).max() <= tolerance


def test_96_khz_stereo_float(tmp_path):
    path = tmp_path / "a.wav"
    t = np.arange(96_000) / 96_000
    left = 0.4 * np.sin(2 * np.pi * 500 * t)
    soundfile.write(path, np.stack([left, 0 * left], axis=1), 96_000, subtype="FLOAT")
    samples, error = _read(path)
    assert error is None
    assert len(samples) == RATE_HZ
    expected = 0.2 * 32_768 * np.sin(2 * np.pi * 500 * np.arange(RATE_HZ) / RATE_HZ)
    assert np.abs(samples - expected)[200:-200].max() <= 8


def test_float_beyond_full_scale_is_clipped(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(3_200, 1.7), RATE_HZ, subtype="FLOAT")
    assert set(_read(path)[0].tolist()) == {32_767}


def test_nan_ends_the_file_with_an_error_and_keeps_what_came_before(tmp_path):
    path = tmp_path / "a.wav"
    signal = _noise(16_000)
    signal[9_000] = np.nan
    soundfile.write(path, signal, RATE_HZ, subtype="FLOAT")
    samples, error = _read(path)
    assert len(samples) == 8_000
    assert "NaN or infinite" in error
    assert str(path) in error


def test_cut_short_wav_gives_all_its_audio_then_says_what_is_missing(wav):
    wav.write_bytes(wav.read_bytes()[: 44 + 2 * 20_000])
    samples, error = _read(wav)
    assert len(samples) == 20_000
    assert "found 1.25 s" in error
    assert "wanted 3.00 s" in error
    assert AudioFile(wav, RATE_HZ).duration_s == 1.25


def test_cut_short_aiff_too(tmp_path):
    path = tmp_path / "a.aiff"
    soundfile.write(path, _noise(48_000), RATE_HZ)
    path.write_bytes(path.read_bytes()[:48_000])
    samples, error = _read(path)
    assert 23_000 < len(samples) < 24_000
    assert "wanted 3.00 s" in error


@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_flac_that_fails_in_the_middle(flac, damage):
    whole, _ = _read(flac)
    content = flac.read_bytes()
    half = len(content) // 2
    flac.write_bytes(content[:half] if damage == "cut" else content[:half] + bytes(2_000) + content[half + 2_000 :])
    samples, error = _read(flac)
    assert 16_000 < len(samples) < 26_000
    np.testing.assert_array_equal(samples, whole[: len(samples)])
    assert f"found {len(samples) / RATE_HZ:.2f} s" in error
    assert "wanted 3.00 s" in error


def test_flac_whose_header_does_not_know_its_length(flac):
    whole, _ = _read(flac)
    _patched(flac, {21: bytes([flac.read_bytes()[21] & 0xF0]), 22: bytes(4)})
    assert AudioFile(flac, RATE_HZ).duration_s == 0.0
    samples, error = _read(flac)
    assert error is None
    np.testing.assert_array_equal(samples, whole)


@pytest.mark.parametrize("declared", [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"])
def test_wav_from_a_pipe_declares_no_true_length(wav, declared):
    _patched(wav, {4: declared, 40: declared})
    samples, error = _read(wav)
    assert len(samples) == 48_000
    assert error is None


def test_wav_with_a_chunk_before_the_audio(wav):
    content = wav.read_bytes()
    extra = b"LIST" + (5).to_bytes(4, "little") + b"hello\x00"
    wav.write_bytes(content[:36] + extra + content[36 : 44 + 2 * 16_000])
    samples, error = _read(wav)
    assert len(samples) == 16_000
    assert "wanted 3.00 s" in error


@pytest.mark.timeout(60)
@pytest.mark.parametrize("head", [b"RIFF\xff\xff\xff\x3fWAVE", b"FORM\x3f\xff\xff\xffAIFF"])
def test_a_container_full_of_zeros_is_refused_at_once(tmp_path, head):
    path = tmp_path / "zeros.wav"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(2**30)  # sparse: it takes no room
    _refused(path, BadAudioError)


@pytest.mark.timeout(60)
def test_a_wav_with_very_many_chunks_is_read_at_once(wav):
    content = wav.read_bytes()
    wav.write_bytes(content[:36] + b"LIST\0\0\0\0" * 1_000_000 + content[36:])
    with suppress(BadAudioError):
        AudioFile(wav, RATE_HZ)


def _refused(path, exception):
    with pytest.raises(exception) as caught:
        AudioFile(path, RATE_HZ)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_no_samples(tmp_path, wav):
    empty = tmp_path / "none.wav"
    soundfile.write(empty, np.empty(0), RATE_HZ)
    assert "recorder" not in _refused(empty, BadAudioError)
    _patched(wav, {4: bytes(4), 40: bytes(4)})
    assert "recorder did not finish" in _refused(wav, BadAudioError)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(wav.read_bytes()[:44])
    assert "no audio" in _refused(cut, BadAudioError)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.wav", b"hello\n" * 100),
        ("a.txt", b"hello\n" * 100),
        ("empty.wav", b""),
        ("a.raw", bytes(3_200)),
        ("header.wav", b"RIFF\x00\x00\x00\x00WAVEfmt "),
        ("riff.wav", b"RIFF"),
    ],
)
def test_not_audio(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    _refused(path, BadAudioError)


@pytest.mark.parametrize(
    ("at", "new"),
    [(22, b"\x00\x00"), (22, b"\xff\x03"), (24, b"\x01\x00\x00\x00"), (24, b"\xff\xff\xff\x7f"), (34, b"\x00\x00")],
    ids=["no channel", "1023 channels", "1 Hz", "2 GHz", "0 bits"],
)
def test_headers_that_make_no_sense(wav, at, new):
    _patched(wav, {at: new})
    _refused(wav, BadAudioError)


def test_not_a_file(tmp_path):
    assert "directory" in _refused(tmp_path, NoInputError)
    assert "no such file" in _refused(tmp_path / "nothing.wav", NoInputError)
    _refused(tmp_path / ("long" * 100), NoInputError)
    with pytest.raises(NoInputError):
        AudioFile("zero\0byte", RATE_HZ)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    assert "--input -" in _refused(pipe, NoInputError)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no file modes here")
def test_a_file_of_somebody_else(wav):
    wav.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        _refused(wav, PermissionDeniedError)
    finally:
        if root:
            os.seteuid(0)


def test_a_name_that_is_not_unicode(tmp_path, wav):
    odd = os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav")  # noqa: PTH118 - bytes
    try:
        os.rename(wav, odd)  # noqa: PTH104
    except OSError:
        pytest.skip("the file system takes no such name")
    assert len(_read(os.fsdecode(odd))[0]) == 48_000


def test_missing_packages_are_named(wav, tmp_path, monkeypatch):
    slow = tmp_path / "8k.wav"
    soundfile.write(slow, _noise(8_000), 8_000)
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingDependencyError, match="'soxr'"):
        AudioFile(slow, RATE_HZ)
    AudioFile(wav, RATE_HZ)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingDependencyError, match="'soundfile'"):
        AudioFile(wav, RATE_HZ)


def test_realtime_takes_as_long_as_the_recording(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, _noise(9_600), RATE_HZ)
    started = time.monotonic()
    samples, _ = _read(path, realtime=True)
    assert len(samples) == 9_600
    assert 0.6 <= time.monotonic() - started < 1.5


def test_stop_wakes_a_paced_reader(wav):
    source = AudioFile(wav, RATE_HZ, realtime=True)
    threading.Timer(0.25, source.stop).start()
    started = time.monotonic()
    assert len(list(source.blocks())) <= 3
    assert time.monotonic() - started < 1.0


def test_stop_before_blocks(wav):
    source = AudioFile(wav, RATE_HZ)
    source.stop()
    source.stop()
    assert list(source.blocks()) == []


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_damaged_files_are_read_or_refused_and_never_worse(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, _noise(8_000, channels=2), 44_100)
    original = path.read_bytes()
    rng = random.Random(kind)
    for _ in range(150):
        content = bytearray(original)
        for _ in range(rng.choice([1, 3, 10])):
            content[rng.randrange(rng.choice([64, len(content)]))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice([len(content), rng.randrange(len(content))])])
        try:
            n_samples = len(_read(path)[0])
        except BadAudioError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most are refused, which is right
        else:
            assert n_samples <= 200_000


def test_others_are_told_the_name_and_not_the_folders(wav):
    source = AudioFile(wav, 16_000)
    assert source.name == str(wav)
    assert source.status().device == wav.name

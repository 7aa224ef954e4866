"""The model file: four locks, and what happens when each is forced."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitor.card import Probe, probe_signal, read_model_file, write_model_file
from monitor.errors import ModelError, MonitorError, NoInputError, PermissionDeniedError
from monitor.model import SHIPPED_MODELS, EmotionModel, probe_features, shipped_model
from monitor.pipeline.features.spec import FeatureSpec

PROBE_FINGERPRINT = (48240, -24485, 37140908729)
"""Length, sum and sum of squares of the probe signal."""


@pytest.fixture(scope="module")
def shipped():
    return read_model_file(shipped_model())


@pytest.fixture
def rewrite(shipped, tmp_path):
    """Writes the shipped model with parts replaced."""

    def write(card=None, probe=None, flatbuffer=None, **changes):
        path = tmp_path / "model.tflite"
        card = msgspec.structs.replace(card or shipped.card, **changes)
        write_model_file(path, flatbuffer or shipped.flatbuffer, card, probe or shipped.probe)
        return path

    return write


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_shipped_models_load_and_give_a_distribution(name):
    model = EmotionModel.load(shipped_model(name))
    assert model.card.name == name
    posteriors = model.answer(read_model_file(shipped_model(name)).probe.features).posteriors
    assert posteriors.shape == (len(model.labels),)
    # What is left is how likely nobody speaks.
    assert model.card.non_speech
    assert 0 < posteriors.sum() < 1
    assert posteriors.min() >= 0


def test_the_same_model_is_the_same_bytes_whenever_it_is_written(rewrite, monkeypatch):
    today = rewrite().read_bytes()
    later = time.struct_time((2031, 5, 6, 7, 8, 10, 1, 126, 0))
    monkeypatch.setattr(time, "localtime", lambda _=None: later)
    assert rewrite().read_bytes() == today


def test_the_network_alone_is_refused(shipped, tmp_path):
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(shipped.flatbuffer)
    with pytest.raises(ModelError, match="no readable model card"):
        read_model_file(bare)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"just a text\n", b"PK\x05\x06" + b"\x00" * 18])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.tflite"):
        read_model_file(path)


def test_missing_directory_and_forbidden_files_have_their_own_errors(tmp_path, monkeypatch):
    with pytest.raises(NoInputError, match="no such model"):
        read_model_file(tmp_path / "none.tflite")
    with pytest.raises(ModelError, match="directory"):
        read_model_file(tmp_path)

    def forbid(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", forbid)
    with pytest.raises(PermissionDeniedError, match="may not read"):
        read_model_file(shipped_model())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"labels": ("a", "b")}, "output is"),
        ({"window_frames": 299}, "input is"),
        ({"features": FeatureSpec(n_cepstra=39)}, "input is"),
        ({"features": FeatureSpec(low_hz=60.0)}, "probe features differ: computed .* recorded"),
        ({"features": FeatureSpec(preemphasis=0.96)}, "probe features differ"),
        ({"features": FeatureSpec(lifter=22)}, "probe features differ"),
        ({"features": FeatureSpec(window_function="hann")}, "probe features differ"),
        ({"tflite_sha256": "0" * 64}, "sha256"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_with_both_values(rewrite, changes, reason):
    changes.setdefault("affect", {})
    with pytest.raises(ModelError, match=reason):
        EmotionModel.load(rewrite(**changes))


def test_other_recorded_posteriors_are_refused(rewrite, shipped):
    other = Probe(shipped.probe.features, np.roll(shipped.probe.posteriors, 1))
    with pytest.raises(ModelError, match=r"probe posteriors( given speech)? differ"):
        EmotionModel.load(rewrite(probe=other))


def test_posteriors_are_compared_where_the_probe_is_hardly_speech(rewrite, shipped):
    """Both are smaller than the tolerance; what they say of the labels is not the same."""
    faint = 1e-3 * shipped.probe.posteriors / shipped.probe.posteriors.sum()
    assert np.abs(faint - shipped.probe.posteriors).max() < shipped.card.posterior_tolerance
    EmotionModel.load(rewrite(probe=Probe(shipped.probe.features, faint)))
    with pytest.raises(ModelError, match="probe posteriors given speech differ"):
        EmotionModel.load(rewrite(probe=Probe(shipped.probe.features, faint[::-1].copy())))


def test_a_probe_of_nan_is_refused(rewrite, shipped):
    other = Probe(np.full_like(shipped.probe.features, np.nan), shipped.probe.posteriors)
    with pytest.raises(ModelError, match="probe features differ"):
        EmotionModel.load(rewrite(probe=other))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("labels", ["a", "a"]),
        ("labels", ["a", "uncertain"]),
        ("labels", ["a"]),
        ("labels", ["A b", "c"]),
        ("window_frames", -1),
        ("hop_frames", "x"),
        ("surprise", 1),
        ("affect", {"nobody": [0, 0]}),
        ("affect", {"happy": [7, 0]}),
    ],
)
def test_an_invalid_card_is_refused(shipped, member, value):
    tree = msgspec.to_builtins(shipped.card) | {member: value}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(tree, type(shipped.card))


def test_truncated_at_any_length_is_refused(tmp_path):
    content = shipped_model().read_bytes()
    path = tmp_path / "model.tflite"
    for i in range(200):
        path.write_bytes(content[: len(content) * i // 200])
        with pytest.raises(ModelError):
            EmotionModel.load(path)


def test_bit_flips_are_refused_or_change_nothing(tmp_path):
    """In a process of its own: were the interpreter to crash, the test would say so and live on."""
    code = """
import random, sys
from pathlib import Path
from monitor.errors import MonitorError
from monitor.model import EmotionModel, probe_features, shipped_model
content = bytearray(shipped_model().read_bytes())
model = EmotionModel.load(shipped_model())
features = probe_features(model.spec, model.window.window_frames)
wanted, path, rng, refused = model.answer(features).posteriors, Path(sys.argv[1]), random.Random(4), 0
for _ in range(500):
    at, bit = rng.randrange(len(content)), rng.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    try:
        assert (EmotionModel.load(path).answer(features).posteriors == wanted).all(), at
    except MonitorError:
        refused += 1
    content[at] ^= 1 << bit
print(refused)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "flipped.tflite")],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 400


def test_probe_signal_is_the_same_everywhere():
    signal = probe_signal(FeatureSpec(), 300).astype(np.int64)
    assert (len(signal), int(signal.sum()), int((signal**2).sum())) == PROBE_FINGERPRINT


def test_probe_reaches_every_filter_and_is_not_clipped():
    signal = probe_signal(FeatureSpec(), 300)
    energies = probe_features(FeatureSpec(name="logfbank"), 300)
    assert np.abs(signal).max() < 32767
    assert (energies.max(axis=0) - energies.min(axis=0)).min() > 3


def test_errors_are_one_line(rewrite):
    with pytest.raises(MonitorError) as caught:
        EmotionModel.load(rewrite(features=FeatureSpec(low_hz=60.0), affect={}))
    assert "\n" not in str(caught.value)


def altered(shipped, tmp_path, member, content):
    """The shipped model with one member of its archive replaced."""
    path = tmp_path / "altered.tflite"
    with zipfile.ZipFile(shipped_model()) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    path.write_bytes(shipped.flatbuffer)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, old in members.items():
            archive.writestr(name, content if name == member else old)
    return path


def huge_npy():
    return (
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000,), }".ljust(117)
        + b"\n"
    )


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("probe_features.npy", huge_npy()),
        ("probe_features.npy", b"\x93NUMPY\x01\x00v\x00" + b"{'descr': ".ljust(118)),
        ("probe_features.npy", b"PK\x05\x06" + b"\x00" * 18),
        ("probe_posteriors.npy", b""),
        ("card.json", b"{" * 100_000),
        ("card.json", b"\x00" * (17 * 1024 * 1024)),
    ],
)
def test_malformed_members_are_refused(shipped, tmp_path, member, content):
    with pytest.raises(ModelError, match="no readable model card"):
        read_model_file(altered(shipped, tmp_path, member, content))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"features": FeatureSpec(rate_hz=22050)}, "rate_hz is 22050"), ({"hop_frames": 2}, "every 20 ms")],
)
def test_a_card_the_gate_cannot_follow_is_refused(shipped, changes, reason):
    with pytest.raises(ValueError, match=reason):
        msgspec.structs.replace(shipped.card, **changes)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.tflite"
    with path.open("wb") as file:
        file.truncate(10**12)  # sparse: it takes no room
    with pytest.raises(ModelError, match="1000000000000 bytes; a model has at most"):
        read_model_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_what_has_no_end_is_refused_unread(tmp_path):
    pipe = tmp_path / "pipe.tflite"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ModelError, match="not a regular file"):
            read_model_file(path)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "a\u2028"])
def test_a_name_that_would_tear_a_line_is_refused(shipped, name):
    with pytest.raises(ValueError, match="wanted printable characters"):
        msgspec.structs.replace(shipped.card, name=name)


@pytest.mark.parametrize(("member", "value"), [("labels", ["angry\n", "b"]), ("tflite_sha256", "0" * 63 + "\n")])
def test_a_line_end_in_a_card_is_refused(shipped, member, value):
    tree = msgspec.to_builtins(shipped.card) | {member: value, "affect": {}}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(tree, type(shipped.card))


def test_a_refusal_quotes_little_of_the_file(shipped, tmp_path):
    content = b'{"schema": 1, "' + b"x" * 1_000_000 + b'": 1}'
    with pytest.raises(ModelError) as caught:
        read_model_file(altered(shipped, tmp_path, "card.json", content))
    assert len(str(caught.value)) < 500

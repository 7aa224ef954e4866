"""The model file: taken apart whole, or refused with 78 in one line; nothing is run."""

import hashlib
import io
import zipfile
from pathlib import Path

import msgspec
import numpy as np

from fuzz.promise import keep_promise
from monitor.card import ModelCard, take_apart
from monitor.errors import MonitorError
from monitor.pipeline.features.spec import FeatureSpec

_PATH = Path("model.tflite")
_NETWORK = b"\x1c\x00\x00\x00TFL3 no network at all"


def _npy(*shape):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(shape, np.float32))
    return buffer.getvalue()


_CARD = ModelCard(
    name="tiny",
    created="2026-01-01",
    labels=("angry", "neutral"),
    features=FeatureSpec(),
    window_frames=3,
    hop_frames=3,
    min_speech_s=0.1,
    min_final_speech_s=0.1,
    quantisation="float32",
    tflite_sha256=hashlib.sha256(_NETWORK).hexdigest(),
    affect={"angry": (-0.5, 0.5)},
)
_MEMBERS = {
    "card.json": msgspec.json.encode(_CARD),
    "probe_features.npy": _npy(3, 40),
    "probe_posteriors.npy": _npy(2),
}


def _file(**changed):
    buffer = io.BytesIO(_NETWORK)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in (_MEMBERS | changed).items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def check(data):
    """The first byte says what the rest is: a whole file, its card, or a recorded probe."""
    kind, rest = (data[0] % 3, data[1:]) if data else (0, b"")
    content = rest if kind == 0 else _file(**{("card.json", "probe_features.npy")[kind - 1]: rest})
    try:
        file = take_apart(content, _PATH)
    except MonitorError as error:
        keep_promise(error, _PATH, {78})
        return
    assert hashlib.sha256(file.flatbuffer).hexdigest() == file.card.tflite_sha256
    assert content.startswith(file.flatbuffer)
    assert len(file.identity) <= 64 + 9
    assert "".join([file.identity, *file.card.labels]).isprintable()
    assert msgspec.json.decode(msgspec.json.encode(file.card), type=ModelCard) == file.card
    assert file.probe.features.dtype == np.float32


def seeds():
    compressed = io.BytesIO(_NETWORK)
    with zipfile.ZipFile(compressed, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _MEMBERS.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return [
        b"",
        b"\x00" + _file(),
        b"\x00" + compressed.getvalue(),
        b"\x01" + _MEMBERS["card.json"],
        b"\x02" + _MEMBERS["probe_features.npy"],
    ]

"""Audio files: blocks that follow one another, or a refusal with 65 in one line."""

import io
import os
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from fuzz.promise import keep_promise
from monitor.errors import BadAudioError
from monitor.sources.audiofile import AudioFile

_PLACE = Path(tempfile.gettempdir()) / f"ser-fuzz-{os.getpid()}.audio"
_MOST_BLOCKS = 600
"""A minute: a header may truly promise hours of silence in a few bytes."""


def check(data):
    _PLACE.write_bytes(data)
    end = 0
    try:
        for n_blocks, block in enumerate(AudioFile(_PLACE, 16_000).blocks()):
            assert block.samples.dtype == np.int16
            assert block.start_sample == end
            assert 0 < len(block.samples) <= 1_600
            end = block.end_sample
            if n_blocks == _MOST_BLOCKS:
                break
    except BadAudioError as error:
        keep_promise(error, _PLACE, {65})
    finally:
        _PLACE.unlink()


def seeds():
    return [b"", *(_written(*form) for form in _FORMS)]


_FORMS = (
    ("WAV", "PCM_16", 16_000, 1),
    ("WAV", "FLOAT", 44_100, 2),
    ("WAV", "IMA_ADPCM", 8_000, 1),
    ("FLAC", "PCM_16", 16_000, 1),
    ("AIFF", "PCM_24", 48_000, 1),
    ("OGG", "VORBIS", 16_000, 1),
    ("MP3", "MPEG_LAYER_III", 16_000, 1),
    ("AU", "ULAW", 8_000, 1),
)


def _written(form, subtype, rate_hz, channels):
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).normal(0, 0.1, (1_000, channels))
    soundfile.write(buffer, noise, rate_hz, subtype, format=form)
    return buffer.getvalue()

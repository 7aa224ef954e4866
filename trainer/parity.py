"""Parity: Keras = TFLite = streaming, clip by clip. Run in a process of its own, as it loads TensorFlow.

Two comparisons: the daemon's windows through Keras and through TFLite; and Keras on features that
python_speech_features computes of the whole clip at once, cut at the ends of the same windows, against what the daemon
said.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import python_speech_features as psf

from monitor.errors import MonitorError
from monitor.pipeline.features.spec import FeatureSpec
from trainer.audio import read_clip
from trainer.metrics import agreement, clip_predictions
from trainer.network import posteriors_of, read_network
from trainer.nonspeech import heard_as_speech
from trainer.runs import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WINDOW_FUNCTIONS = {"hamming": np.hamming, "hann": np.hanning, "rectangular": np.ones}


def parity(network: Any, streamed: Any) -> dict[str, Any]:
    """Compare, JSON-ready.

    Args:
        network: deployed Keras network.
        streamed: arrays as `trainer.evaluation` writes them.
    """
    clip, posteriors, windows = streamed["clip"], streamed["posteriors"], streamed["windows"]
    spec = msgspec.json.decode(streamed["spec"].tobytes(), type=FeatureSpec)
    by_batch = _batch_windows(streamed["paths"], clip, streamed["ends"], windows.shape[1], spec)
    # Only windows that were found to be speech are streamed: weights play no part.
    of_same, of_batch = (
        heard_as_speech(posteriors_of(network, some), streamed["speech_ratios"], posteriors.shape[1])[0]
        for some in (windows, by_batch)
    )

    def clip_labels(of_windows: NDArray[np.float64]) -> list[int]:
        return list(clip_predictions(of_windows, clip, streamed["speech_ratios"], int(clip.max()) + 1)[np.unique(clip)])

    said = clip_labels(posteriors)
    return {
        "clips": len(said),
        "windows": len(windows),
        "keras_tflite_clips": agreement(said, clip_labels(of_same)),
        "keras_tflite_windows": agreement(list(posteriors.argmax(axis=1)), list(of_same.argmax(axis=1))),
        "max_difference": float(np.abs(posteriors - of_same).max(initial=0.0)),
        "batch_streaming_clips": agreement(said, clip_labels(of_batch)),
        "batch_streaming_max_difference": float(np.abs(posteriors - of_batch).max(initial=0.0)),
    }


def batch_features(samples: NDArray[np.int16], spec: FeatureSpec) -> NDArray[np.float64]:
    """Features of a whole signal by the library alone, float64 (frames, coefficients)."""
    rate, winfunc = spec.rate_hz, _WINDOW_FUNCTIONS[spec.window_function]
    length, step = spec.frame_samples / rate, spec.hop_samples / rate
    bank = (spec.n_filters, spec.n_fft, spec.low_hz, spec.high_hz, spec.preemphasis)
    if spec.name == "logfbank":
        energies, _ = psf.fbank(samples, rate, length, step, *bank, winfunc)
        return np.asarray(np.log(energies))
    cepstra = psf.mfcc(samples, rate, length, step, spec.n_cepstra, *bank, spec.lifter, False, winfunc)
    return np.asarray(cepstra)


def _batch_windows(
    paths: Sequence[str], clip: NDArray[np.int64], ends: NDArray[np.int64], n_frames: int, spec: FeatureSpec
) -> NDArray[np.float32]:
    """Windows of all clips from batch features, digital silence before their start."""
    silence = batch_features(np.zeros(spec.frame_samples, np.int16), spec)
    windows = np.empty((len(clip), n_frames, spec.n_coefficients), np.float32)
    for number in np.unique(clip):
        features = batch_features(read_clip(Path(paths[number]), spec.rate_hz), spec)
        padded = np.concatenate([np.repeat(silence, n_frames, axis=0), features])
        for row in np.flatnonzero(clip == number):
            end = (int(ends[row]) - spec.frame_samples) // spec.hop_samples + 1
            windows[row] = padded[end : end + n_frames]
    return windows


def main(arguments: Sequence[str]) -> int:
    """NETWORK.keras STREAMED.npz RESULT.json."""
    network_path, streamed_path, result_path = map(Path, arguments)
    try:
        with np.load(streamed_path) as streamed:
            write_json(result_path, parity(read_network(network_path), streamed))
    except MonitorError as error:
        print(f"parity: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

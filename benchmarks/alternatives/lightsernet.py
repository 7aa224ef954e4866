"""Light-SERNet (Aftab et al. 2022) in TFLite float32, samples in, posteriors out: its front end is in the graph.

As its authors deploy it: 40 cepstra of 128 mel filters between 80 and 7600 Hz, 1024 samples every 256, cut off at
plus and minus 10, by TFLite's own operators AudioSpectrogram and Mfcc. Weights are random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.interpreter import open_network
from benchmarks.recording import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_WINDOW_SAMPLES = 48_240
_FRAME_SAMPLES, _HOP_SAMPLES = 1024, 256
_LOW_HZ, _HIGH_HZ = 80.0, 7600.0
_N_FILTERS, _N_CEPSTRA = 128, 40
_LARGEST = 10.0
_N_LABELS = 7
_FULL_SCALE = np.float32(32768)
_FILE = "network.tflite"


def prepare(folder: Path) -> None:
    """The network in one flatbuffer with its front end, with random weights."""
    import keras  # noqa: PLC0415 - not needed to run it
    import tensorflow as tf  # noqa: PLC0415

    from trainer.architectures.lightsernet import build  # noqa: PLC0415

    n_frames = 1 + (_WINDOW_SAMPLES - _FRAME_SAMPLES) // _HOP_SAMPLES
    body = build((n_frames, _N_CEPSTRA), _N_LABELS, {})
    network = keras.Model(body.input, keras.layers.Softmax()(body.output))
    (folder / _FILE).write_bytes(_flatbuffer(tf, lambda samples: network(_cepstra(tf, samples), training=False)))


def _cepstra(tf: Any, samples: Any) -> Any:
    """float32 (samples, 1) to float32 (1, frames, cepstra)."""
    spectrogram = tf.raw_ops.AudioSpectrogram(
        input=samples, window_size=_FRAME_SAMPLES, stride=_HOP_SAMPLES, magnitude_squared=True
    )
    cepstra = tf.raw_ops.Mfcc(
        spectrogram=spectrogram,
        sample_rate=RATE_HZ,
        upper_frequency_limit=_HIGH_HZ,
        lower_frequency_limit=_LOW_HZ,
        filterbank_channel_count=_N_FILTERS,
        dct_coefficient_count=_N_CEPSTRA,
    )
    return tf.clip_by_value(cepstra, -_LARGEST, _LARGEST)


def _flatbuffer(tf: Any, call: Callable[[Any], Any]) -> bytes:
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415
        convert_variables_to_constants_v2 as frozen,
    )

    concrete = tf.function(call).get_concrete_function(tf.TensorSpec((_WINDOW_SAMPLES, 1), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen(concrete)])
    # The front end's operators have no place among the built-in ones; every interpreter knows them by name.
    converter.allow_custom_ops = True
    # Otherwise FULLY_CONNECTED version 12, which tflite-runtime 2.14 does not know.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    content: bytes = converter.convert()
    return content


def classifier(folder: Path) -> Callable[[NDArray[np.int16]], NDArray[np.float64]]:
    """See `benchmarks.alternatives.Way`."""
    interpreter = open_network((folder / _FILE).read_bytes())
    samples = interpreter.get_input_details()[0]["index"]
    posteriors = interpreter.get_output_details()[0]["index"]

    def classify(window: NDArray[np.int16]) -> NDArray[np.float64]:
        interpreter.set_tensor(samples, (window.astype(np.float32) / _FULL_SCALE)[:, np.newaxis])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(posteriors)[0], dtype=np.float64)

    return classify

"""Keras to TFLite. Run in a process of its own, as it loads TensorFlow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.errors import MonitorError
from trainer.network import posteriors_of, read_network
from trainer.runs import write_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_FLOAT_OPERATORS = (
    "LOG", "EXP", "SUM", "REDUCE_MAX", "SUB", "MAXIMUM", "FULLY_CONNECTED", "BATCH_MATMUL",
    "SQRT", "SOFTMAX", "SQUARE", "MEAN", "DIV", "MUL", "LOGISTIC", "CONCATENATION", "STRIDED_SLICE",
)  # fmt: skip
_DEBUGGER_WINDOWS = 4
"""The debugger wants to see some; what it measures is not used."""


def flatbuffer(network: Any, form: str, representative: NDArray[np.float32]) -> bytes:
    """The network in one of `trainer.forms.FORMS`; in all of them the tensors at both ends are float32.

    Args:
        network: deployed Keras network.
        form: how weights and arithmetic are stored.
        representative: windows that show int8 the range of every tensor, float32 (n, frames, coefficients).

    """
    import tensorflow as tf  # noqa: PLC0415

    converter = _converter(network)
    if form == "int8":
        return _int8(converter, representative)
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    content: bytes = converter.convert()
    return content


def _converter(network: Any) -> Any:
    """A converter of the network with a batch of one and all variables as constants."""
    import tensorflow as tf  # noqa: PLC0415
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415
        convert_variables_to_constants_v2 as frozen,
    )

    function = tf.function(lambda window: network(window, training=False))
    # A fixed batch: the interpreter then plans all memory when it is opened.
    concrete = function.get_concrete_function(tf.TensorSpec((1, *network.input_shape[1:]), tf.float32))
    # Keras 3 leaves variables in the graph: READ_VARIABLE stops tflite-runtime 2.14.
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen(concrete)])
    # Otherwise FULLY_CONNECTED version 12, which tflite-runtime 2.14 does not know.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    return converter


def _int8(converter: Any, representative: NDArray[np.float32]) -> bytes:
    """Convolutions in 8 bits; front-end, pooling and what follows it stay float, as their range does not fit 8 bits."""
    import tensorflow as tf  # noqa: PLC0415

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _one_by_one(representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=list(_FLOAT_OPERATORS))
    few = representative[:_DEBUGGER_WINDOWS]
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=lambda: _one_by_one(few), debug_options=options
    )
    content: bytes = debugger.get_nondebug_quantized_model()
    return content


def probe_answer(content: bytes, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a flatbuffer says of one window, float32 (frames, coefficients) to float64 (outputs + time steps,)."""
    interpreter = _interpreter(content)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], features[np.newaxis])
    interpreter.invoke()
    answer: NDArray[np.float64] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    return answer.astype(np.float64)


def _interpreter(content: bytes) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    return interpreter


def _one_by_one(windows: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for window in windows:
        yield [window[np.newaxis]]


def main(arguments: Sequence[str]) -> int:
    """NETWORK.keras WINDOWS.npz FOLDER FORMS: flatbuffers and `converted.npz` into the folder."""
    network_path, windows_path, folder = map(Path, arguments[:3])
    try:
        network = read_network(network_path)
        with np.load(windows_path) as windows:
            arrays = {"validation": posteriors_of(network, windows["validation"])}
            for form in arguments[3:]:
                content = flatbuffer(network, form, windows["representative"])
                (folder / f"{form}.flatbuffer").write_bytes(content)
                arrays[form] = probe_answer(content, windows["probe"])
    except MonitorError as error:
        print(f"convert: {error}", file=sys.stderr)
        return error.exit_code
    write_arrays(folder / "converted.npz", arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

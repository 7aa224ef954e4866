"""The TFLite interpreter that the monitor uses, as benchmarks want it: one thread, and its operators on request."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from monitor.errors import MissingDependencyError
from monitor.model import INTERPRETERS


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of a network."""

    name: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]


def open_network(flatbuffer: bytes) -> Any:
    """An `Interpreter` with its tensors allocated, on one thread.

    Raises:
        MissingDependencyError: no interpreter is installed.
    """
    interpreter = _module().Interpreter(model_content=flatbuffer, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def operators(flatbuffer: bytes) -> tuple[Operator, ...]:
    """What a network does, in its order, before anything is handed to a faster back-end.

    Raises:
        MissingDependencyError: no interpreter is installed.
    """
    module = _module()
    plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = module.Interpreter(model_content=flatbuffer, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    shapes = {tensor["index"]: tuple(int(n) for n in tensor["shape"]) for tensor in interpreter.get_tensor_details()}

    def shapes_of(indices: Any) -> tuple[tuple[int, ...], ...]:
        return tuple(shapes[index] for index in indices if index >= 0)  # -1: an input that is left out

    return tuple(
        Operator(operator["op_name"], shapes_of(operator["inputs"]), shapes_of(operator["outputs"]))
        for operator in interpreter._get_ops_details()  # noqa: SLF001 - the interpreters offer no other way
    )


def _module() -> Any:
    failure = ImportError("none found")
    for name in INTERPRETERS:
        try:
            return import_module(name)
        except ImportError as error:
            failure = error
    raise MissingDependencyError("tflite-runtime", failure)

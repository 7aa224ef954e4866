"""Loads TensorFlow without the banner that it writes past Python: about instructions, and GPUs that are not there."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from monitor.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STDERR = 2


@cache
def load_tensorflow() -> None:
    """Load TensorFlow and Keras, and let them look for devices; to be called before a module that imports them.

    Raises:
        MissingDependencyError: they are not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _nothing_on_stderr():
        try:
            import keras  # noqa: PLC0415

            keras.ops.zeros(1)
        except ImportError as error:
            raise MissingDependencyError("ser-monitor[train]", error) from None


@contextmanager
def _nothing_on_stderr() -> Iterator[None]:
    """What libraries in C write to the file, not what Python raises."""
    sys.stderr.flush()
    kept, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)

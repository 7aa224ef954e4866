"""Writes a network of one convolution: `python -m benchmarks.convolution FILE`. In a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from benchmarks.rates import CONVOLUTION
from trainer.convert import flatbuffer


def main(file: Path) -> int:
    """Write the flatbuffer to `file`."""
    height, width, channels = CONVOLUTION
    image = keras.Input((height, width, channels))
    network = keras.Model(image, keras.layers.Conv2D(channels, 3, padding="same")(image))
    file.write_bytes(flatbuffer(network, "float32", np.empty(0, dtype=np.float32)))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

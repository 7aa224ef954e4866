"""`python -m benchmarks.forms FILE...`: arm64 instructions that a window takes in the forms of a network.

No board is measured: qemu counts what two numbers of windows take, and the difference is theirs. A window's time is not
known from that, but which of two forms takes less of it mostly is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.arm64 import RELEASES
from benchmarks.counter import Counter, obstacle

PROCESSORS = {"cortex-a53": "Zero 2 W", "cortex-a72": "Pi 4", "cortex-a76": "Pi 5"}
"""That qemu emulates; the last one has products of 8 bits that are summed up in one instruction."""
N_WINDOWS = (10, 60)
_PLACE = "/srv/model.tflite"
_PROGRAM = f"""
import sys
from pathlib import Path
import numpy as np
from monitor.model import EmotionModel
model = EmotionModel.load(Path("{_PLACE}"))
window = np.random.default_rng(0).standard_normal((model.window.window_frames, model.spec.n_coefficients))
for _ in range(int(sys.argv[1])):
    model.answer(window.astype(np.float32))
"""


def main(arguments: list[str]) -> int:
    """Print a table: million instructions a window, a line for each file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forms", description=__doc__)
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="model files, as ser-train export leaves them"
    )
    parser.add_argument("--release", choices=RELEASES, default=RELEASES[0], help="of Debian (%(default)s)")
    options = parser.parse_args(arguments)
    if reason := obstacle():
        sys.stderr.write(f"instructions cannot be counted here: {reason}\n")
        return 1
    print(f"{options.release} arm64, million instructions a window\n")
    print("".join([f"{'':<32}", *(f"{name:>14}" for name in PROCESSORS.values())]))
    with TemporaryDirectory() as folder:
        counter = Counter.of(options.release, Path(folder))
        for file in options.files:
            counts = [a_window(counter, file.resolve(), processor) for processor in PROCESSORS]
            print("".join([f"{file.name:<32}", *(f"{count / 1e6:>14.2f}" for count in counts)]), flush=True)
    return 0


def a_window(counter: Counter, file: Path, processor: str) -> float:
    """Instructions that the model file takes for one window."""
    few, many = (counter.count("-c", _PROGRAM, str(n), processor=processor, binds={_PLACE: file}) for n in N_WINDOWS)
    return (many - few) / (N_WINDOWS[1] - N_WINDOWS[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

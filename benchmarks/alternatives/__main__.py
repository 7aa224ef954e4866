"""One way in a process of its own: `python -m benchmarks.alternatives NAME prepare FOLDER`, `... measure FOLDER FILE`.

Measuring: after the first answer, and after each line on stdin, which stands for a round, a line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from benchmarks.alternatives import way

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def main(arguments: list[str]) -> int:
    """Prepare or measure."""
    name, what, folder = arguments[0], arguments[1], Path(arguments[2])
    if what == "prepare":
        way(name).prepare(folder)
        return 0
    # Libraries print to stdout what is no answer.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    classify = way(name).classifier(folder)
    windows = np.load(Path(arguments[3]))
    classify(windows[0])
    _reply(replies)
    for _ in sys.stdin:
        _reply(replies, ms_a_window=cpu_ms(classify, windows))
    return 0


def cpu_ms(classify: Callable[[NDArray[np.int16]], object], windows: NDArray[np.int16]) -> float:
    """CPU milliseconds for each of the windows, int16 (windows, samples), all threads of the process together."""
    start = time.process_time()
    for window in windows:
        classify(window)
    return (time.process_time() - start) / len(windows) * 1e3


def _reply(replies: TextIO, **figures: float) -> None:
    replies.write(json.dumps(figures) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

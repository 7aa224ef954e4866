"""One way in a process: `python -m benchmarks.alternatives NAME prepare FOLDER`, `... NAME measure FOLDER EXCERPT`.

Measuring: after the first answer, and after each line on stdin, which stands for a round, a line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from benchmarks.alternatives import OUR_WAYS, way
from benchmarks.alternatives.excerpt import Excerpt

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
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
    excerpt = Excerpt(Path(arguments[3]))
    turn = _our_turn(name, excerpt) if name in OUR_WAYS else _turn(name, folder, excerpt)
    n_windows = len(excerpt.stretches())
    turn(1)
    _reply(replies)
    for _ in sys.stdin:
        _reply(replies, ms_a_window=1e3 * turn(n_windows) / n_windows)
    return 0


def _turn(name: str, folder: Path, excerpt: Excerpt) -> Callable[[int], float]:
    """For the first so many windows: CPU seconds."""
    classify = way(name).classifier(folder)
    windows = excerpt.windows()
    return lambda n_windows: cpu_s(classify, windows[:n_windows])


def _our_turn(name: str, excerpt: Excerpt) -> Callable[[int], float]:
    from benchmarks.alternatives import ours  # noqa: PLC0415 - no part of the other ways
    from benchmarks.everyhop import EveryHop  # noqa: PLC0415

    model = EveryHop.shipped()
    spent_s = ours.stream_cpu_s if name == "ours" else ours.features_cpu_s
    return lambda n_windows: spent_s(excerpt, n_windows, model)


def cpu_s(classify: Callable[[NDArray[np.int16]], object], windows: NDArray[np.int16]) -> float:
    """CPU seconds for all windows, int16 (windows, samples), all threads of the process together."""
    start_s = time.process_time()
    for window in windows:
        classify(window)
    return time.process_time() - start_s


def _reply(replies: TextIO, **figures: float) -> None:
    replies.write(json.dumps(figures) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make bench-features`: how long the features of all clips at hand take, with one process and with two.

Two kinds: what the daemon computes, and all that librosa's classical systems use.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from trainer.clipcache import time_extraction
from trainer.cliprecipe import ClipRecipe, ClipTable
from trainer.corpora import CORPORA, find
from trainer.recipefile import find_recipes
from trainer.tables import table

DAEMON = "daemon"
SYSTEMS = (DAEMON, "classical-svm")


def main(arguments: list[str]) -> int:
    """Print a table; the first argument names the data directory."""
    root = Path(arguments[0] if arguments else os.environ.get("SER_DATA", "../shared/data"))
    names = [name for name in CORPORA if (root / name).is_dir() and name != "CREMA-D"]
    utterances = [utterance for name in names for utterance in find(name, root).utterances]
    print(f"{len(utterances)} clips of {', '.join(names)}; {os.cpu_count()} cores, Python {platform.python_version()}")
    rows = []
    for name in SYSTEMS:
        recipe = _recipe(name)
        one_s, two_s = (time_extraction(utterances, recipe, n_workers) for n_workers in (1, 2))
        rate = len(utterances) / two_s
        rows.append([name, f"{one_s:.1f}", f"{two_s:.1f}", f"{one_s / two_s:.2f}", f"{rate:.0f}"])
    print(table(["features", "1 process, s", "2 processes, s", "speed-up", "clips a second with 2"], rows))
    return 0


def _recipe(name: str) -> ClipRecipe:
    (recipe,) = find_recipes(["classical-svm" if name == DAEMON else name])
    if not isinstance(recipe, ClipRecipe):
        raise TypeError(f"{name} is no recipe for clips")
    return recipe.replaced(features=({"name": DAEMON},), clip=ClipTable(rate_hz=16_000)) if name == DAEMON else recipe


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

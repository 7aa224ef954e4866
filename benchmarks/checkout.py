"""The checkout as a clone would hold it, and the wheel made of it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.debian import run

ROOT = Path(__file__).resolve().parent.parent


def copy_checkout(folder: Path) -> Path:
    """What a clone would hold, with the changes that are not committed yet."""
    # Under sudo the checkout is somebody else's.
    git: list[str | Path] = ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT]
    names = run(*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():  # removed files are still listed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def build_wheel(checkout: Path, folder: Path) -> Path:
    """The project's wheel in `folder`, built from a copy: a build leaves nothing in the checkout."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, checkout)
    (wheel,) = folder.glob("ser_monitor-*.whl")
    return wheel

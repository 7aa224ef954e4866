"""What is made once and kept: Debian userlands and wheels, in `$XDG_CACHE_HOME/ser-monitor` (`~/.cache` by default)."""

from __future__ import annotations

import fcntl
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAIL_LINES = 20


def cache_folder() -> Path:
    """Where it is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ser-monitor"


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Whoever makes `folder` is alone at it; the others wait, and find it made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def os_release() -> dict[str, str]:
    """What this host says it is."""
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def mirror() -> str:
    """Where this host gets the packages of its release."""
    form = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    for line in run("apt-get", "indextargets", "--format", form, "Created-By: Packages").splitlines():
        codename, component, uri = line.split(maxsplit=2)
        if (codename, component) == (os_release().get("VERSION_CODENAME"), "main"):
            return uri
    raise AssertionError("apt has no source for main of this release")


def run(*command: str | Path) -> str:
    """Standard output of a command.

    Raises:
        AssertionError: it failed; with the last lines of what it said.
    """
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-_TAIL_LINES:])
        raise AssertionError(f"{' '.join(map(str, command[:3]))}: exit {result.returncode}\n{tail}")
    return result.stdout

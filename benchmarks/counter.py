"""Counts the arm64 instructions that Python takes in a Raspberry Pi's userland."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import userland
from benchmarks.arm64 import ENVIRONMENT, installed
from benchmarks.debian import run
from benchmarks.userland import PROCESSOR, Userland

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLUGIN_SOURCE = Path(__file__).with_name("count_instructions.c")
_QEMU = Path("/usr/bin/qemu-aarch64")
_LOADER = Path("/lib64/ld-linux-x86-64.so.2")
_LIBRARIES = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu")
_HOST = "/srv/host"
"""Of this host's files inside. Each is bound by itself: a bind of `/` leaves out what is mounted below it."""


def obstacle() -> str | None:
    """Why nothing can be counted here; None where it can."""
    if reason := userland.obstacle():
        return reason
    missing = [str(file) for file in (_QEMU, _LOADER) if not file.exists()]
    missing += [] if shutil.which("gcc") else ["gcc"]
    return f"not installed: {' '.join(missing)}" if missing else None


@dataclass(frozen=True, slots=True)
class Counter:
    """The userland with this checkout's wheel, and what counts in it."""

    userland: Userland
    plugin: Path
    """Of qemu, built; what is counted is written beside it."""

    @staticmethod
    def of(release: str, folder: Path) -> Counter:
        """Install and build below `folder`."""
        return Counter.within(installed(release, folder), folder)

    @staticmethod
    def within(userland: Userland, folder: Path) -> Counter:
        """Build in `folder` what counts in this userland."""
        plugin = folder / "count_instructions.so"
        run("gcc", "-O2", "-shared", "-fPIC", "-o", plugin, _PLUGIN_SOURCE)
        return Counter(userland, plugin)

    def count(
        self, *arguments: str, stdin: bytes = b"", processor: str = PROCESSOR, binds: Mapping[str, Path] | None = None
    ) -> int:
        """What Python takes from its start to its end, all its threads together.

        Args:
            arguments: of the interpreter.
            stdin: given to it.
            processor: that qemu emulates.
            binds: files of this host, by their place inside.
        """
        with TemporaryDirectory(dir=self.plugin.parent) as name:
            folder = Path(name)
            (folder / "stdin").write_bytes(stdin)
            qemu = [f"{_HOST}/qemu", "-cpu", processor, "-plugin", f"{_HOST}/plugin.so,into=/srv/count/executed"]
            words = [*_loader(), *qemu, f"{ENVIRONMENT}/bin/python", *arguments]
            places = {**_host_files(), f"{_HOST}/plugin.so": self.plugin, "/srv/count": folder, **(binds or {})}
            self.userland.run("sh", "-euc", '"$@" < /srv/count/stdin', "sh", *words, binds=places)
            return int((folder / "executed").read_text(encoding="ascii"))


def _loader() -> list[str]:
    """The words before a program of this host's: its libraries are not in the userland."""
    return [f"{_HOST}/loader", "--library-path", ":".join(f"{_HOST}{folder}" for folder in _LIBRARIES)]


def _host_files() -> dict[str, Path]:
    """What is loaded of qemu, by their place inside."""
    folders = {f"{_HOST}{folder}": Path(folder) for folder in _LIBRARIES if Path(folder).is_dir()}
    return {f"{_HOST}/qemu": _QEMU, f"{_HOST}/loader": _LOADER, **folders}

"""A Raspberry Pi's userland without a Pi: Debian's arm64 under qemu, each command in namespaces of its own.

What a command mounts, binfmt_misc and overlay included, is seen by it alone and gone with it, however it ends: the
kernel takes mounts back with the last process of a mount namespace, and ends the processes of a process namespace
with its first. Before Linux 6.7 the registration of qemu as the interpreter of arm64 programs stays until the next
start, as it does where Debian registers it by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.debian import os_release

if TYPE_CHECKING:
    from collections.abc import Mapping

QEMU = Path("/usr/bin/qemu-aarch64-static")
QEMU_FORMAT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
PROCESSOR = "cortex-a72"
"""That of a Raspberry Pi 4: nothing runs here that it, or the Cortex-A53 of a Zero 2 W, could not execute.

Without a name qemu takes one with every extension. On its scalable vectors (SVE), which no Pi has, matrix products of
numpy 2.5 come out wrong under qemu 7.2; the model's probe notices, and refuses."""
REGISTER = f"""
set -eu
formats=/proc/sys/fs/binfmt_misc
[ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats
[ -e $formats/qemu-aarch64 ] || cat {QEMU_FORMAT} > $formats/register || [ -e $formats/qemu-aarch64 ]
"""
"""Shell: from here on arm64 programs are run by qemu."""
_ENTER = f"""
{REGISTER}
root=$1; lower=$2; upper=$3; work=$4; shift 4
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$root$2"
    else mkdir -p "$(dirname "$root$2")"; [ -e "$root$2" ] || : > "$root$2"
    fi
    mount --bind "$1" "$root$2"
    shift 2
done
shift
exec chroot "$root" "$@"
"""
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NETWORK_VARIABLES = ("PIP_DEFAULT_TIMEOUT", "PIP_INDEX_URL", "http_proxy", "https_proxy", "no_proxy")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def obstacle() -> str | None:
    """Why no arm64 program can be run here; None where one can."""
    if os.geteuid() != 0:
        return "needs root"
    if os_release().get("ID") != "debian":
        return "needs a Debian, for the sources of packages"
    files = [str(file) for file in (QEMU, QEMU_FORMAT) if not file.exists()]
    missing = files + [name for name in ("unshare", "debootstrap", "git") if shutil.which(name) is None]
    if missing:
        return f"not installed: {' '.join(missing)}"
    tried = subprocess.run(registered("true"), capture_output=True, text=True, check=False)
    return f"qemu cannot be registered: {tried.stderr.strip()}" if tried.returncode else None


def registered(*command: str | Path) -> list[str]:
    """The words that run `command`, on this machine's files, where arm64 programs can be executed."""
    return [*_NAMESPACES, "sh", "-c", f'{REGISTER}exec "$@"', "sh", *map(str, command)]


@dataclass(frozen=True)
class Userland:
    """Folders laid one over the other, of which the last is written to."""

    layers: tuple[Path, ...]
    """Only read; the lowest first."""
    folder: Path
    """Here is written, and no one else may at the same time; any layer's file system."""

    @property
    def written(self) -> Path:
        """What commands left, and nothing of the layers."""
        return self.folder / "written"

    def run(
        self,
        *command: str,
        binds: Mapping[str, Path] | None = None,
        environment: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root, with the host's files and folders `binds` in it, by their place inside.

        Raises:
            AssertionError: it failed, and `check` is set.
        """
        words = self.words(command, binds or {}, environment or {})
        result = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if check and result.returncode != 0:
            said = (result.stdout + result.stderr)[-4000:]
            raise AssertionError(f"{' '.join(command)[:200]}: exit {result.returncode}\n{said}")
        return result

    def words(self, command: tuple[str, ...], binds: Mapping[str, Path], environment: Mapping[str, str]) -> list[str]:
        """The whole command line, from this host's `unshare` to `command`."""
        parts = {name: self.folder / name for name in ("root", "written", "work")}
        for part in parts.values():
            part.mkdir(parents=True, exist_ok=True)
        lower = ":".join(str(layer) for layer in reversed(self.layers))
        place = [str(parts["root"]), lower, str(parts["written"]), str(parts["work"])]
        pairs = [str(word) for target, source in binds.items() for word in (source, target)]
        variables = {"PATH": _PATH, "HOME": "/root", "QEMU_CPU": PROCESSOR, **environment}
        assignments = [f"{name}={value}" for name, value in variables.items()]
        return [*_NAMESPACES, "sh", "-c", _ENTER, "sh", *place, *pairs, "--", "env", "-i", *assignments, *command]


def network() -> tuple[dict[str, Path], dict[str, str]]:
    """Files and environment with which pip and apt inside find what they find on this host."""
    certificates = Path(os.environ.get("PIP_CERT") or _CERTIFICATES)
    files = {
        "/etc/resolv.conf": Path("/etc/resolv.conf"),
        "/etc/pip.conf": Path("/etc/pip.conf"),
        "/root/.config/pip/pip.conf": Path.home() / ".config/pip/pip.conf",
        str(_CERTIFICATES): certificates,
    }
    variables = {name: os.environ[name] for name in _NETWORK_VARIABLES if name in os.environ}
    bundle = {"PIP_CERT": str(_CERTIFICATES)} if certificates.exists() else {}
    return {inside: file for inside, file in files.items() if file.exists()}, variables | bundle

"""A real systemd without a second machine: a small Debian, booted by systemd-nspawn, cut off from the network.

Kept between runs, in `$XDG_CACHE_HOME/ser-monitor` (`~/.cache` by default): the Debian, of the host's own release or
of `$SER_TEST_DEBIAN` and from the host's own package sources, and the Python wheels that an installation in it needs.
What a run writes lies in an overlay in memory and goes with it, so that runs neither see nor wait for each other.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from benchmarks.checkout import ROOT
from benchmarks.debian import cache_folder, mirror, one_at_a_time, os_release, run

_PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus", "dbus-user-session", "procps", "make", "openssl"),
    *("python3", "python3-venv", "libportaudio2", "libasound2-plugins", "pulseaudio", "pulseaudio-utils"),
    *("mosquitto", "mosquitto-clients"),
)
_BOOT_S = 60.0
_STOP_S = 20.0
_LOOK_S = 0.1


def obstacle() -> str | None:
    """Why no container can be booted here; None where one can."""
    if os.geteuid() != 0:
        return "needs root"
    if os_release().get("ID") != "debian":
        return "needs a Debian, to make a small one of the same release"
    missing = [name for name in ("systemd-nspawn", "nsenter", "git") if shutil.which(name) is None]
    if not _root_folder().is_dir() and shutil.which("debootstrap") is None:
        missing.append("debootstrap")
    return f"not installed: {' '.join(missing)}" if missing else None


def root_folder() -> Path:
    """A Debian with what the service and its witnesses need; made at the first call, in about a minute."""
    folder = _root_folder()
    with one_at_a_time(folder):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            include = f"--include={','.join(_PACKAGES)}"
            run("debootstrap", "--variant=minbase", include, _codename(), str(partial), mirror())
            (partial / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n", encoding="ascii")
            for archive in (partial / "var/cache/apt/archives").glob("*.deb"):
                archive.unlink()
            partial.rename(folder)
    return folder


def wheels(root: Path) -> Path:
    """A folder with every Python package that an installation takes, for the Python in `root`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = project["project"]["optional-dependencies"]["metrics"]
    requirements = [*project["build-system"]["requires"], *project["project"]["dependencies"], *extra]
    python = _python_as_in(root)
    digest = hashlib.sha256("\n".join([python, *requirements]).encode()).hexdigest()[:12]
    folder = cache_folder() / f"wheels-{digest}"
    with one_at_a_time(folder):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            run(python, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(partial), *requirements)
            partial.rename(folder)
    return folder


class Machine:
    """A booted container."""

    def __init__(self, root: Path, binds: dict[str, Path], log: Path) -> None:
        """Boot `root` with the host's folders `binds` in it, by their place inside; the console goes to `log`."""
        self._log = log
        name = f"ser-monitor-{os.getpid()}"
        own = ["--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        shared = [f"--bind={source}:{target}" for target, source in binds.items()]
        command = ["systemd-nspawn", "--quiet", "-D", root, "-M", name, "--volatile=overlay", "--boot", *own, *shared]
        with log.open("wb") as console:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        self._leader = ""
        try:
            wait_for(self._booted, "the container to boot", within_s=_BOOT_S)
        except BaseException:
            self.stop()
            raise

    def run(self, *command: str, check: bool = True, text: str | None = None, **environment: str) -> str:
        """Run a command as root; its output, both streams."""
        result = subprocess.run(
            [
                "nsenter",
                "-t",
                self._leader,
                "--all",
                "--",
                "env",
                "-i",
                "--chdir=/",
                *_assignments(environment),
                *command,
            ],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL if text is None else None,
            text=True,
            check=False,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit {result.returncode}\n{result.stdout}")
        return result.stdout.strip()

    def shell(self, script: str, *, check: bool = True) -> str:
        """Run a shell script as root."""
        return self.run("sh", "-ec", script, check=check)

    def path(self, inside: str) -> Path:
        """A file of the container, as seen from the host."""
        return Path(f"/proc/{self._leader}/root") / inside.lstrip("/")

    def write(self, inside: str, text: str) -> None:
        """Write a file."""
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text, encoding="utf-8")

    def stop(self) -> None:
        """Shut down, by force where it takes long."""
        self._nspawn.terminate()
        try:
            self._nspawn.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()

    def _booted(self) -> bool:
        if self._nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended:\n{self._log.read_text(errors='replace')}")
        pid = self._nspawn.pid
        self._leader = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").partition(" ")[0]
        return bool(self._leader) and self.run("systemctl", "is-system-running", check=False) in ("running", "degraded")


def wait_for(condition, what: str, *, within_s: float = 15.0):
    """Wait until `condition()` is true, and return what it gave."""
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {within_s:.0f} s for {what}"
        time.sleep(_LOOK_S)
    return value


def _assignments(environment: dict[str, str]) -> list[str]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return [f"{name}={value}" for name, value in {"PATH": path, "HOME": "/root", **environment}.items()]


def _root_folder() -> Path:
    digest = hashlib.sha256(" ".join(_PACKAGES).encode()).hexdigest()[:12]
    return cache_folder() / f"{_codename()}-{digest}"


def _codename() -> str:
    return os.environ.get("SER_TEST_DEBIAN") or os_release().get("VERSION_CODENAME", "")


def _python_as_in(root: Path) -> str:
    """A Python of this host that takes the same wheels as the one in `root`."""
    name = (root / "usr/bin/python3").readlink().name
    if name == f"python{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    python = shutil.which(name)
    assert python is not None, f"found Python {sys.version.split()[0]}, wanted {name} for the wheels"
    return python

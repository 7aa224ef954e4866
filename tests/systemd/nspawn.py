"""A real systemd without a second machine: a small Debian, booted by systemd-nspawn, cut off from the network.

Kept between runs, in `$XDG_CACHE_HOME/ser-monitor` (`~/.cache` by default): the Debian, of the host's own release or
of `$SER_TEST_DEBIAN` and from the host's own package sources, and the Python wheels that an installation in it needs.
What a run writes lies in an overlay in memory and goes with it, so that runs neither see nor wait for each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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
    if _os_release().get("ID") != "debian":
        return "needs a Debian, to make a small one of the same release"
    missing = [name for name in ("systemd-nspawn", "nsenter", "git") if shutil.which(name) is None]
    if not _root_folder().is_dir() and shutil.which("debootstrap") is None:
        missing.append("debootstrap")
    return f"not installed: {' '.join(missing)}" if missing else None


def root_folder() -> Path:
    """A Debian with what the service and its witnesses need; made at the first call, in about a minute."""
    folder = _root_folder()
    with _one_at_a_time(folder):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            include = f"--include={','.join(_PACKAGES)}"
            _run("debootstrap", "--variant=minbase", include, _codename(), str(partial), _mirror())
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
    folder = _cache() / f"wheels-{digest}"
    with _one_at_a_time(folder):
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            _run(python, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(partial), *requirements)
            partial.rename(folder)
    return folder


def copy_checkout(folder: Path) -> Path:
    """What a clone would hold, with the changes that are not committed yet."""
    # Under sudo the checkout is somebody else's.
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    names = _run(*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():  # removed files are still listed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
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


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ser-monitor"


def _root_folder() -> Path:
    digest = hashlib.sha256(" ".join(_PACKAGES).encode()).hexdigest()[:12]
    return _cache() / f"{_codename()}-{digest}"


def _os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def _codename() -> str:
    return os.environ.get("SER_TEST_DEBIAN") or _os_release().get("VERSION_CODENAME", "")


def _mirror() -> str:
    """Where this host gets the packages of its release."""
    form = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    for line in _run("apt-get", "indextargets", "--format", form, "Created-By: Packages").splitlines():
        codename, component, uri = line.split(maxsplit=2)
        if (codename, component) == (_os_release().get("VERSION_CODENAME"), "main"):
            return uri
    raise AssertionError("apt has no source for main of this release")


def _python_as_in(root: Path) -> str:
    """A Python of this host that takes the same wheels as the one in `root`."""
    name = (root / "usr/bin/python3").readlink().name
    if name == f"python{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    python = shutil.which(name)
    assert python is not None, f"found Python {sys.version.split()[0]}, wanted {name} for the wheels"
    return python


@contextmanager
def _one_at_a_time(folder: Path):
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        tail = "\n".join((result.stdout + result.stderr).splitlines()[-20:])
        raise AssertionError(f"{' '.join(command[:3])}: exit {result.returncode}\n{tail}")
    return result.stdout

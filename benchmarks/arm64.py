"""Debian's arm64 userlands with what `pip install ser-monitor` brings, made once and kept."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from typing import TYPE_CHECKING

from benchmarks.checkout import ROOT, build_wheel, copy_checkout
from benchmarks.debian import cache_folder, mirror, one_at_a_time, run
from benchmarks.userland import Userland, network, registered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

RELEASES = ("bookworm", "trixie")
"""Of Debian, and so of Raspberry Pi OS: Python 3.11 with tflite-runtime, Python 3.13 with ai-edge-litert."""
ENVIRONMENT = "/opt/ser-monitor"
"""The virtual environment, where `make install` makes it too."""
DOWNLOADS = "/srv/downloads"
"""What pip downloaded for it."""
TOOLS = "/srv/tools"
"""What the unit tests need, apart from what people get."""
ASSUMED = ("python3", "python3-venv", "ca-certificates")
"""Debian packages that are there before anything is installed."""
_TEST_PACKAGES = ("pytest", "pytest-timeout", "hypothesis", "jsonschema", "prometheus-client", "cryptography")
_ORACLES = ("python_speech_features==0.6", "scipy")
"""What the features are held against. Without what they depend on: another numpy would hide the program's own."""
_PIP = f"{ENVIRONMENT}/bin/python -m pip --quiet --disable-pip-version-check --no-cache-dir"
_INSTALL = f"""
python3 -m venv {ENVIRONMENT}
{_PIP} download --dest {DOWNLOADS} "$@"
{_PIP} install {DOWNLOADS}/*
"""
_INSTALL_TOOLS = f"""
{_PIP} install --target {TOOLS} "$@"
{_PIP} install --target {TOOLS} --no-deps {" ".join(_ORACLES)}
"""
_INSTALL_WHEEL = f"{_PIP} install --no-index --no-deps"


def debian(release: str) -> Path:
    """A minimal arm64 Debian with Python; made at the first call, in some minutes."""
    included = ",".join(ASSUMED)

    def make(partial: Path) -> None:
        words = ("--arch=arm64", "--variant=minbase", f"--include={included}", release)
        run(*registered("debootstrap", *words, partial, mirror()))
        for archive in (partial / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()

    return _kept(f"arm64-{release}-{_digest(included)}", make)


def environment(release: str) -> tuple[Path, ...]:
    """The layers of that Debian with all that ser-monitor depends on; made at the first call, in some minutes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lowest = (debian(release),)
    return (*lowest, _layer(f"arm64-{release}-environment", lowest, _INSTALL, project["project"]["dependencies"]))


def tools(release: str, layers: tuple[Path, ...]) -> Path:
    """One more layer, with what the unit tests need; made at the first call, in a minute or two."""
    return _layer(f"arm64-{release}-tools", layers, _INSTALL_TOOLS, _TEST_PACKAGES)


def installed(release: str, folder: Path) -> Userland:
    """That Debian as people have it who installed this checkout's wheel; what is written goes below `folder`."""
    wheel = build_wheel(copy_checkout(folder / "checkout"), folder)
    layers = environment(release)
    userland = Userland((*layers, tools(release, layers)), folder / "userland")
    inside = f"/srv/{wheel.name}"
    userland.run("sh", "-euc", f"{_INSTALL_WHEEL} {inside}", binds={inside: wheel})
    return userland


def _layer(name: str, below: tuple[Path, ...], script: str, words: Sequence[str]) -> Path:
    """What a shell script leaves that is run on the layers below, with the network."""

    def make(partial: Path) -> None:
        files, variables = network()
        Userland(below, partial).run("sh", "-euc", script, "sh", *words, binds=files, environment=variables)

    digest = _digest(*(layer.parent.name for layer in below[1:]), below[0].name, script, *words)
    return _kept(f"{name}-{digest}", make) / "written"


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache: made whole, or not at all."""
    folder = cache_folder() / name
    with one_at_a_time(folder):
        if not folder.is_dir():
            partial = folder.with_name(f"{name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            make(partial)
            partial.rename(folder)
    return folder


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]

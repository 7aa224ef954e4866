"""`make footprint`: what the program brings onto a fresh arm64 Debian, download and disk, one package at a time.

Writes docs/footprint.json and from it docs/footprint.md; the reasons stand in `benchmarks/footprintpage.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.arm64 import DOWNLOADS, ENVIRONMENT, RELEASES, debian, installed
from benchmarks.checkout import ROOT
from benchmarks.footprintpage import page
from benchmarks.userland import Userland, network, obstacle

FIGURES = ROOT / "docs" / "footprint.json"
PAGE = ROOT / "docs" / "footprint.md"
DEBIAN_PACKAGES = ("libportaudio2",)
_ON_DISK = """
import os
def on_disk(files):  # blocks of each file once: hard links share them
    known = {(s.st_dev, s.st_ino): s.st_blocks * 512 for s in map(os.lstat, filter(os.path.lexists, files))}
    return sum(known.values())
"""
_PYTHON_SIDE = f"""
{_ON_DISK}
import json, sys
from importlib.metadata import distributions
from pathlib import Path
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name as plain

installed = {{plain(d.metadata["Name"]): d for d in distributions()}}
downloaded = {{plain(f.name.partition("-")[0]): f.stat().st_size for f in Path("{DOWNLOADS}").iterdir()}}
downloaded["ser-monitor"] = int(sys.argv[1])
needed_by = {{"ser-monitor": []}}
waiting = ["ser-monitor"]
while waiting:
    one = waiting.pop(0)
    for text in installed[one].requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({{"extra": ""}}):
            name = plain(requirement.name)
            if name not in needed_by:
                waiting.append(name)
            needed_by.setdefault(name, []).append(one)
environment = [p for p in Path("{ENVIRONMENT}").rglob("*") if not p.is_symlink()]
print(json.dumps({{
    "python": sys.version.split()[0],
    "environment_bytes": on_disk(environment),
    "packages": [
        {{"name": name, "version": installed[name].version, "needed_by": sorted(set(by)),
          "download_bytes": downloaded[name],
          "disk_bytes": on_disk([str(f.locate()) for f in installed[name].files])}}
        for name, by in needed_by.items()
    ],
}}))
"""
_DEBIAN_SIDE = f"""
{_ON_DISK}
import json, re, subprocess, sys
def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
run("apt-get", "update")
words = ("apt-get", "install", "--yes", "--no-install-recommends")
uris = run(*words, "--print-uris", *sys.argv[1:])
sizes = {{name: int(size) for name, size in re.findall(r"^'\\S+' (\\S+?)_\\S+ (\\d+)", uris, re.MULTILINE)}}
run(*words, *sys.argv[1:])
print(json.dumps([
    {{"name": name, "version": run("dpkg-query", "-W", "-f", "${{Version}}", name), "download_bytes": size,
      "disk_bytes": on_disk([f for f in run("dpkg", "-L", name).splitlines() if not os.path.isdir(f)])}}
    for name, size in sizes.items()
]))
"""


def main(arguments: list[str]) -> int:
    """Measure every release, write the figures and the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--page-only", action="store_true", help="measure nothing: write the page of what was measured")
    if not parser.parse_args(arguments).page_only:
        if reason := obstacle():
            sys.stderr.write(f"no arm64 program can be run here: {reason}\n")
            return 1
        measured = {release: measure(release) for release in RELEASES}
        FIGURES.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(FIGURES.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


def measure(release: str) -> dict[str, Any]:
    """Python packages of the installed program, and Debian packages of a Debian that has none of them yet."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        program = installed(release, folder)
        (wheel,) = folder.glob("*.whl")
        python = [f"{ENVIRONMENT}/bin/python", "-c", _PYTHON_SIDE, str(wheel.stat().st_size)]
        figures: dict[str, Any] = json.loads(program.run(*python).stdout)
        files, variables = network()
        fresh = Userland((debian(release),), folder / "fresh")
        words = ["python3", "-c", _DEBIAN_SIDE, *DEBIAN_PACKAGES]
        said = fresh.run(*words, binds=files, environment=variables | {"DEBIAN_FRONTEND": "noninteractive"}).stdout
        return figures | {"debian_packages": json.loads(said)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

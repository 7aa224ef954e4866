"""docs/footprint.md: the page is that of its figures, and every dependency has a reason."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from benchmarks.arm64 import ASSUMED
from benchmarks.footprintpage import page, reason

ROOT = Path(__file__).parent.parent
FIGURES = json.loads((ROOT / "docs/footprint.json").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = sorted({re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]})


def test_the_page_is_that_of_its_figures():
    shown = (ROOT / "docs/footprint.md").read_text(encoding="utf-8")
    assert shown == page(FIGURES), "write it anew: python -m benchmarks.footprint --page-only"


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_every_dependency_has_its_reason_and_was_measured(name):
    assert reason(name)
    measured = {one["name"] for figures in FIGURES.values() for one in figures["packages"]}
    assert name.replace("_", "-").lower() in measured


@pytest.mark.parametrize("release", FIGURES)
def test_nothing_was_measured_that_nobody_needs(release):
    packages = FIGURES[release]["packages"]
    names = {one["name"] for one in packages}
    direct = {one["name"] for one in packages if one["needed_by"] == ["ser-monitor"]}
    assert direct <= {name.replace("_", "-").lower() for name in DEPENDENCIES}
    assert all(set(one["needed_by"]) <= names for one in packages)


@pytest.mark.parametrize("name", ASSUMED)
def test_what_was_there_before_and_is_not_counted_is_said(name):
    assert f"`{name}`" in page({})

"""Seeds of the fuzzing, and what it has found: replayed in every run, without atheris."""

from importlib import import_module
from pathlib import Path

import pytest

from fuzz import TARGETS

FINDINGS = Path(__file__).parent / "findings"


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_keep_the_promise(name):
    target = import_module(f"fuzz.{name}")
    assert target.seeds()
    for seed in target.seeds():
        target.check(seed)


@pytest.mark.parametrize("path", sorted(FINDINGS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(path):
    import_module(f"fuzz.{path.parent.name}").check(path.read_bytes())

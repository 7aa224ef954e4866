"""The Makefile: what it promises at its head and as targets has a rule."""

import re
from pathlib import Path

import pytest

MAKEFILE = (Path(__file__).parent.parent / "Makefile").read_text()
RULES = {name for line in re.findall(r"^([a-z][a-z0-9 -]*):(?!=)", MAKEFILE, re.MULTILINE) for name in line.split()}
TARGETS = {name for line in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE) for name in line.split()}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_target_has_a_rule(name):
    """make says nothing of a .PHONY target without one, and does nothing."""
    assert name in RULES


def test_what_is_explained_can_be_made():
    head = MAKEFILE.partition("\n\n")[0]
    named = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", head))
    assert {"run", "test", "bench", "footprint"} <= named <= TARGETS

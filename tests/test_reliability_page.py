"""Each fault on docs/reliability.md has a test that proves it, and each test named there exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reliability.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)+)`")


def section(title):
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert match, f"no section '{title}'"
    return match[1]


def rows():
    """Of the tables of faults: the three cells of each row."""
    lines = [line for line in section("What happens on each fault").splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "fault" and set(row[0]) != {"-"}]


@cache
def names_in(path):
    """`NAME` and `CLASS::NAME` of every test in a file."""
    found = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {f"{prefix}{one.name}" for one in inner if isinstance(one, ast.FunctionDef)}
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


NAMED = sorted({(path, name.removeprefix("::")) for path, name in _TEST.findall(PAGE.read_text(encoding="utf-8"))})


def test_every_fault_is_told_with_what_is_observed_and_its_tests():
    assert len(rows()) > 50
    for row in rows():
        assert len(row) == 3, row
        fault, observed, tests = row
        assert fault, row
        assert observed, row
        named = _TEST.sub("", tests)
        assert _TEST.search(tests), f"no test proves: {fault}"
        assert not named.strip(", "), f"not the name of a test: {named}"


def test_no_fault_is_told_twice():
    faults = [row[0] for row in rows()]
    assert len(faults) == len(set(faults))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda value: value)
def test_a_test_that_is_named_exists(path, name):
    assert (ROOT / path).is_file(), f"{path}: no such file"
    assert name in names_in(path), f"{path} has no {name}"

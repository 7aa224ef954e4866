"""Each test file runs in a Raspberry Pi's userland, or it is said why not; asked for and impossible is a failure."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from arm64.selection import LEFT_OUT, RUN_THERE, TESTS_LEFT_OUT

TESTS = Path(__file__).parent
FILES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py"))
NAMED = [*RUN_THERE, *(name for names in LEFT_OUT.values() for name in names)]


def holds(name, file):
    """Whether a file or folder of the lists is this file, or has it."""
    return file == name or file.startswith(f"{name}/")


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_in_one_list_once(file):
    named = [name for name in NAMED if holds(name, file)]
    assert len(named) == 1, f"to be added to one list of tests/arm64/selection.py: {file}; found {named}"


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_there(name):
    assert any(holds(name, file) for file in FILES)


@pytest.mark.parametrize("part", TESTS_LEFT_OUT)
def test_what_is_left_out_of_the_files_that_run_is_in_one_of_them(part):
    assert any(part in name for file in FILES if runs(file) for name in names_in(file))


def runs(file):
    return any(holds(name, file) for name in RUN_THERE)


def names_in(file):
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@pytest.mark.parametrize(("asked", "code", "said"), [("1", 1, "no arm64 program can be run here"), ("", 0, "skipped")])
def test_where_it_was_asked_for_and_cannot_be_it_fails(asked, code, said, tmp_path):
    environment = os.environ | {"SER_TEST_ARM64": asked, "PATH": str(tmp_path)}  # no unshare and no debootstrap
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "killed", TESTS / "arm64"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert said in done.stdout

"""docs/training.md says what is there, and its recipe works."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.architectures import build_architecture
from trainer.cli import main
from trainer.labels import SCHEMES, label_scheme
from trainer.plots import PLOTS
from trainer.protocols import PROTOCOLS
from trainer.recipefile import packaged_recipes, read_recipe
from trainer.trials import check_recipe

PAGE = (Path(__file__).parents[2] / "docs/training.md").read_text()


def section(title):
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def first_cells(text):
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def test_all_verbs_protocols_and_recipes_are_named():
    parts = section("Verbs"), section("Protocols"), section("Recipes")
    helped = subprocess.run([sys.executable, "-m", "trainer.cli", "--help"], capture_output=True, text=True, check=True)
    verbs = re.findall(r"^    ([\w-]+)\s", helped.stdout, re.MULTILINE)
    assert {cell.split()[0] for cell in first_cells(parts[0])} == set(verbs)
    assert first_cells(parts[1]) == list(PROTOCOLS)
    assert set(first_cells(parts[2])) == set(packaged_recipes())


def test_leaky_protocols_are_called_so():
    for line in section("Protocols").splitlines():
        if name := re.match(r"\| `([^`]+)`", line):
            assert ("**leaky**" in line) == bool(PROTOCOLS[name[1]][1])


def test_the_recipe_of_the_page_works(worker, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    recipe = read_recipe(path)
    check_recipe(recipe)
    assert label_scheme(recipe.labels).labels == ("high", "low")
    assert worker(output_shape, recipe.architecture) == (None, 2)


def output_shape(settings):
    """In another process."""
    return build_architecture(settings, (90, 51), 2).output_shape


def test_label_schemes_are_named():
    text = section("Recipes")
    for name in SCHEMES:
        assert f"`{name}`" in text or f"`-{name.rsplit('-', 1)[1]}`" in text


@pytest.mark.parametrize("verb", ["corpora", "train", "crossval", "compare", "evaluate", "tune", "export", "plot"])
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert "--data" in printed
    assert "--out" in printed


def test_the_list_of_plots_is_complete(capsys):
    assert main(["plot", "list"]) == 0
    assert capsys.readouterr().out.count("\n") == len(PLOTS)

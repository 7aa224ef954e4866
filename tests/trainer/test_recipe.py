from importlib.resources import files
from pathlib import Path

import pytest

from monitor.errors import ConfigError, NoInputError
from trainer.experiment import check_chains
from trainer.labels import label_scheme
from trainer.recipefile import read_recipe, recipe_path
from trainer.runs import write_json

PACKAGED = sorted(path.stem for path in (Path(str(files("trainer"))) / "recipes").glob("*.toml"))


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_recipes_are_valid(name):
    recipe = read_recipe(recipe_path(name))
    check_chains(recipe)
    label_scheme(recipe.labels)
    assert recipe.name == name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sede = 3", "sede"),
        ("steps = 12", 'steps = "many"', "steps"),
        ("steps = 12", "", "steps"),
        ("batch_size = 8", "batch_size = 0", "batch_size"),
        ("schema = 1", "schema = 2", "schema"),
        ("seed = 3", "seed =", "seed|Invalid"),
    ],
)
def test_wrong_recipes_are_refused(tiny_path, tmp_path, old, new, message):
    path = tmp_path / "wrong.toml"
    path.write_text(tiny_path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=f"wrong.toml: .*({message}).*correct the recipe"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "speed"', 'name = "sped"', "augmentation 'sped' is unknown at this stage; known: speed"),
        ("max_factor = 1.1", "max_factor = 9.0", "augmentation 'speed': .*max_factor"),
        ("max_filters = 1.0", "max_filters = 1.0\ndepth = 2", "augmentation 'warp': .*depth"),
    ],
)
def test_wrong_augmentations_are_refused_before_work(tiny_path, tmp_path, old, new, message):
    path = tmp_path / "wrong.toml"
    path.write_text(tiny_path.read_text().replace(old, new))
    recipe = read_recipe(path)
    with pytest.raises(ConfigError, match=message):
        check_chains(recipe)


def test_unknown_recipe_lists_the_known_ones():
    with pytest.raises(NoInputError, match=r"no recipe 'emotoin': .*emotion"):
        recipe_path("emotoin")


def test_digest_survives_the_run_folder(tiny, tmp_path):
    write_json(tmp_path / "recipe.json", tiny)
    assert read_recipe(tmp_path / "recipe.json").digest() == tiny.digest()
    assert tiny.replaced(seed=4).digest() != tiny.digest()

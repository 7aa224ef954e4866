import importlib.util
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from monitor.errors import ConfigError, MissingDependencyError, NoInputError
from trainer.architectures import build_architecture
from trainer.experiment import check_chains
from trainer.labels import label_scheme
from trainer.protocols import PROTOCOLS
from trainer.recipefile import find_recipes, read_recipe, read_recipes, recipe_path
from trainer.runs import write_json
from trainer.trials import check_recipe

PACKAGED = sorted(path.stem for path in (Path(str(files("trainer"))) / "recipes").glob("*.toml"))


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_recipes_are_valid(name):
    recipes = read_recipes(recipe_path(name))
    for recipe in recipes:
        try:
            check_recipe(recipe)
        except MissingDependencyError as error:
            # An extra that is not for everybody: openSMILE's licence.
            pytest.skip(str(error))
        assert recipe.name == name or recipe.name.startswith(f"{name}-")
        if getattr(recipe, "own_protocol", None):
            assert recipe.own_protocol in PROTOCOLS


CLIP_NETWORKS = [
    recipe for name in PACKAGED for recipe in find_recipes([name]) if getattr(recipe, "fit", None) is not None
]


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
@pytest.mark.parametrize("recipe", CLIP_NETWORKS, ids=lambda recipe: recipe.name)
def test_packaged_networks_can_be_built(worker, recipe):
    n_labels = len(label_scheme(recipe.labels).labels)
    assert worker(output_shape, recipe.architecture, (96, 40), n_labels) == (None, n_labels)


def output_shape(settings, input_shape, n_labels):
    """In another process."""
    return build_architecture(settings, input_shape, n_labels).output_shape


def test_a_recipe_like_another_takes_over_what_it_does_not_name(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('name = "own"\nlike = "emotion"\nlabels = "valence-3"\n[corpora.EmoDB]\n')
    own, other = read_recipe(path), read_recipe(recipe_path("emotion"))
    assert (own.name, own.labels, list(own.corpora)) == ("own", "valence-3", ["EmoDB"])
    assert (own.training, own.augment, own.committee) == (other.training, other.augment, other.committee)
    path.write_text('name = "own"\nlike = "emotoin"\n')
    with pytest.raises(ConfigError, match=r"no recipe 'emotoin'; wanted one of: .*emotion"):
        read_recipe(path)


def test_a_variant_names_only_the_augmentations_that_it_changes():
    one, noisy = find_recipes(["ravdess-one", "ravdess-trials-noisy"])
    assert noisy.augment.maps == one.augment.maps
    assert noisy.augment.voice != one.augment.voice
    (long,) = find_recipes(["ravdess-trials-long"])
    assert long == one.replaced(name=long.name, description=long.description, training=long.training)
    assert long.training == msgspec.structs.replace(one.training, steps=2400)


def test_a_suite_is_read_as_its_variants(tmp_path):
    path = tmp_path / "suite.toml"
    path.write_text(SUITE)
    first, second = read_recipes(path)
    assert (first.name, second.name) == ("both-tree", "both-svm")
    assert (first.baseline, second.baseline) == ({"name": "tree"}, {"name": "svm"})
    assert first.layout.pooled
    assert not second.layout.pooled
    assert first.digest() != second.digest()
    with pytest.raises(ConfigError, match="both-tree, both-svm; wanted one recipe"):
        read_recipe(path)


def test_one_variant_is_found_by_its_name():
    (found,) = find_recipes(["classical-svm"])
    assert found.name == "classical-svm"
    assert len(find_recipes(["classical"])) >= 6
    with pytest.raises(NoInputError, match="no recipe 'classical-nonsense'"):
        find_recipes(["classical-nonsense"])


SUITE = """
schema = 1
kind = "clip"
name = "both"
[corpora.RAVDESS]
[clip]
seconds = 1.0
[[features]]
name = "mfcc"
[layout]
pooled = true
[variants.tree]
baseline = { name = "tree" }
[variants.svm]
baseline = { name = "svm" }
layout = { pooled = false }
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "clip"', 'kind = "clop"', "found 'clop', wanted one of: stream, clip"),
        ("[clip]", "[clap]", "clap"),
        ('baseline = { name = "tree" }', "", "exactly one of the tables baseline and architecture"),
        ("seconds = 1.0", "", "clip.seconds must be given"),
        ('baseline = { name = "svm" }', 'architecture = { name = "mlp" }', "architecture and fit go together"),
    ],
)
def test_wrong_recipes_for_clips_are_refused(tmp_path, old, new, words):
    path = tmp_path / "wrong.toml"
    path.write_text(SUITE.replace(old, new))
    with pytest.raises(ConfigError, match=words):
        read_recipes(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "mfcc"', 'name = "mfccs"', "mfccs"),
        ('name = "tree"', 'name = "bush"', "baseline 'bush' is unknown"),
        ('name = "both"', 'name = "both"\naugment = [[{ name = "sped" }]]', "augmentation 'sped' is unknown"),
        ('name = "both"', 'name = "both"\nlabels = "emotions"', "label scheme 'emotions' is unknown"),
    ],
)
def test_wrong_entries_are_refused_before_anything_is_computed(tmp_path, old, new, words):
    path = tmp_path / "wrong.toml"
    path.write_text(SUITE.replace(old, new))
    with pytest.raises(ConfigError, match=words):
        check_recipe(read_recipes(path)[0])


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

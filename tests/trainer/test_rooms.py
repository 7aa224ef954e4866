"""Whose rooms a model was trained in is told by its card, and by no other's."""

import msgspec
import pytest

from trainer.forms import _plays_rooms
from trainer.recipefile import find_recipes


@pytest.mark.parametrize("name", ["emotion", "emotion-world", "emotion-sounds"])
def test_recipes_of_what_is_shipped_play_rooms(name):
    (recipe,) = find_recipes([name])
    assert _plays_rooms(recipe)


def test_a_recipe_without_measured_rooms_names_none():
    (recipe,) = find_recipes(["emotion"])
    voice = tuple(step for step in recipe.augment.voice if step["name"] != "reverb")
    augment = msgspec.structs.replace(recipe.augment, voice=voice)
    assert not _plays_rooms(msgspec.structs.replace(recipe, augment=augment))

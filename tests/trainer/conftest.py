from pathlib import Path

import pytest
from dummy_corpora import make_all

from trainer.recipefile import read_recipe


@pytest.fixture(scope="session")
def corpora_root(tmp_path_factory):
    return make_all(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="session")
def tiny_path():
    return Path(__file__).parent / "tiny.toml"


@pytest.fixture
def tiny(tiny_path):
    return read_recipe(tiny_path)

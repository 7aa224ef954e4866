import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
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


@pytest.fixture(scope="session")
def worker():
    """Calls functions of test modules in a process of its own: `worker(function, *args)`.

    TensorFlow stays there: it clashes with the small interpreter that other tests load here.
    """
    before = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "TF_CPP_MIN_LOG_LEVEL")}
    os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield lambda function, *args: pool.submit(function, *args).result()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})

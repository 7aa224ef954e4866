"""Which form of a network is shipped."""

import pytest

from trainer.export import choose
from trainer.forms import Measured


def form(name, kilobytes, ms, uar, agreement=1.0):
    return Measured(name, kilobytes * 1000, ms, uar, agreement)


FLOAT32 = form("float32", 1300, 0.90, 0.620)


@pytest.mark.parametrize(
    ("others", "wanted"),
    [
        ([form("float16", 720, 0.88, 0.620), form("int8", 490, 2.1, 0.620)], "float16"),
        # Slower by less than a tenth is the same time.
        ([form("float16", 720, 0.96, 0.620)], "float16"),
        ([form("float16", 720, 1.00, 0.620)], "float32"),
        ([form("int8", 490, 0.40, 0.616)], "int8"),
        # Other labels than Keras', for more than one window in two hundred.
        ([form("int8", 490, 0.40, 0.624, 0.994)], "float32"),
        ([form("int8", 490, 0.40, 0.624, 0.996)], "int8"),
        # More than half a point is lost.
        ([form("int8", 490, 0.40, 0.614)], "float32"),
        ([form("dynamic", 440, 0.41, 0.619), form("int8", 490, 0.40, 0.619)], "dynamic"),
    ],
)
def test_the_fastest_form_that_loses_little_and_the_smallest_of_those(others, wanted):
    assert choose([FLOAT32, *others]).form == wanted

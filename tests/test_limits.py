"""Every bound has a name, is told, and is explained; what is told is what holds."""

from pathlib import Path

from monitor import limits
from monitor.config import load_settings
from monitor.limits import limits_of

ROOT = Path(__file__).resolve().parent.parent


def test_all_of_them_are_told():
    told = limits_of(load_settings(None, {}))
    constants = {name.lower(): value for name, value in vars(limits).items() if name.endswith("_MAX")}
    assert len(constants) >= 8
    assert constants.items() <= told.items()
    assert set(told) - set(constants) == {"ring_s", "queue_max", "events_per_min"}


def test_those_that_are_set_are_told_as_set():
    told = limits_of(load_settings(None, {}, {"audio": {"ring_s": 3.0}, "mqtt": {"queue_max": 5}}))
    assert (told["ring_s"], told["queue_max"]) == (3.0, 5)


def test_each_is_explained():
    page = (ROOT / "docs/mqtt.md").read_text(encoding="utf-8")
    explained = page[page.index("`limits`, the bounds") :]
    for name in limits_of(load_settings(None, {})):
        assert f"`{name}`" in explained, name

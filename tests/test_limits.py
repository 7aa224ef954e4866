"""Every bound has a name, is told, and is explained; what is told is what holds."""

import ast
from pathlib import Path

from monitor import limits
from monitor.config import load_settings
from monitor.limits import limits_of

ROOT = Path(__file__).resolve().parent.parent
QUEUES = {"deque", "Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"}
"""What makes a queue."""
TOLD_AS = {
    "monitor/mqtt/outgoing.py _waiting": {"queue_max", "momentary_max"},
    "monitor/ring.py _losses": {"ring_s"},  # at most one for each stored sample, see test_ring.py
    "monitor/sinks/outbox.py _queue": {"reports_max"},
}
"""Queues that grow with the world, and the names by which their bounds are told."""
OF_THEIR_OWN_SIZE = {
    "monitor/checkup/broker.py answers": "one answer",
    "monitor/health.py _took_s": "the figures of one status",
    "monitor/pipeline/background.py _last": "three frames",
    "monitor/pipeline/background.py _minima": "ten figures",
    "monitor/pipeline/segments.py _sent": "numbers, of the events of one minute",
    "monitor/pipeline/voiced.py _recent": "frames of two windows",
    "monitor/pipeline/windows.py _votes": "frames of one window",
}
"""Queues whose size nothing from outside can change, and what they hold."""


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


def queues_in(path):
    """Every queue that a file makes, by what it is assigned to."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and name_of(call.func) in QUEUES:
            holder = parents[call]
            target = holder.targets[0] if isinstance(holder, ast.Assign) else getattr(holder, "target", None)
            yield f"{path.relative_to(ROOT).as_posix()} {name_of(target) or f'line {call.lineno}'}"


def name_of(node):
    return getattr(node, "attr", "") or getattr(node, "id", "")


def test_no_queue_grows_without_a_bound_that_is_told():
    found = {queue for path in (ROOT / "monitor").rglob("*.py") for queue in queues_in(path)}
    assert found == set(TOLD_AS) | set(OF_THEIR_OWN_SIZE), "a queue that is new, or gone: name its bound here"
    assert set.union(*TOLD_AS.values()) <= set(limits_of(load_settings(None, {})))


def test_a_queue_that_is_new_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "new.py"
    file.write_text("a: deque[int] = deque()\nself.b = queue.Queue()\nc(collections.deque([1]))\nd = deque(maxlen=3)\n")
    assert set(queues_in(file)) == {"new.py a", "new.py b", "new.py line 3", "new.py d"}

"""Who is inside, and what may only be done while nobody is."""

import threading

import pytest
from waiting import wait_until

from monitor.sources.occupancy import Occupancy


def test_only_an_empty_place_is_done_up():
    place, done = Occupancy(), []
    assert place.if_empty(lambda: done.append("empty"))
    with place.visit():
        place.enter()
        assert not place.if_empty(lambda: done.append("visited"))
    assert not place.if_empty(lambda: done.append("entered"))
    place.leave()
    assert place.if_empty(lambda: done.append("left"))
    assert done == ["empty", "left"]


def test_nobody_comes_in_meanwhile():
    place, order = Occupancy(), []
    begun, goes_on = threading.Event(), threading.Event()

    def work():
        begun.set()
        goes_on.wait()
        order.append("done")

    def visit():
        with place.visit():
            order.append("visited")

    threads = [threading.Thread(target=target) for target in (lambda: place.if_empty(work), visit)]
    threads[0].start()
    begun.wait()
    threads[1].start()
    goes_on.set()
    for thread in threads:
        thread.join()
    assert order == ["done", "visited"]


def test_what_fails_leaves_it_open():
    place = Occupancy()

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        place.if_empty(fail)
    with pytest.raises(ValueError, match="no"), place.visit():
        fail()
    assert place.if_empty(lambda: None)
    visitors = [threading.Thread(target=place.enter) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    wait_until(lambda: not any(visitor.is_alive() for visitor in visitors))
    assert not place.if_empty(lambda: None)

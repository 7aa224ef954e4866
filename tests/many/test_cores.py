"""Who may use which core, as the kernel sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.broker import mosquitto
from benchmarks.many.__main__ import main
from benchmarks.many.cores import Cores
from benchmarks.many.processes import started
from benchmarks.many.resources import machine_times

USABLE = frozenset(os.sched_getaffinity(0))
needs_two_cores = pytest.mark.skipif(len(USABLE) < 2, reason="needs two cores")


def test_unasked_everybody_may_use_all_that_this_program_may():
    assert Cores.divided(None) == Cores(USABLE, USABLE)


@needs_two_cores
def test_monitors_are_alone_on_their_cores():
    cores = Cores.divided(1)
    assert len(cores.monitors) == 1
    assert cores.others == USABLE - cores.monitors
    assert not cores.shared
    assert cores.as_json()["monitor_cores"] == sorted(cores.monitors)
    assert cores.text.startswith("monitors on one of them, player and broker on the other")


def test_a_single_core_is_shared(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    cores = Cores.divided(1)
    assert (cores.monitors, cores.others, cores.shared) == ({3}, {3}, True)
    assert cores.text == "monitors, player and broker all on one of them"


@pytest.mark.parametrize("n_monitors", [0, len(USABLE) + 1])
def test_cores_that_are_not_there_are_refused(n_monitors):
    with pytest.raises(ValueError, match=f"found {len(USABLE)} cores"):
        Cores.divided(n_monitors)


@pytest.mark.skipif(mosquitto() is None, reason="needs Mosquitto")
def test_the_command_says_how_many_cores_there_are(capsys):
    assert main(["--quick", "--cores", str(len(USABLE) + 1)]) == 64
    assert f"found {len(USABLE)} cores" in capsys.readouterr().err


@needs_two_cores
def test_monitors_and_others_stay_on_their_cores_until_all_is_measured():
    cores = Cores.divided(1)
    with started([sys.executable, "-c", WITH_A_THREAD], stdout=subprocess.PIPE) as monitor:
        assert monitor.stdout.readline()
        with cores.divided_among([monitor.pid], []), started(["sleep", "600"]) as player:
            assert affinities(monitor.pid) == [cores.monitors] * 2
            assert affinities(player.pid) == [cores.others]
            assert all(found == cores.others for found in affinities(os.getpid()))
        assert all(found == USABLE for found in affinities(os.getpid()))


WITH_A_THREAD = "import threading; threading.Thread(target=threading.Event().wait).start(); print(flush=True)"


def affinities(pid):
    return [os.sched_getaffinity(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]


def test_who_has_ended_is_left_out():
    with started(["sleep", "600"]) as gone:
        pass
    with Cores.divided(1).divided_among([gone.pid], [gone.pid]):
        pass
    assert os.sched_getaffinity(0) == USABLE


def test_times_of_some_cores_are_less_than_those_of_all():
    one, every = machine_times({min(USABLE)}), machine_times(set(range(os.cpu_count())))
    assert 0 < sum(one) <= sum(every)

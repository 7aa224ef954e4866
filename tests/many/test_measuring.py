"""The benchmark of many microphones on real processes, pipes and a real broker: nothing is lost or left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest
from waiting import wait_until

from benchmarks.broker import mosquitto
from benchmarks.many.broker import Arrival, Subscriber, broker
from benchmarks.many.configuration import environment
from benchmarks.many.cores import Cores
from benchmarks.many.player import PIECE_SAMPLES, SLOT_S, Order, Part, Player, order_of
from benchmarks.many.processes import monitors, started
from benchmarks.many.resources import memory_mb, percentile, spent_s, thread_times
from benchmarks.many.scene import LOADS, SPREAD_S, VARIANTS, Decision, Plan, Scene, begin_s, variant_of
from benchmarks.many.step import matched, measure
from benchmarks.many.streams import room
from monitor.config import load_settings

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
PIECE_BYTES = 2 * PIECE_SAMPLES


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return Scene.compose(tmp_path_factory.mktemp("scene"), Plan(15.0, 4.0))


def test_every_microphone_has_events_under_both_loads(scene):
    for number in range(VARIANTS):
        for load in LOADS:
            events = [one.type for one in scene.expected(number, [load])]
            assert events[0] == "new"
            assert events[-1] == "end"


def test_microphones_speak_one_after_the_other(scene):
    tenth = scene.plan.usual_s / VARIANTS
    at_s = sorted(scene.expected(number, ["usual"])[0].at_sample / 16_000 for number in range(VARIANTS))
    assert [later - earlier for earlier, later in pairwise(at_s)] == pytest.approx([tenth] * 9, abs=0.5)
    assert sorted(variant_of(number) for number in range(VARIANTS)) == list(range(VARIANTS))


@pytest.mark.parametrize("step_s", [0.5, 1.0, 1.5])
def test_windows_are_not_all_due_at_once_however_far_apart_they_are(step_s):
    n, parts = 160, 10
    begins_s = [begin_s(number) for number in range(n)]
    assert 0 <= min(begins_s) <= max(begins_s) <= SPREAD_S
    due = Counter(int(begin % step_s / step_s * parts) for begin in begins_s)
    assert min(due[part] for part in range(parts)) >= n / parts / 2


def test_an_order_can_be_read_again():
    order = Order(12.5, 3, [Part(7, "a.raw", 4)])
    assert order_of(order.text) == order


def test_the_player_delivers_each_piece_when_it_is_over(tmp_path):
    audio = tmp_path / "a.raw"
    audio.write_bytes(os.urandom(3 * PIECE_BYTES))
    pipes = [os.pipe() for _ in range(2)]
    start_s = time.monotonic()
    parts = [Part(writing, str(audio), slots) for (_, writing), slots in zip(pipes, (0, 8), strict=True)]
    player = Player(Order(start_s, 3, parts))
    player.play()
    assert time.monotonic() >= start_s + 8 * SLOT_S + 3 * PIECE_SAMPLES / 16_000
    assert player.lost == {}
    for reading, writing in pipes:
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            assert stream.read() == audio.read_bytes()


def test_a_full_pipe_loses_audio_and_is_counted(tmp_path):
    audio = tmp_path / "a.raw"
    audio.write_bytes(bytes(100 * PIECE_BYTES))
    reading, writing = os.pipe()
    # Nobody reads: 100 pieces are 96,000 bytes, a pipe holds 65,536.
    player = Player(Order(time.monotonic() - 10.0, 100, [Part(writing, str(audio), 0)]))
    player.play()
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        assert len(stream.read()) + sum(player.lost.values()) * PIECE_BYTES == 100 * PIECE_BYTES
    assert player.lost


def test_events_are_matched_with_their_arrivals():
    expected = [Decision(1, "new", "sad", 10), Decision(1, "end", "sad", 20), Decision(2, "new", "sad", 30)]
    arrived = [Arrival(1.0, 1, "new", "sad"), Arrival(1.1, 1, "new", "sad"), Arrival(3.0, 2, "new", "sad")]
    assert matched(expected, arrived) == [1.0, float("inf"), 3.0]
    twice = [replace(expected[0], type="update"), replace(expected[0], type="update", at_sample=15)]
    assert matched(twice, [Arrival(1.0, 1, "update", "sad"), Arrival(2.0, 1, "update", "sad")]) == [1.0, 2.0]


def test_percentiles_are_values_that_occurred():
    assert percentile([3.0, 1.0, 2.0, 4.0], 50) == 2.0
    assert percentile([3.0, 1.0, 2.0, float("inf")], 95) == float("inf")


def test_processor_and_memory_of_this_process():
    before = thread_times([os.getpid()])
    while time.process_time() < 0.01 or spent_s(before, thread_times([os.getpid()])) < 0.01:
        sum(range(10_000))
    pss_mb, rss_mb = memory_mb([os.getpid()])
    assert 1.0 < pss_mb <= rss_mb


@pytest.mark.skipif(mosquitto() is None, reason="needs Mosquitto")
@pytest.mark.parametrize("way", ["processes", "together"])
def test_every_event_arrives_and_nothing_is_lost(tmp_path, way):
    # So short that nobody says enough in the usual stretch.
    scene = Scene.compose(tmp_path, Plan(2.0, 4.0))
    found = measure(way, 2, LOADS, scene, mosquitto(), cores=Cores.divided(None))
    figures = found.loads["speech"]
    assert figures.events == sum(len(scene.expected(number, ["speech"])) for number in range(2)) > 0
    assert (figures.missing, figures.lost_s) == (0, 0)
    assert figures.cpu_percent > 0
    assert 0 < figures.latency_p50_ms <= figures.latency_p95_ms
    assert found.dropped == 0
    assert 20 < found.pss_mb < found.rss_mb


@pytest.mark.skipif(mosquitto() is None, reason="needs Mosquitto")
def test_a_player_that_is_far_behind_is_told(scene, monkeypatch):
    monkeypatch.setattr("benchmarks.many.step._PLAYER_S", 0.0)
    # It has just reached the end of what is watched, and has the quiet behind it to play.
    with pytest.raises(TimeoutError, match="the player is 0 s behind"):
        measure("together", 1, ["usual"], scene, mosquitto(), cores=Cores.divided(None))


@pytest.mark.skipif(mosquitto() is None, reason="needs Mosquitto")
def test_monitors_that_are_not_ready_in_time_are_told(scene, monkeypatch):
    monkeypatch.setattr("benchmarks.many.step._START_S", 0.0)
    monkeypatch.setattr("benchmarks.many.step._START_EACH_S", 0.0)
    with pytest.raises(TimeoutError, match="2 of 2 monitors not connected"):
        measure("processes", 2, LOADS, scene, mosquitto(), cores=Cores.divided(None))


@pytest.mark.skipif(mosquitto() is None, reason="needs Mosquitto")
def test_one_process_for_all_sleeps_over_what_is_not_waited_for_as_monitors_do(tmp_path):
    silence = tmp_path / "silence.raw"
    silence.write_bytes(room(8.0).tobytes())
    with (
        broker(mosquitto(), tmp_path) as (port, _),
        Subscriber(port) as listener,
        monitors("together", 2, port, tmp_path) as group,
    ):
        wait_until(lambda: len(listener.online()) == 2, timeout_s=60)
        parts = [Part(descriptor, str(silence), 3 * number) for number, descriptor in enumerate(group.inputs)]
        playing = Thread(target=Player(Order(time.monotonic(), 266, parts)).play)
        playing.start()
        time.sleep(2.0)  # how the pieces come is known, and that the noise is no speech
        before, began_s = n_waits(group.pids[0]), time.monotonic()
        time.sleep(4.0)
        rate = (n_waits(group.pids[0]) - before) / (time.monotonic() - began_s)
        playing.join()
    # Every piece woken up for, they would be 67 a second.
    assert rate < 25


def n_waits(pid):
    """Times that the first thread has waited for something and gone on."""
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text(encoding="ascii")
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def test_a_monitor_that_ends_is_told_with_its_words(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.many.configuration._TEXT", 'nodes = "{node}{port}"\n')
    with monitors("processes", 2, 1, tmp_path) as group:
        for process in group.processes:
            process.wait(60)
        with pytest.raises(RuntimeError, match=r"ended with 78.*nodes"):
            group.check()


def test_monitors_have_ended_when_their_context_has(tmp_path):
    with pytest.raises(KeyboardInterrupt), monitors("processes", 2, 1, tmp_path) as group:
        raise KeyboardInterrupt
    assert [process.returncode is not None for process in group.processes] == [True, True]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
@pytest.mark.skipif(mosquitto() is None, reason="needs Mosquitto")
def test_what_was_started_dies_with_a_benchmark_that_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", THAT_IS_KILLED, mosquitto(), tmp_path], stdout=subprocess.PIPE, text=True
    ) as parent:
        children = [int(pid) for pid in parent.stdout.readline().split()]
        parent.send_signal(signal.SIGKILL)
    assert len(children) == 3
    wait_until(lambda: not any(is_running(pid) for pid in children), timeout_s=60)


THAT_IS_KILLED = """
import sys, time
from pathlib import Path
from benchmarks.many.broker import broker
from benchmarks.many.processes import monitors
folder = Path(sys.argv[2])
with broker(sys.argv[1], folder) as (port, pid), monitors("processes", 2, port, folder) as group:
    print(pid, *group.pids, flush=True)
    time.sleep(600)
"""


def is_running(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def test_a_process_ends_with_its_context():
    with started(["sleep", "600"]) as process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGTERM


def test_no_setting_of_the_caller_gets_in(monkeypatch):
    monkeypatch.setenv("SER_MONITOR__NODE", "mine")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/mine")
    assert not {"SER_MONITOR__NODE", "NOTIFY_SOCKET"} & environment().keys()


def test_each_microphone_has_a_file_that_the_program_takes(tmp_path):
    with monitors("processes", 2, 1, tmp_path):
        nodes = [load_settings(path, environment={}).node for path in sorted(tmp_path.glob("mic-*.toml"))]
    assert nodes == ["mic-000", "mic-001"]

"""One number of microphones, heard one way: what it cost, and how late its events were."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.many.broker import Subscriber, broker
from benchmarks.many.configuration import node_of
from benchmarks.many.figures import LoadFigures, StepFigures
from benchmarks.many.player import PIECE_SAMPLES, RATE_HZ
from benchmarks.many.processes import monitors, started
from benchmarks.many.resources import machine_times, memory_mb, percentile, spent_s, thread_times
from benchmarks.many.scene import SPREAD_S, begin_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.many.broker import Arrival
    from benchmarks.many.cores import Cores
    from benchmarks.many.player import Order
    from benchmarks.many.processes import Group, Way
    from benchmarks.many.scene import Decision, Load, Scene

_START_S = 60.0
_START_EACH_S = 1.0
SOON_S = 1.0
"""Between the order to play and its first sample."""
_LAST_EVENTS_S = 5.0
_PLAYER_S = 60.0
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class _Times:
    """Processor time so far."""

    at_s: float
    monitors: dict[int, float]
    broker: dict[int, float]
    busy_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class _Watch:
    """Has the monitors played to, and looks at processor times meanwhile."""

    scene: Scene
    start_s: float
    """Of the earliest sample, by time.monotonic()."""
    group: Group
    broker_pid: int
    cores: frozenset[int]

    def play(self, loads: Sequence[Load]) -> tuple[list[tuple[_Times, _Times]], dict[str, Any]]:
        """The times of each load, and what the player says in the end."""
        with _playing(self.scene.order(self.group.inputs, loads, self.start_s)) as player:
            return [self._over(load) for load in loads], _result(player, self.group)

    def _over(self, load: Load) -> tuple[_Times, _Times]:
        """The times at both ends of the stretch in which every microphone hears this load."""
        begin, end = self.scene.plan.stretch(load)
        return self._times(begin + SPREAD_S), self._times(end)

    def _times(self, at_s: float) -> _Times:
        time.sleep(max(self.start_s + at_s - time.monotonic(), 0))
        times = thread_times(self.group.pids), thread_times([self.broker_pid])
        return _Times(time.monotonic(), *times, *machine_times(self.cores))


def measure(way: Way, n: int, loads: Sequence[Load], scene: Scene, program: str, *, cores: Cores) -> StepFigures:
    """Start `n` monitors, play them all `loads`, and end them; `program` is the broker's.

    Raises:
        RuntimeError: a monitor has ended, or the player.
        TimeoutError: they did not all start, or the player is far behind.
        OSError: so many can not be started.
    """
    with TemporaryDirectory() as name, broker(program, Path(name)) as (port, broker_pid), Subscriber(port) as listener:
        began_s = time.monotonic()
        with monitors(way, n, port, Path(name)) as group:
            _await_online(listener, group, n)
            ready_s = time.monotonic() - began_s
            with cores.divided_among(group.pids, [broker_pid]):
                watch = _Watch(scene, time.monotonic() + SOON_S, group, broker_pid, cores.monitors)
                times, played = watch.play(loads)
                _await_events(listener, sum(len(scene.expected(i, loads)) for i in range(n)))
            group.check()
            pss_mb, rss_mb = memory_mb(group.pids)
            lost_s, dropped = listener.losses()
    lost = {load: _lost_s(played["lost"], load, scene) for load in loads}
    # What the monitors say has no time: it goes with the heaviest load.
    lost[loads[-1]] += lost_s
    late_ms = _latencies_ms(listener.events(), n, loads, scene, watch.start_s)
    figures = {
        load: _figures(before, after, late_ms[load], lost[load])
        for load, (before, after) in zip(loads, times, strict=True)
    }
    return StepFigures(way, n, ready_s, pss_mb, rss_mb, dropped, played["late"]["p95_ms"], figures)


def _await_online(listener: Subscriber, group: Group, n: int) -> None:
    wanted = {node_of(number) for number in range(n)}
    until_s = time.monotonic() + _START_S + _START_EACH_S * n
    while missing := wanted - listener.online():
        group.check()
        if time.monotonic() > until_s:
            raise TimeoutError(f"found {len(missing)} of {n} monitors not connected, wanted all; is the machine busy?")
        time.sleep(_LOOK_S)


@contextmanager
def _playing(order: Order) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "benchmarks.many.player"]
    inputs = [part.descriptor for part in order.parts]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=inputs) as player:
        assert player.stdin is not None
        player.stdin.write(f"{order.text}\n".encode())
        player.stdin.flush()
        yield player


def _result(player: subprocess.Popen[bytes], group: Group) -> dict[str, Any]:
    try:
        text, _ = player.communicate(timeout=_PLAYER_S)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the player is {_PLAYER_S:.0f} s behind, wanted all played; is the machine busy?") from None
    group.check()
    if player.returncode:
        raise RuntimeError(f"the player ended with {player.returncode}, wanted all played; see what it said")
    result: dict[str, Any] = json.loads(text)
    return result


def _await_events(listener: Subscriber, n_events: int) -> None:
    until_s = time.monotonic() + _LAST_EVENTS_S
    while listener.n_events() < n_events and time.monotonic() < until_s:
        time.sleep(_LOOK_S)


def _lost_s(pieces: dict[str, int], load: Load, scene: Scene) -> float:
    lost = sum(n for piece, n in pieces.items() if scene.plan.load_at(int(piece) * PIECE_SAMPLES) == load)
    return lost * PIECE_SAMPLES / RATE_HZ


def _latencies_ms(
    arrived: dict[str, list[Arrival]], n: int, loads: Sequence[Load], scene: Scene, start_s: float
) -> dict[Load, list[float]]:
    """Of each event that is due, by load; infinite where it is missing."""
    found: dict[Load, list[float]] = {load: [] for load in loads}
    for number in range(n):
        expected = scene.expected(number, loads)
        for decision, at_s in zip(expected, matched(expected, arrived.get(node_of(number), [])), strict=True):
            due_s = start_s + begin_s(number) + decision.at_sample / RATE_HZ
            found[scene.plan.load_at(decision.at_sample)].append(1e3 * (at_s - due_s))
    return found


def matched(expected: Sequence[Decision], arrived: Sequence[Arrival]) -> list[float]:
    """When each expected event arrived; infinite where it did not. Both are in order; doubles are passed over."""
    waiting: dict[tuple[int, str, str], list[float]] = {}
    for arrival in arrived:
        waiting.setdefault((arrival.segment, arrival.type, arrival.emotion), []).append(arrival.at_s)
    wanted = Counter((one.segment, one.type, one.emotion) for one in expected)
    # A broker may say an event twice: then the first counts, where no second one like it is expected.
    waiting = {key: times[: wanted[key]] for key, times in waiting.items()}
    found = []
    for one in expected:
        times = waiting.get((one.segment, one.type, one.emotion), [])
        found.append(times.pop(0) if times else math.inf)
    return found


def _figures(before: _Times, after: _Times, latencies_ms: list[float], lost_s: float) -> LoadFigures:
    passed_s = after.at_s - before.at_s
    busy_s, idle_s = after.busy_s - before.busy_s, after.idle_s - before.idle_s
    return LoadFigures(
        cpu_percent=100 * spent_s(before.monitors, after.monitors) / passed_s,
        broker_cpu_percent=100 * spent_s(before.broker, after.broker) / passed_s,
        machine_busy_percent=100 * busy_s / max(busy_s + idle_s, 1e-9),
        events=len(latencies_ms),
        missing=sum(math.isinf(latency) for latency in latencies_ms),
        latency_p50_ms=percentile(latencies_ms, 50),
        latency_p95_ms=percentile(latencies_ms, 95),
        lost_s=lost_s,
    )

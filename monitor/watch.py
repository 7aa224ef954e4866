"""Looks after a running monitor twice a second: takes its status, tells systemd, and finds out what is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import StuckError
from monitor.health import OutputStatus
from monitor.host import elapsed_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.health import Health
    from monitor.notify import Notifier
    from monitor.records import StatusTaken
    from monitor.sinks.outbox import Outbox
    from monitor.sources import Source

STATUS_EVERY_S = 30.0
_LOOK_EVERY_S = 0.5
_PINGS_PER_WATCHDOG = 4


class Watch:
    """Called by the main thread; whatever it asks answers at once."""

    def __init__(self, health: Health, notifier: Notifier) -> None:
        """Nothing was seen yet."""
        self._health, self._notifier = health, notifier
        self._looked_s = self._pinged_s = self._said_s = float("-inf")
        self._said: StatusTaken | None = None
        self.status: StatusTaken | None = None
        """As of the last look, half a second ago at most while the main thread comes round; None before the first."""
        self._hangs_since_s: float | None = None

    def forget(self) -> None:
        """Say the status again at the next look."""
        self._said_s = float("-inf")

    def look(
        self, source: Source, outboxes: Sequence[Outbox], p95_ms: float | None, *, worker_alive: bool, muted: bool
    ) -> StatusTaken | None:
        """Look, if it is time; a status that is to be reported, or None.

        WATCHDOG=1 goes to systemd only while every thread lives and comes round.
        """
        now_s = elapsed_s()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return None
        self._looked_s = now_s
        alive = worker_alive and self._health.worker_turns(source) and _all_alive(outboxes)
        if alive and now_s - self._pinged_s >= (self._notifier.watchdog_s or 0.0) / _PINGS_PER_WATCHDOG:
            self._pinged_s = now_s
            self._notifier.watchdog()
        outputs = output_status(outboxes)
        self.status = status = self._health.status(source, outputs, p95_ms, muted=muted)
        if not self._is_news(status, now_s):
            return None
        self._said, self._said_s = status, now_s
        self._notifier.status(status_line(status, outputs))
        return status

    def check_stuck(self, source: Source, longest_s: float) -> None:
        """See whether the sound system hangs, with threads of ours in it.

        Raises:
            StuckError: for longer than `longest_s`: only a new process helps.
        """
        now_s = elapsed_s()
        if not (source.status().hanging and source.status().failure):
            self._hangs_since_s = None
        elif self._hangs_since_s is None:
            self._hangs_since_s = now_s
        elif now_s - self._hangs_since_s > longest_s:
            raise StuckError(f"the sound system hangs for more than {longest_s:g} s; leaving, to be started anew")

    def _is_news(self, status: StatusTaken, now_s: float) -> bool:
        said = self._said
        if said is None or now_s - self._said_s >= STATUS_EVERY_S:
            return True
        return (said.state, said.reason, said.device) != (status.state, status.reason, status.device)


def output_status(outboxes: Sequence[Outbox]) -> OutputStatus:
    """How the outputs are doing, all together; sinks that know more of themselves say so by attributes."""
    sinks = [outbox.sink for outbox in outboxes]
    return OutputStatus(
        dropped=sum(outbox.n_dropped for outbox in outboxes) + sum(getattr(sink, "n_dropped", 0) for sink in sinks),
        queue=sum(getattr(sink, "n_queued", 0) for sink in sinks),
        reconnects=sum(getattr(sink, "n_reconnects", 0) for sink in sinks),
        failure="; ".join(failure for sink in sinks if (failure := getattr(sink, "failure", ""))),
    )


def status_line(status: StatusTaken, outputs: OutputStatus) -> str:
    """The line that `systemctl status` shows."""
    words = [status.state.replace("_", " ")]
    if status.device:
        words.append(f"'{status.device}'")
    if status.reason:
        words.append(f"({status.reason})")
    line = f"{' '.join(words)}, {status.events} events"
    if status.audio_lost_s:
        line += f", {status.audio_lost_s:g} s of audio lost"
    return f"{line}; {outputs.failure}" if outputs.failure else line


def _all_alive(outboxes: Sequence[Outbox]) -> bool:
    """Whether every sink's threads run; a sink mends what it can by itself when it is tended."""
    tended = [getattr(outbox.sink, "tend", lambda: True)() for outbox in outboxes]
    return all(tended) and all(outbox.is_alive() for outbox in outboxes)

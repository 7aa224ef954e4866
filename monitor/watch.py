"""Looks after a running monitor every few seconds: takes its status, tells systemd, and finds out what is stuck."""

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
_LOOK_EVERY_S = 3.7
"""No multiple of the windows' hop: a status right before an event, time and again, would hold it up. Brokers that do as
TCP does by default send a second message only when the first one was acknowledged, which may take 40 ms."""
_SOON = 0.9
"""Share of the time between two looks after which it is time again: a timer may be early."""
_PINGS_PER_WATCHDOG = 4
_FIRST_LOOK_S = 1.0
_HANGING_LOOKS = 2
_HANGING_S = 6.0
"""So many looks in a row, and so long: after a suspend or a SIGSTOP all threads seem to hang, until they come round."""


class Watch:
    """Called by the main thread; whatever it asks answers at once."""

    def __init__(self, health: Health, notifier: Notifier) -> None:
        """Nothing was seen yet."""
        self._health, self._notifier = health, notifier
        self._looked_s = self._pinged_s = self._said_s = float("-inf")
        self._is_asked = False
        self._said: StatusTaken | None = None
        self.status: StatusTaken | None = None
        """As of the last look, `every_s` ago at most while the main thread comes round; None before the first."""
        watchdog_s = notifier.watchdog_s
        self.every_s = _LOOK_EVERY_S if watchdog_s is None else min(_LOOK_EVERY_S, watchdog_s / _PINGS_PER_WATCHDOG)
        """How often to look: systemd may want to be pinged more often."""
        self._hangs_since_s: float | None = None
        self._hanging_outputs: list[str] = []
        self._n_hanging_looks = 0
        self._output_hangs_since_s = 0.0

    @property
    def wait_s(self) -> float:
        """Until the next look."""
        return self.every_s if self.status is not None else min(self.every_s, _FIRST_LOOK_S)

    @property
    def lacks_audio(self) -> bool:
        """Whether the last look found that none comes; from any thread."""
        return self.status is not None and self.status.state in ("starting", "no_audio")

    def look_soon(self) -> None:
        """Something has changed: the next look is not to be passed over; from any thread."""
        self._is_asked = True

    def forget(self) -> None:
        """Say the status again at the next look."""
        self._said_s = float("-inf")

    def begin(self) -> bool:
        """Whether to `look` now: it is time, or somebody asked. To be called before what is looked at is read."""
        now_s = elapsed_s()
        if not self._is_asked and now_s - self._looked_s < _SOON * self.every_s:
            return False
        # Whoever asks from here on may come too late for what is read next, and gets another look.
        self._is_asked = False
        self._looked_s = now_s
        return True

    def look(
        self, source: Source, outboxes: Sequence[Outbox], p95_ms: float | None, *, worker_alive: bool, muted: bool
    ) -> StatusTaken | None:
        """Look; a status that is to be reported, or None.

        WATCHDOG=1 goes to systemd only while every thread lives and comes round.
        """
        now_s = elapsed_s()
        self._hanging_outputs = _tend(outboxes)
        self._count_hanging()
        alive = worker_alive and self._health.worker_turns(source) and all(outbox.is_alive() for outbox in outboxes)
        watchdog_s = self._notifier.watchdog_s
        if (
            watchdog_s is not None
            and alive
            and not self._hanging_outputs
            and now_s - self._pinged_s >= _SOON * watchdog_s / _PINGS_PER_WATCHDOG
        ):
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
        """See whether a thread of ours hangs where it cannot be fetched back.

        Raises:
            StuckError: in the sound system for longer than `longest_s`, or in an output: only a new process helps.
        """
        now_s = elapsed_s()
        if self._n_hanging_looks > _HANGING_LOOKS and now_s - self._output_hangs_since_s >= _HANGING_S:
            raise StuckError(f"the thread of {', '.join(self._hanging_outputs)} hangs; leaving, to be started anew")
        if not (source.status().hanging and source.status().failure):
            self._hangs_since_s = None
        elif self._hangs_since_s is None:
            self._hangs_since_s = now_s
        elif now_s - self._hangs_since_s > longest_s:
            raise StuckError(f"the sound system hangs for more than {longest_s:g} s; leaving, to be started anew")

    def _count_hanging(self) -> None:
        if not self._hanging_outputs:
            self._n_hanging_looks = 0
        elif not self._n_hanging_looks:
            self._output_hangs_since_s, self._n_hanging_looks = elapsed_s(), 1
        else:
            self._n_hanging_looks += 1

    def _is_news(self, status: StatusTaken, now_s: float) -> bool:
        said = self._said
        # At the look that comes nearest: the next one would be later by a whole step.
        if said is None or now_s - self._said_s >= _SOON * STATUS_EVERY_S:
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


def _tend(outboxes: Sequence[Outbox]) -> list[str]:
    """Let every sink look after threads of its own, and mend what it can; the names of those that hang."""
    sinks = [outbox.sink for outbox in outboxes]
    return [sink.name for sink in sinks if not getattr(sink, "tend", lambda: True)()]

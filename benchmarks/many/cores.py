"""Which cores the monitors may use, and which those that play, carry and measure."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Cores:
    """Numbers of processor cores."""

    monitors: frozenset[int]
    others: frozenset[int]
    """Of the player, the broker and this program: the same ones, where no others are left."""

    @classmethod
    def divided(cls, n_monitors: int | None) -> Cores:
        """Of those that this program may use (`taskset` can make them fewer), so many for the monitors alone.

        Raises:
            ValueError: there are not so many.
        """
        usable = frozenset(os.sched_getaffinity(0))
        if n_monitors is None:
            return cls(usable, usable)
        if not 1 <= n_monitors <= len(usable):
            raise ValueError(f"found {len(usable)} cores to use, wanted {n_monitors}, at least 1; ask for fewer")
        monitors = frozenset(sorted(usable)[:n_monitors])
        return cls(monitors, usable - monitors or usable)

    @property
    def shared(self) -> bool:
        """Whether those who measure are in the way of what is measured."""
        return bool(self.monitors & self.others)

    @contextmanager
    def divided_among(self, monitors: Iterable[int], others: Iterable[int]) -> Iterator[None]:
        """Within, both groups of processes, by their ids, and this one as one of the others, stay on their cores.

        They started on all of them: the start is not what is measured here, and takes hundreds of them minutes on one.
        """
        _keep(monitors, self.monitors)
        _keep([*others, os.getpid()], self.others)
        try:
            yield
        finally:
            _keep([os.getpid()], self.monitors | self.others)

    @property
    def text(self) -> str:
        """Who is where; empty where everybody may use the whole machine."""
        n_all, n_monitors, n_others = os.cpu_count() or 1, len(self.monitors), len(self.others)
        if self.shared:
            return "" if n_monitors == n_all else f"monitors, player and broker all on {_words(n_monitors)}"
        others = "the other" if n_others == 1 else f"the other {n_others}"
        return f"monitors on {_words(n_monitors)}, player and broker on {others}"

    def as_json(self) -> dict[str, Any]:
        """How many are for the monitors, and who is where."""
        return {
            "cores": len(self.monitors),
            "monitor_cores": sorted(self.monitors),
            "other_cores": sorted(self.others),
            "placement": self.text,
        }


def _keep(pids: Iterable[int], cores: frozenset[int]) -> None:
    """Every thread of these processes, and what they start from now on, stays there; what has ended is left out."""
    for pid in pids:
        # Once more where a thread has come meanwhile, started by one that was still free.
        while _moved(pid, cores):
            pass


def _moved(pid: int, cores: frozenset[int]) -> bool:
    """Whether a thread had to be told."""
    moved = False
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - thousands of them, in a hurry
            with suppress(ProcessLookupError):
                if os.sched_getaffinity(int(thread)) != cores:
                    os.sched_setaffinity(int(thread), cores)
                    moved = True
    return moved


def _words(n_cores: int) -> str:
    return "one of them" if n_cores == 1 else f"{n_cores} of them"

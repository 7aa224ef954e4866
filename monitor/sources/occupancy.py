"""Who is inside a library that can be started again only while nobody is."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Occupancy:
    """Counts those inside, over all threads of the process; who hangs stays inside."""

    def __init__(self) -> None:
        """Nobody is inside."""
        # Held while the library starts again: nobody comes in meanwhile, and nobody is there who could leave.
        self._door = threading.Lock()
        self._n_inside = 0

    def enter(self) -> None:
        """Come in; waits while `if_empty` is at work, for ever if that hangs."""
        with self._door:
            self._n_inside += 1

    def leave(self) -> None:
        """Once for every `enter`."""
        with self._door:
            self._n_inside -= 1

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Be inside for a while; those who are inside may come in again."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def if_empty(self, action: Callable[[], None]) -> bool:
        """Do `action` while nobody is inside and nobody can come in; whether it was done. Not for who is inside."""
        with self._door:
            if self._n_inside:
                return False
            action()
            return True

"""How far a verb is with its files: a bar where somebody looks, else nothing but the errors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType


class Progress(Protocol):
    """Told of each file; entered while there are any."""

    def __enter__(self) -> Self:
        """From now on."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The end."""
        ...

    def begin(self, name: str) -> None:
        """The next file is under way."""
        ...

    def complain(self, line: str) -> None:
        """Something is to be said on standard error meanwhile."""
        ...

    def done(self) -> None:
        """With one file."""
        ...


def make_progress(n_files: int) -> Progress:
    """For standard error as it is."""
    if not sys.stderr.isatty():
        return _Silent()
    from monitor.commands.progressbar import ProgressBar  # noqa: PLC0415 - rich takes 24 ms and 2 MB

    return ProgressBar(n_files)


class _Silent:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return

    def begin(self, name: str) -> None:
        """Nobody looks."""

    def complain(self, line: str) -> None:
        print(line, file=sys.stderr)

    def done(self) -> None:
        """Nobody looks."""

"""The bar that is drawn on a terminal's standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from types import TracebackType


class ProgressBar:
    """A line that vanishes at the end; results and errors scroll past above it."""

    def __init__(self, n_files: int) -> None:
        """So many files are to come."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # Results are led past the bar only where both share the terminal; a pipe gets them itself.
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())
        self._task = self._bar.add_task("", total=n_files)

    def __enter__(self) -> Self:
        """Draw it."""
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take it away."""
        self._bar.__exit__(kind, error, traceback)

    def begin(self, name: str) -> None:
        """Show what is under way."""
        self._bar.update(self._task, description=name)

    def complain(self, line: str) -> None:
        """Above the bar."""
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def done(self) -> None:
        """One more."""
        self._bar.advance(self._task)

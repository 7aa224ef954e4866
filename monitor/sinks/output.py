"""Streams that cannot be written: a full disk is an error in our own words, a reader that is gone is an end."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from monitor.errors import OutputFailedError
from monitor.host import is_closed_pipe

if TYPE_CHECKING:
    from collections.abc import Iterator


def print_line(text: str) -> None:
    """Print one line to standard output, written out at once; errors as in `output_errors`."""
    with output_errors(sys.stdout):
        print(text, flush=True)


@contextmanager
def output_errors(stream: IO[str]) -> Iterator[None]:
    """Lets go of the stream after a failed write, and says so in the program's own words.

    Raises:
        OutputFailedError: writing failed.
        BrokenPipeError: nobody reads any more.
    """
    try:
        yield
    except OSError as error:
        let_go(stream)
        if is_closed_pipe(error):
            raise BrokenPipeError from error
        reason = error.strerror or str(error)
        message = f"standard output cannot be written: {reason}; give it room or another place"
        raise OutputFailedError(message) from error


def let_go(stream: IO[str]) -> None:
    """Lead the stream's descriptor nowhere.

    What the stream still holds is flushed when the interpreter exits; were that to fail again, the exit status would
    be 120 and a complaint would land on stderr.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)

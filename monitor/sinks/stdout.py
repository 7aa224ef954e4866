"""Standard output: JSON Lines for programs, lines and a live area for people.

What is drawn for people lies in `pretty.py`, imported only when it is wanted: programs pay nothing for it.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Literal, TextIO

from monitor.errors import MissingDependencyError, OutputFailedError
from monitor.sinks.schema import to_json_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.records import Report
    from monitor.sinks import Sink

OutputFormat = Literal["pretty", "json"]


def make_stdout_sink(
    output_format: OutputFormat | None, stream: TextIO | None, labels: tuple[str, ...], rate_hz: int
) -> Sink:
    """The sink that writes to `stream`.

    Args:
        output_format: None chooses `pretty` on a terminal and `json` elsewhere.
        stream: usually `sys.stdout`, which is None in a process started without one.
        labels: of the model, in the order of its posteriors.
        rate_hz: samples a second.

    Raises:
        OutputFailedError: there is no stream.
        MissingDependencyError: `pretty` is wanted and rich cannot be imported.
    """
    if stream is None:
        raise OutputFailedError("standard output is closed; start the program with one, or without --stdout")
    if (output_format or ("pretty" if stream.isatty() else "json")) == "json":
        return JsonLines(stream)
    try:
        from monitor.sinks.pretty import Pretty, terminal_console  # noqa: PLC0415 - JSON lines must not pay for rich
    except ImportError as error:
        raise MissingDependencyError("rich", error) from error
    return Pretty(terminal_console(stream), labels, rate_hz)


class JsonLines:
    """One line of UTF-8 JSON an emotion event, written out at once; other reports are passed over."""

    name = "stdout"

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`; where the locale gave it another encoding it is set to UTF-8."""
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", newline="\n")
        self._stream = stream

    def write(self, report: Report) -> None:
        """Write the report's payload, if it has one.

        Raises:
            OutputFailedError: the line cannot be written, e.g. for a full disk.
            BrokenPipeError: nobody reads any more.
        """
        if report.payload is None:
            return
        with output_errors(self._stream):
            self._stream.write(to_json_line(report.payload) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is held back."""


@contextmanager
def output_errors(stream: IO[str]) -> Iterator[None]:
    """Lets go of the stream after a failed write, and says so in the program's own words.

    Raises:
        OutputFailedError: writing failed.
        BrokenPipeError: nobody reads any more.
    """
    try:
        yield
    except BrokenPipeError:
        _let_go(stream)
        raise
    except OSError as error:
        _let_go(stream)
        reason = error.strerror or str(error)
        message = f"standard output cannot be written: {reason}; give it room or another place"
        raise OutputFailedError(message) from error


def _let_go(stream: IO[str]) -> None:
    # What the stream still holds is flushed when the interpreter exits; were that to fail again, the exit status
    # would be 120 and a complaint would land on stderr. So it goes nowhere.
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)

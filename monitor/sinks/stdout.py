"""Standard output: JSON Lines for programs, lines and a live area for people.

What is drawn for people lies in `pretty.py`, imported only when it is wanted: programs pay nothing for it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal, TextIO

from monitor.errors import MissingDependencyError, OutputFailedError
from monitor.sinks.output import output_errors
from monitor.sinks.schema import to_json_line

if TYPE_CHECKING:
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
    events_only = True

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

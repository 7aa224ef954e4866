"""`ser-monitor check`: goes step by step, and names the reason of each failure and the remedy."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from monitor.checkup import CHECKS, Finding, checkup
from monitor.checkup.as_service import check_as_service
from monitor.commands.options import configuration_of
from monitor.errors import MonitorError, visible
from monitor.logs import set_up_logging
from monitor.settings.key import VARIABLE_PREFIX
from monitor.sinks.output import print_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from monitor.config import Configuration

_COLOURS = {"ok": "32", "warning": "33", "failed": "31", "skipped": "2"}
"""SGR parameters: green, yellow, red, faint."""
_STATE_WIDTH = max(map(len, _COLOURS))
_STEP_WIDTH = len("homeassistant")


def run(options: argparse.Namespace) -> int:
    """Print one line a step, as it is done; the exit code of the first failure, or 0.

    Raises:
        ConfigError, PermissionDeniedError: `--as-service` is not possible here.
    """
    if options.as_service:
        return check_as_service(options)
    coloured = _is_coloured()
    exit_code = 0
    for finding in _findings(options):
        print_line(_as_json(finding) if options.json else _as_text(finding, coloured=coloured))
        exit_code = exit_code or finding.exit_code
    return exit_code


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    try:
        configuration = configuration_of(options)
    except MonitorError as error:
        yield Finding("config", "failed", str(error), error.exit_code)
        yield from (Finding(name, "skipped", "needs config") for name in options.parts or CHECKS)
        return
    settings = configuration.settings
    set_up_logging(settings.log.level)
    yield Finding("config", "ok", _described(configuration))
    yield from checkup(settings, options.parts)


def _described(configuration: Configuration) -> str:
    """Where the settings come from; names of variables, never what is in them."""
    origins = {found.origin.where: found.origin.source for found in configuration.found.values()}
    names = [name for name, source in origins.items() if source == "flag"]
    names += [name for name in sorted(os.environ) if name.startswith(VARIABLE_PREFIX)]
    above = f", and {', '.join(names)}" if names else ""
    return f"{configuration.file or 'no file, defaults'}{above}; node '{configuration.settings.node}'"


def _as_text(finding: Finding, *, coloured: bool) -> str:
    state = f"{finding.state:<{_STATE_WIDTH}}"
    if coloured:
        state = f"\x1b[{_COLOURS[finding.state]}m{state}\x1b[0m"
    return f"{state}  {finding.step:<{_STEP_WIDTH}}  {_one_line(finding.text)}"


def _as_json(finding: Finding) -> str:
    line = {"step": finding.step, "state": finding.state, "text": _one_line(finding.text)}
    return json.dumps({**line, "exit_code": finding.exit_code}, ensure_ascii=False)


def _one_line(text: str) -> str:
    """Without what would move a terminal's cursor: devices and brokers choose their own names."""
    return visible(" ".join(text.split()))


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

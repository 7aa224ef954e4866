"""Can the figures be shown where the settings say?"""

from __future__ import annotations

import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.checkup import Finding, chain
from monitor.config import MetricsSettings
from monitor.errors import ConfigError, OutputFailedError, PermissionDeniedError
from monitor.metrics.figures import FIGURES
from monitor.sinks.metrics import MetricsSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.checkup import Outcome
    from monitor.config import Settings

_ANSWER_S = 2.0
_LARGEST_PAGE_BYTES = 1_000_000


def check_metrics(settings: Settings) -> Iterator[Finding]:
    """A step for the endpoint and one for the text file, whichever is set."""
    metrics = settings.metrics
    if not (metrics.listen or metrics.textfile):
        yield Finding("metrics", "skipped", "[metrics] listen and textfile are not set")
    if metrics.listen:
        yield from chain([("metrics", lambda: _listen(metrics.listen))])
    if metrics.textfile:
        yield from chain([("textfile", lambda: _write(metrics.textfile))])


def _listen(address: str) -> Outcome:
    try:
        MetricsSink(MetricsSettings(listen=address), "check", "check", "check").close()
    except ConfigError:
        if not _is_ours(address):
            raise
        return "ok", f"http://{address}/metrics is shown by a ser-monitor that runs"
    return "ok", f"http://{address}/metrics can be shown"


def _is_ours(address: str) -> bool:
    """Whether a monitor shows its figures at `address`."""
    # Straight to loopback, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}/metrics", timeout=_ANSWER_S) as page:
            return FIGURES[0].name.encode() in page.read(_LARGEST_PAGE_BYTES)
    except (OSError, ValueError, urllib.error.HTTPError):
        return False


def _write(textfile: str) -> Outcome:
    path = Path(textfile)
    try:
        path = path.expanduser()
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except PermissionError:
        raise PermissionDeniedError(f"[metrics] textfile: this user may not write into {path.parent}") from None
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputFailedError(f"[metrics] textfile: {path.parent} cannot be written into: {reason}") from None
    return "ok", f"{path} can be written"

"""Prometheus: figures about the monitor, on an HTTP endpoint on loopback, in a text file, or both.

Emotions appear as counts of events only; names of devices, what was said and when, and secrets do not appear at all.
Figures are read at the moment of the scrape, from what the sink has been told so far.
"""

from __future__ import annotations

import errno
import logging
import socket
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from monitor.errors import ConfigError, MissingDependencyError
from monitor.host import elapsed_s, processor_s
from monitor.records import (
    UNCERTAIN,
    EmotionEvent,
    Estimate,
    EventType,
    Gap,
    LevelMeasured,
    MonitorState,
    SpeechStarted,
    StatusTaken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

    from monitor.config import MetricsSettings
    from monitor.records import PipelineEvent, Report

REFRESH_S = 15.0
"""The text file is written at most so often: Prometheus' usual scrape interval."""
_SUFFIX = ".prom"
_READABLE = 0o644
"""node_exporter is another user."""
_CLIENT_S = 5.0
"""A client that sends or takes nothing for so long is hung up on."""
_STOP_CHECK_S = 0.2
_LAST_PORT = 65535
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "[::1]": "::1"}
"""Where to listen for each host of `[metrics] listen`: what the name service makes of `localhost` is not asked."""
_OWN_NAMES = {"", "127.0.0.1", "localhost", "::1"}
"""Names of this machine in a request; empty in one of HTTP/1.0."""
_DEAF: tuple[MonitorState, ...] = ("starting", "muted", "no_audio")
_NEW_BORN = StatusTaken("starting", "", "", 0, None, 0.0, None, 0.0, None, 0.0, 0, 0, 0, 0, 0)

log = logging.getLogger(__name__)


class Tally:
    """What the figures are read from; told by the sink's thread, read by those of the endpoint under `lock`."""

    def __init__(self, build: tuple[str, str], node: str) -> None:
        """Nothing has happened yet; `build` is version and model."""
        self.lock = threading.Lock()
        self.build = build
        self.node = node
        self.status = _NEW_BORN
        self.heard_at_s = elapsed_s()
        """When audio last arrived, or the start; on the clock of `elapsed_s`."""
        self.level_dbfs: float | None = None
        self.segments = 0
        self.speech_s = 0.0
        self.windows = 0
        self.events: Counter[tuple[str, str]] = Counter()
        """By type and emotion."""
        self.gaps: Counter[str] = Counter()
        """By cause."""

    def take(self, event: PipelineEvent | StatusTaken, payload: Mapping[str, Any] | None) -> None:
        """Count one report."""
        with self.lock:
            if isinstance(event, LevelMeasured):
                self.level_dbfs, self.heard_at_s = event.rms_dbfs, elapsed_s()
            elif isinstance(event, StatusTaken):
                self._take_status(event)
            elif isinstance(event, EmotionEvent):
                self._take_emotion(event, payload or {})
            elif isinstance(event, Gap):
                self.gaps[event.cause] += 1
            self.segments += isinstance(event, SpeechStarted)
            self.windows += isinstance(event, Estimate)

    def _take_status(self, status: StatusTaken) -> None:
        self.status = status
        if status.audio_age_s is not None:
            self.heard_at_s = max(self.heard_at_s, elapsed_s() - status.audio_age_s)
        if status.state in _DEAF:
            # The last level would stand there for hours as if it were measured now.
            self.level_dbfs = None

    def _take_emotion(self, event: EmotionEvent, payload: Mapping[str, Any]) -> None:
        if not self.events:
            # All at 0: Prometheus sees no increase in a series that begins at 1.
            labels = (*event.scores, UNCERTAIN)
            self.events.update({(kind, label): 0 for kind in get_args(EventType) for label in labels})
        self.events[event.type, event.emotion] += 1
        if event.type == "end":
            self.speech_s += payload.get("speech_s", 0.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: what stands in TYPE and HELP, and where its values come from."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    read: Callable[[Tally], float | Mapping[Any, float] | None]
    """The value, or None where it is not known; with labels, tuples of label values to value."""
    labels: tuple[str, ...] = ()

    def samples(self, tally: Tally) -> Mapping[tuple[str, ...], float]:
        """Label values to value."""
        found = self.read(tally)
        if found is None:
            return {}
        return {(): found} if isinstance(found, int | float) else found


def _gauge(name: str, meaning: str, read: Callable[[Tally], Any], *labels: str) -> Figure:
    return Figure("ser_monitor_" + name, "gauge", meaning, read, labels)


def _counter(name: str, meaning: str, read: Callable[[Tally], Any], *labels: str) -> Figure:
    return Figure("ser_monitor_" + name + "_total", "counter", meaning, read, labels)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _states(tally: Tally) -> dict[tuple[str], float]:
    return {(state,): state == tally.status.state for state in get_args(MonitorState)}


FIGURES = (
    _gauge("build_info", "Always 1; what runs is in the labels.", lambda t: {t.build: 1}, "version", "model"),
    _gauge("state", "1 for the state that the monitor is in, 0 for the others.", _states, "state"),
    _gauge(
        "uptime_seconds",
        "Time from the start to the last status, at most half a minute old.",
        lambda t: t.status.uptime_s,
    ),
    _gauge(
        "audio_age_seconds",
        "Time since audio last arrived; since the start, before any has. Grows while muted.",
        lambda t: max(elapsed_s() - t.heard_at_s, 0.0),
    ),
    _counter("audio_lost_seconds", "Audio lost, muted time apart.", lambda t: t.status.audio_lost_s),
    _counter(
        "gaps",
        "Gaps in the audio; a long one counts when it begins and again when audio is back.",
        lambda t: {(cause,): n for cause, n in t.gaps.items()},
        "cause",
    ),
    _gauge(
        "input_sample_rate_hertz", "Sample rate of the open input; 0 while none is open.", lambda t: t.status.rate_hz
    ),
    _counter("input_reopens", "Attempts to open the input after the first.", lambda t: t.status.reopens),
    _gauge(
        "level_dbfs",
        "RMS of the last tenth of a second in dB relative to full scale; -Inf is digital silence.",
        lambda t: t.level_dbfs,
    ),
    _counter("segments", "Stretches of speech, also those too short for an event.", lambda t: t.segments),
    _counter("speech_seconds", "Voiced time in segments that got their end event.", lambda t: t.speech_s),
    _counter("windows", "Analysis windows classified.", lambda t: t.windows),
    _gauge(
        "inference_p95_seconds",
        "95th percentile of the time that the model took for one of the last windows.",
        lambda t: _scaled(t.status.inference_p95_ms, 1e-3),
    ),
    _counter("events", "Emotion events.", lambda t: t.events, "type", "emotion"),
    _counter(
        "dropped_reports",
        "Events and other reports dropped because an output did not keep up or was away.",
        lambda t: t.status.dropped,
    ),
    _gauge("queued_events", "Events that wait for the broker or its acknowledgement.", lambda t: t.status.queue),
    _counter("broker_reconnects", "Connections to the broker after the first.", lambda t: t.status.reconnects),
    _counter("cpu_seconds", "Processor time that this process has used.", lambda _: processor_s()),
    _gauge("resident_memory_bytes", "Resident memory of this process.", lambda t: _scaled(t.status.memory_mb, 1e6)),
)
"""All that is said; `docs/metrics.md` shows them, in this order."""


class MetricsSink:
    """Keeps the figures and shows them where the settings say."""

    name = "metrics"
    events_only = False

    def __init__(self, settings: MetricsSettings, node: str, model_name: str, version: str) -> None:
        """Listen at once; the text file is written with the first report.

        Args:
            settings: where to show the figures.
            node: name of the monitor.
            model_name: name and hash of the model, e.g. `emotion@9f2c41aa`.
            version: of the program.

        Raises:
            ConfigError: the address can not be listened on, or the text file's name is not one.
            MissingDependencyError: prometheus-client is not installed.
        """
        # A name from the environment may hold undecodable bytes, which no UTF-8 page can say.
        node = node.encode("utf-8", "backslashreplace").decode("utf-8")
        self._tally = Tally((version, model_name), node)
        registry = _registry(self._tally)
        self._text_file = _TextFile(settings.textfile, registry) if settings.textfile else None
        self._endpoint = _Endpoint(settings.listen, registry) if settings.listen else None

    def write(self, report: Report) -> None:
        """Count one report, and write the text file where it is time."""
        self._tally.take(report.event, report.payload)
        if self._text_file is not None:
            self._text_file.refresh()

    def close(self) -> None:
        """Stop listening, and take the text file away."""
        if self._text_file is not None:
            self._text_file.remove()
        if self._endpoint is not None:
            self._endpoint.close()


def _registry(tally: Tally) -> CollectorRegistry:
    try:
        from prometheus_client import CollectorRegistry  # noqa: PLC0415 - the package is optional
    except ImportError as error:
        raise MissingDependencyError("prometheus-client", error) from None
    registry = CollectorRegistry(auto_describe=True)
    registry.register(_Collector(tally))
    return registry


class _Collector:
    """Reads all figures at once, as prometheus_client wants them."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> list[Metric]:
        with self._tally.lock:
            return [_family(figure, self._tally) for figure in FIGURES]


def _family(figure: Figure, tally: Tally) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - the package is optional

    made = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    # The node is in every series: text files of two monitors on one machine must not hold the same one.
    family = made(figure.name, figure.meaning, labels=("node", *figure.labels))
    for labels, value in figure.samples(tally).items():
        family.add_metric((tally.node, *labels), value)
    return family


class _Endpoint:
    """Answers HTTP requests on loopback, on a thread of its own and one more for each request."""

    def __init__(self, listen: str, registry: CollectorRegistry) -> None:
        from prometheus_client import make_wsgi_app  # noqa: PLC0415 - the package is optional

        host, _, port = listen.rpartition(":")
        if not 1 <= int(port) <= _LAST_PORT:
            raise ConfigError(f"[metrics] listen: found port {port}, wanted 1 to {_LAST_PORT}; change it")
        app = _own_names_only(make_wsgi_app(registry))
        try:
            self._server = make_server(_LOOPBACK[host], int(port), app, _Server, _Request)
        except OSError as error:
            found = "in use" if error.errno == errno.EADDRINUSE else f"not to be had ({error.strerror})"
            raise ConfigError(f"[metrics] listen: port {port} on {host} is {found}; choose another") from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_CHECK_S,), name="metrics-http", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """A server for a few clients on this machine."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the name service for the address' name: seconds, while the network is down.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        # Otherwise a traceback on stderr, which would tear the live display.
        log.debug("a client of the metrics endpoint was lost: %s", sys.exc_info()[1])


class _Request(WSGIRequestHandler):
    """Requests are not logged, and do not take for ever."""

    timeout = _CLIENT_S

    def log_message(self, *_: object) -> None:
        pass


def _own_names_only(app: WSGIApplication) -> WSGIApplication:
    """Refuse requests under a stranger's name: a web page could let its own name lead here (DNS rebinding)."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if _host_of(environ) in _OWN_NAMES:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"ask for 127.0.0.1, localhost or [::1]\n"]

    return answer


def _host_of(environ: WSGIEnvironment) -> str | None:
    try:
        return urlsplit("//" + environ.get("HTTP_HOST", "")).hostname or ""
    except ValueError:
        return None


class _TextFile:
    """A file for node_exporter's textfile collector: whole at every moment, and gone when the monitor ends.

    A file that stayed would be exported for ever, as if its figures were those of now. A write that fails is said once
    and tried again.
    """

    def __init__(self, path: str, registry: CollectorRegistry) -> None:
        if not path.endswith(_SUFFIX) or "\0" in path:
            wanted = f"a name that ends in {_SUFFIX}: node_exporter reads no other"
            raise ConfigError(f"[metrics] textfile: found {path!r}, wanted {wanted}")
        self._path = Path(path)
        with suppress(RuntimeError):  # no such home: the folder is missing, as any other may be
            self._path = self._path.expanduser()
        self._temporary = self._path.with_name(self._path.name + ".tmp")
        self._registry = registry
        self._tried_at_s = float("-inf")
        self._failing = False

    def refresh(self) -> None:
        """Write the file, if it is time."""
        now_s = elapsed_s()
        if now_s - self._tried_at_s < REFRESH_S:
            return
        self._tried_at_s = now_s
        try:
            self._write()
        except OSError as error:
            self._say(error)
        else:
            self._say(None)

    def remove(self) -> None:
        """Take the file away."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed (%s); its figures are old from now on", self._path, error.strerror)

    def _write(self) -> None:
        from prometheus_client import generate_latest  # noqa: PLC0415 - the package is optional

        # What a killed monitor left; a new file, then, can not be a link that leads elsewhere.
        self._temporary.unlink(missing_ok=True)
        try:
            with self._temporary.open("xb") as file:
                file.write(generate_latest(self._registry))
            self._temporary.chmod(_READABLE)
            self._temporary.replace(self._path)
        except OSError:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            raise

    def _say(self, error: OSError | None) -> None:
        """Only what is new: a disk stays full for hours."""
        if error is not None and not self._failing:
            log.warning("metrics are not written to %s: %s; tried again by itself", self._path, error.strerror)
        elif error is None and self._failing:
            log.info("metrics are written to %s again", self._path)
        self._failing = error is not None

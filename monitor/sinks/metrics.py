"""Prometheus: figures about the monitor, on an HTTP endpoint on loopback, in a text file, or both.

Emotions appear as counts of events only; names of devices, what was said and when, and secrets do not appear at all.
Figures are read at the moment of the scrape, from what the sink has been told so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import MissingDependencyError
from monitor.metrics.endpoint import Endpoint
from monitor.metrics.figures import FIGURES, Figure, Tally
from monitor.metrics.textfile import TextFile

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

    from monitor.config import MetricsSettings
    from monitor.records import Report


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
        self._text_file = TextFile(settings.textfile, registry) if settings.textfile else None
        self._endpoint = Endpoint(settings.listen, registry) if settings.listen else None

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

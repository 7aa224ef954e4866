"""The figures in a file."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import ConfigError
from monitor.host import elapsed_s

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

REFRESH_S = 15.0
"""The file is written at most so often: Prometheus' usual scrape interval."""
_SUFFIX = ".prom"
_READABLE = 0o644
"""node_exporter is another user."""

log = logging.getLogger(__name__)


class TextFile:
    """A file for node_exporter's textfile collector: whole at every moment, and gone when the monitor ends.

    A file that stayed would be exported for ever, as if its figures were those of now. A write that fails is said once
    and tried again.
    """

    def __init__(self, path: str, registry: CollectorRegistry) -> None:
        """Nothing is written before `refresh`.

        Raises:
            ConfigError: `path` is no name for such a file.
        """
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

"""The figures over HTTP, on loopback only."""

from __future__ import annotations

import errno
import logging
import socket
import sys
import threading
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from monitor.errors import ConfigError
from monitor.limits import METRICS_CLIENTS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client import CollectorRegistry

_CLIENT_S = 5.0
"""A client that sends or takes nothing for so long is hung up on."""
_STOP_CHECK_S = 0.2
_LAST_PORT = 65535
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "[::1]": "::1"}
"""Where to listen for each host of `[metrics] listen`: what the name service makes of `localhost` is not asked."""
_OWN_NAMES = {"", "127.0.0.1", "localhost", "::1"}
"""Names of this machine in a request; empty in one of HTTP/1.0."""

log = logging.getLogger(__name__)


class Endpoint:
    """Answers HTTP requests on loopback, on a thread of its own and one more for each request."""

    def __init__(self, listen: str, registry: CollectorRegistry) -> None:
        """Listen at once on `HOST:PORT`.

        Raises:
            ConfigError: it can not be listened on.
        """
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
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    """A server for a few clients on this machine."""

    daemon_threads = True
    # socketserver's 5 are soon over: the system then leaves who connects without a word, and tries again seconds later.
    request_queue_size = 8 * METRICS_CLIENTS_MAX

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(METRICS_CLIENTS_MAX)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """On the listening thread: start one for this client, unless there are too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """On the client's thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

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

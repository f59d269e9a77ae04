"""/metrics and /healthz over HTTP, in a thread of the supervisor: for Prometheus and for whoever restarts hosts."""

import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway import metrics
from gateway.config import Config

log = logging.getLogger(__name__)

CONNECTION_TIMEOUT_S = 5.0
CONNECTIONS = 64

Status = Callable[[], dict[str, Any]]


class Handler(BaseHTTPRequestHandler):
    """One connection. `server` is a Server."""

    protocol_version = "HTTP/1.1"
    timeout = CONNECTION_TIMEOUT_S
    server: "Server"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._reply(200, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
        elif path == "/healthz":
            status = self.server.status()
            self._reply(200 if status.get("ready") else 503, "application/json", json.dumps(status).encode() + b"\n")
        else:
            self._reply(404, "text/plain; charset=utf-8", b"there are /metrics and /healthz\n")

    def _reply(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        log.debug(format, *args)


class Server(ThreadingHTTPServer):
    """Listens until `stop`. A thread a connection, CONNECTIONS at most: one more is closed at once."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], registry: CollectorRegistry, status: Status) -> None:
        super().__init__(address, Handler)
        self.registry = registry
        self.status = status
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._thread = threading.Thread(target=self.serve_forever, name="http", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection of %s", client_address, exc_info=True)


def serve(config: Config, status: Status) -> Server:
    """Listens on the configured host and port; 0 picks one. `status` says whether the gateway is `ready`.

    Raises: OSError when the port is taken.
    """
    pages = config.layout.page("x").parent
    return Server((config.host, config.http_port), metrics.registry(pages), status)

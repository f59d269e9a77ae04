"""A few pages over HTTP in a thread of their own: /metrics and the like, for machines that look now and then."""

import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from gnomon import exposition

log = logging.getLogger(__name__)

CONNECTION_TIMEOUT_S = 5.0
CONNECTIONS = 64
POLL_S = 0.1  # how soon it sees that it is to stop


class Reply(NamedTuple):
    """What a page answers."""

    code: int
    kind: str
    body: bytes


Page = Callable[[str], Reply]  # of the request's Accept header


def metrics_page(scrape: Callable[[bool], bytes]) -> Page:
    """Of metrics, in the format that is asked for; `scrape` is told whether that is OpenMetrics."""

    def page(accept: str) -> Reply:
        openmetrics = exposition.is_openmetrics(accept)
        return Reply(200, exposition.OPENMETRICS if openmetrics else exposition.TEXT, scrape(openmetrics))

    return page


class Handler(BaseHTTPRequestHandler):
    """One connection. `server` is a Server."""

    protocol_version = "HTTP/1.1"
    timeout = CONNECTION_TIMEOUT_S
    server: "Server"

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            there = " and ".join(self.server.pages)
            self._send(Reply(404, "text/plain; charset=utf-8", f"there are {there}\n".encode()))
            return
        try:
            reply = page(self.headers.get("Accept", ""))
        except Exception:  # whatever a page is made of: its reader is told, and the next request is served
            log.exception("%s", self.path)
            reply = Reply(500, "text/plain; charset=utf-8", b"internal error\n")
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.code)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        log.debug(format, *args)


class Server(ThreadingHTTPServer):
    """Listens until `stop`. A thread a connection, CONNECTIONS at most: one more is closed at once.

    Raises: OSError when the port is taken, or the host is no address of this machine.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], pages: Mapping[str, Page]) -> None:
        try:
            super().__init__(address, Handler)
        except OSError as error:
            raise OSError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror}") from None
        self.pages = pages
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL_S,), name="http", daemon=True)
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

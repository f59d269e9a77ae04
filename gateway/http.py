"""/metrics and /healthz, in a thread of the supervisor: for Prometheus and for whoever restarts hosts."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from gateway.config import Config
from gateway.scrape import Sample, Scrape
from gnomon.web import Reply, Server, metrics_page

Status = Callable[[], dict[str, Any]]


def serve(config: Config, status: Status, live: Callable[[], Iterable[Sample]] = lambda: ()) -> Server:
    """Listens on the configured host and port; 0 picks one. `status` says whether the gateway is `ready`, `live` what
    only the supervisor knows, as metrics.

    Raises: OSError when the port is taken.
    """

    def healthz(accept: str) -> Reply:
        now = status()
        return Reply(200 if now.get("ready") else 503, "application/json", json.dumps(now).encode() + b"\n")

    def sheet() -> bytes:
        try:
            return config.layout.sheet.read_bytes()
        except FileNotFoundError:
            return b""

    pages = config.layout.page("x").parent
    scrape = Scrape(pages, versions=config.metrics_versions, live=live, sheet=sheet)
    return Server((config.host, config.http_port), {"/metrics": metrics_page(scrape), "/healthz": healthz})

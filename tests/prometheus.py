"""A real Prometheus for tests: the one on PATH, else Debian's package, unpacked into a cache and never installed."""

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Server, free_port

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gnomon-tests" / "prometheus"
DOWNLOAD_TIMEOUT_S = 120


def tools() -> tuple[Path, Path]:
    """prometheus and promtool. Skips a test only where there are none to be had, and never in CI."""
    found = binaries()
    if found is None and not os.environ.get("CI"):
        pytest.skip("no Prometheus on PATH, and no package of it to be had")
    assert found is not None, "CI has a Prometheus, or can have Debian's package"
    return found


def binaries() -> tuple[Path, Path] | None:
    """prometheus and promtool; None where they are not to be had."""
    on_path = [shutil.which(name) for name in ("prometheus", "promtool")]
    if all(on_path):
        return Path(str(on_path[0])), Path(str(on_path[1]))
    unpacked = CACHE / "usr" / "bin" / "prometheus", CACHE / "usr" / "bin" / "promtool"
    if not all(path.exists() for path in unpacked):
        _unpack()
    return unpacked if all(path.exists() for path in unpacked) else None


def _unpack() -> None:
    """Downloads and unpacks the package, where this is a Debian with a mirror; nothing of it runs."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return
    into = CACHE.with_suffix(f".{os.getpid()}")
    into.mkdir(parents=True, exist_ok=True)
    try:
        found = _run(["apt-get", "download", "prometheus"], into)
        if not found and os.geteuid() == 0:  # lists of packages that were never fetched
            found = _run(["apt-get", "update"], into) and _run(["apt-get", "download", "prometheus"], into)
        package = next(into.glob("prometheus_*.deb"), None)
        if found and package is not None and _run(["dpkg-deb", "-x", str(package), "."], into):
            package.unlink()
            shutil.rmtree(CACHE, ignore_errors=True)
            into.rename(CACHE)
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _run(command: list[str], folder: Path) -> bool:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


class Prometheus(Server):
    """One that scrapes these targets twice a second, with these rules. Not started."""

    def __init__(self, folder: Path, binary: Path, targets: dict[str, str], rules: Path) -> None:
        """`targets` are HOST:PORT by the name of their job."""
        jobs = [{"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()]
        often = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
        settings = {"global": often, "rule_files": [str(rules)], "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(json.dumps(settings))  # JSON is YAML
        port = free_port()
        command = [str(binary), f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address=127.0.0.1:{port}"]
        super().__init__([*command, f"--storage.tsdb.path={folder / 'tsdb'}"], port, folder / "prometheus.log")

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API. Raises: HTTPError, with what it does not like."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=10) as reply:
            return json.load(reply)["data"]

    def series(self, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """Labels and value of each series that an expression gives now."""
        found = self.ask("query", query=expression)["result"]
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in found}

    def value(self, expression: str) -> float | None:
        """Of an expression that gives one series; None as long as there is none."""
        found = list(self.series(expression).values())
        return found[0] if len(found) == 1 else None

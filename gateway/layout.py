"""Where things lie under a gateway's folder. Each has one writer, named here."""

from dataclasses import dataclass
from pathlib import Path

SHADOW_JOURNAL = "shadow"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths under `root`."""

    root: Path

    @property
    def identity(self) -> Path:
        """The gateway's id, made once. Supervisor."""
        return self.root / "gateway.id"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor that may run here."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """The configuration the supervisor's children read. Supervisor."""
        return self.root / "run" / "config.json"

    @property
    def endpoints(self) -> Path:
        """Where this gateway listens, as JSON: there once it is ready. Supervisor."""
        return self.root / "run" / "endpoints.json"

    @property
    def snapshot(self) -> Path:
        """The last desired state that every worker applied. Supervisor."""
        return self.root / "snapshot.pb"

    @property
    def cache(self) -> Path:
        """Verified artifacts, profiles and warm-up rows by sha256. Supervisor."""
        return self.root / "cache"

    @property
    def journals(self) -> Path:
        """A folder a journal. Workers, and the shadow runner."""
        return self.root / "journal"

    @property
    def shadow_journal(self) -> Path:
        """Predictions of shadow arms. Shadow runner."""
        return self.journals / SHADOW_JOURNAL

    @property
    def parquet(self) -> Path:
        """Exported predictions. Shipper."""
        return self.root / "parquet"

    @property
    def indexes(self) -> Path:
        """Where in a segment a prediction is; made from the journal. Supervisor."""
        return self.root / "index"

    def worker_journal(self, slot: int) -> Path:
        """Predictions of live arms. The worker of that slot."""
        return self.journals / f"w{slot:02d}"

    def worker_journals(self) -> list[Path]:
        return sorted(self.journals.glob("w[0-9]*"))

    def checkpoint(self, consumer: str) -> Path:
        """How far a consumer has read, and what it knew then. That consumer."""
        return self.root / "consumers" / f"{consumer}.json"

    def page(self, process: str) -> Path:
        """Counters of a process. That process."""
        return self.root / "run" / "pages" / f"{process}.page"

    @property
    def sheet(self) -> Path:
        """Metrics of drift, as text. Observer."""
        return self.root / "run" / "drift.prom"

    def log(self, process: str) -> Path:
        return self.root / "log" / f"{process}.log"

    def blob(self, sha256: str) -> Path:
        return self.cache / sha256

    def make(self) -> None:
        """Makes the folders."""
        for path in (
            self.cache,
            self.journals,
            self.parquet,
            self.config.parent,
            self.page("x").parent,
            self.log("x").parent,
        ):
            path.mkdir(parents=True, exist_ok=True)
        self.checkpoint("x").parent.mkdir(parents=True, exist_ok=True)

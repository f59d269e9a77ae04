"""The registry's parts on a real database, driven by hand: clocks are told, looks are called."""

from pathlib import Path
from typing import Any

from gnomon.domain import Lineage, Score, Stage
from gnomon.evidence import ArmStats, DriftTick, GatewayStatus, LoadFailure, PairStats, StatsReport
from gnomon.rollout import Policy, Rollout
from gnomon.stats import Profile
from registry.catalog import Catalog
from registry.changes import Changes
from registry.outcomes import Outcomes
from registry.rollout.controller import Controller
from registry.rollout.ledger import Ledger
from registry.stats import Stats
from registry.store.database import Database
from registry.threads import Lane
from registry.watch import Watch
from tests.unit.registry.situations import BASELINE, CANDIDATE, MODEL, POLICY


class Inside:
    """A model with version 1 in production and version 2 approved."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 1_000.0
        self.profiles: dict[int, Profile] = {}
        self._path = folder / "registry.db"
        self._wire()
        for number in (BASELINE, CANDIDATE):
            self.register(number)
            self.catalog.approve(MODEL, number, "ann", "")
        self.catalog.set_stage(MODEL, BASELINE, Stage.PRODUCTION, "bob")

    def _wire(self) -> None:
        self.database = Database(self._path)
        self.database.open()
        self.store = Lane("store")
        self.watch = Watch(8)
        self.catalog = Catalog(self.database, lambda digest: 1, lambda: int(self.now_s * 1000))
        self.stats = Stats(lambda: self.now_s, silent_s=30.0, ticks_kept=100)
        changes = Changes(self.store, self.catalog.desired_state, self.watch)
        ledger = Ledger(self.database, lambda: int(self.now_s * 1000))
        self.controller = Controller(
            ledger, self.stats, self.store, changes, lambda: self.now_s,
            outcomes=Outcomes(self.database, lambda: int(self.now_s * 1000)),
            profile_of=self.profile, measuring=self.store, late_s=8.0,
        )  # fmt: skip

    async def profile(self, model: str, number: int) -> Profile | None:
        return self.profiles.get(number)

    def restart(self) -> None:
        """What the database holds survives; what gateways told, and clocks, do not."""
        self.close()
        self._wire()

    def close(self) -> None:
        self.store.close()
        self.database.close()

    def register(self, number: int, digest: str = "a" * 64) -> None:
        self.catalog.register(
            MODEL,
            number,
            artifact_sha256=digest,
            profile_sha256="",
            warmup_sha256="",
            score=Score(),
            lineage=Lineage(),
        )

    async def start(self, policy: Policy = POLICY) -> Rollout:
        return await self.controller.start(MODEL, CANDIDATE, policy, "ann")

    async def look(self, *, later_s: float = 0.25) -> Rollout:
        """Time passes, the controller looks; the rollout as a client would then see it."""
        self.now_s += later_s
        await self.controller.look()
        return await self.controller.get(MODEL)

    def serve(self, *failures: LoadFailure) -> None:
        """The one gateway serves whatever is wanted of it, and says so; without news it reports what it did before."""
        self.serve_without_counts(*failures)
        self.stats.report(StatsReport(gateway_id="g1"))

    def serve_without_counts(self, *failures: LoadFailure) -> None:
        applied = self.catalog.desired_state().revision
        self.stats.report_status(GatewayStatus(gateway_id="g1", applied_revision=applied, failures=failures))

    def count(self, *counts: ArmStats | PairStats | DriftTick) -> None:
        """The one gateway reports."""
        ticks = tuple(count for count in counts if isinstance(count, DriftTick))
        arms = tuple(count for count in counts if isinstance(count, ArmStats))
        pairs = tuple(count for count in counts if isinstance(count, PairStats))
        self.stats.report(StatsReport(gateway_id="g1", arms=arms, pairs=pairs, ticks=ticks))

    @property
    def route(self) -> Any:
        return self.catalog.get_route(MODEL)

    @property
    def stages(self) -> dict[int, str]:
        return {version.version: version.stage.name for version in self.catalog.list_versions(MODEL)}

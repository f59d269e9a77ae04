"""The scenes of the demo, in their order. Each checks what it tells."""

import time
from typing import Any

import numpy as np

from gnomon.cli.embedded import Embedded
from gnomon.cli.options import plain
from gnomon.cli.replay import MODEL, Flights, Replay
from gnomon.cli.story import Story, until
from gnomon.cli.trace import values
from gnomon.cli.training import Trainings
from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import RolloutState, Stage
from gnomon.evidence import Drift, Outcome, VersionCalibration
from gnomon.rollout import Policy, Rollout

APPROVER = "risk-committee"
ACTOR = "demo"
CHUNK = 200
BATCH = 1_000  # outcomes in one call
# Records: the replay waits for its readers, so that verdicts rest on counts and not on how busy the machine is.
LAG = 250
JULY_EVERY = 7  # one flight in so many, over the whole month
DRIFT_TICK_S = 1.0


class Scenes:
    """The scenes, in their order. Each checks what it tells."""

    def __init__(self, story: Story, pair: Embedded, flights: Flights, policy: Policy) -> None:
        self.story = story
        self.pair = pair
        self.flights = flights
        self.policy = policy
        self.registry = RegistryClient(pair.registry)
        self.gateway = GatewayClient(pair.gateway, timeout_s=60.0)
        self.replay = Replay(pair.gateway, flights)
        self.trainings = Trainings(pair.registry, ("v1", "v2", "v3", "v4"))
        story.summary |= {"rollouts": [], "drift": {}, "versions": []}

    def close(self) -> None:
        self.replay.close()
        self.registry.close()
        self.gateway.close()

    def first_version(self) -> None:
        self.story.chapter("Version 1: trained on January and February, evaluated on March")
        self._trained("v1")
        self.registry.approve_version(MODEL, 1, approver=APPROVER, note="first version, AUC as expected")
        self.registry.set_stage(MODEL, 1, Stage.PRODUCTION, actor=ACTOR)
        until("version 1 is served", lambda: self._serves(1))
        version = self.registry.get_version(MODEL, 1)
        digest = version.artifact_sha256[:12]
        self.story.check(
            version.stage is Stage.PRODUCTION,
            f"approved by {APPROVER}, in production, pulled, verified ({digest}…) and served",
        )

    def held_out(self) -> None:
        self.story.chapter("Held-out flights: a random tenth of the training months, never trained on")
        drift = self._replayed_window("held-out flights", self.flights.held_out, version=1)
        self.story.summary["drift"]["held_out"] = list(drift.alarmed)
        self.story.summary["drift"]["held_out_monitors"] = plain(drift.monitors)
        worst = max(drift.monitors, key=lambda item: item.psi)
        self.story.check(not drift.alarmed, f"{drift.rows} rows, no alarm; largest PSI {worst.psi:.3f} ({worst.name})")

    def good_version(self) -> None:
        self.story.chapter("Version 2: January to March; shadow, then 1 % → 10 % → 50 % → 100 %, on April's flights")
        ended = self._roll_out("v2", 2, self.flights.of_month(4))
        self.story.check(ended.state is RolloutState.PROMOTED, f"version 2 is in production: {ended.reason}")

    def broken_version(self) -> None:
        self.story.chapter("Version 3: trained with the temperature in Celsius; on May's flights")
        self._must_stop(self._roll_out("v3", 3, self.flights.of_month(5)))

    def slow_version(self) -> None:
        self.story.chapter("Version 4: a far larger ensemble; on June's flights")
        self._must_stop(self._roll_out("v4", 4, self.flights.of_month(6)))

    def july(self) -> None:
        self.story.chapter("July's flights against what version 2 was trained on")
        drift = self._replayed_window("July's flights", self.flights.of_month(7)[::JULY_EVERY], version=2)
        self.story.summary["drift"]["window"] = list(drift.alarmed)
        self.story.summary["drift"]["window_monitors"] = plain(drift.monitors)
        for item in drift.monitors:
            if item.alarmed:
                far = f"PSI {item.psi:.2f}, at least {item.psi_lower:.2f}; KS {item.ks_lo:.2f}"
                self.story.tell(f"[yellow]alarm[/yellow] {item.name}: {far}")
        self.story.check(
            {"temp", "dewp"} <= set(drift.alarmed), f"{drift.rows} rows, alarms on temperature and dew point"
        )

    def came_true(self) -> None:
        self.story.chapter("What became of July's flights")
        rows = self.flights.of_month(7)[::JULY_EVERY]
        answers = [self.replay.answers[row] for row in rows.tolist() if not np.isnan(self.flights.late[row])]
        told = [
            Outcome(
                prediction_id=answer.prediction_id, version=answer.version, epoch=answer.epoch, score=answer.score,
                label=float(self.flights.late[answer.row]),
            )
            for answer in answers
        ]  # fmt: skip
        new = sum(self.registry.record_outcomes(MODEL, told[at : at + BATCH]) for at in range(0, len(told), BATCH))

        def judged() -> VersionCalibration | None:
            found = {each.version: each for each in self.registry.get_calibration(MODEL).versions}
            return found[2] if found[2].reason else None

        found: VersionCalibration = until("the registry has looked at them", judged)
        self.story.summary["calibration"] = plain(found)
        self.story.tell(found.reason)
        said = f"version 2 said {found.mean_score:.1%} of them would be late, {found.share:.1%} were"
        self.story.check(new == len(told) == found.outcomes, f"{new} flights arrived; {said}")

    def bad_calls(self) -> None:
        self.story.chapter("Calls that should not be answered")
        row = self.flights.features[:1]
        got = {
            "an unknown model": self.replay.bad_call(model="flight-dealy", values=row),
            "an unknown version": self.replay.bad_call(version="99", values=row),
            "a wrong input name": self.replay.bad_call(name="feature", values=row),
            "a wrong shape": self.replay.bad_call(values=row[:, 1:]),
        }
        expected = ["NOT_FOUND", "NOT_FOUND", "INVALID_ARGUMENT", "INVALID_ARGUMENT"]
        self.story.check(list(got.values()) == expected, ", ".join(f"{what}: {status}" for what, status in got.items()))

    def trace(self) -> None:
        self.story.chapter("One prediction, traced")
        answer = self.replay.tally.latest[2, "canary"]
        found = self.gateway.trace(answer.prediction_id, rescore=True)
        version = found.version
        self.story.summary["trace"] = {
            "prediction_id": found.prediction_id, "version": found.why.version, "arm": answer.arm,
            "epoch": found.why.epoch, "input": _named(found.inputs[0]),
            "artifact_sha256": found.artifact_sha256, "data_sha256": version.lineage.data_sha256,
            "git_commit": version.lineage.git_commit, "approver": version.approval.approver,
            "score": float(np.frombuffer(found.outputs[-1].raw, "<f4")[-1]), "rescore_equal": found.rescore.equal,
        }  # fmt: skip
        sent = self.flights.features[answer.row].tobytes()
        self.story.tell(
            f"{found.prediction_id}: flight row {answer.row}, score {self.story.summary['trace']['score']:.4f}"
        )
        self.story.check(found.inputs[0].raw == sent, "the input row is the one that was sent")
        self.story.check(
            (found.why.version, found.why.epoch) == (answer.version, answer.epoch),
            f"answered by version {found.why.version} as {answer.arm}, epoch {found.why.epoch}: "
            f"bucket {found.why.bucket}, weight {found.why.weight_bp / 100:g} %",
        )
        self.story.tell(
            f"artifact {found.artifact_sha256[:16]}…, data {version.lineage.data_sha256[:16]}…, "
            f"code {version.lineage.git_commit[:12]}, approved by {version.approval.approver}"
        )
        self.story.check(found.rescore.equal, "scored again with the pulled artifact: the same bytes")

    def books(self) -> None:
        self.story.chapter("The books")
        tally = self.replay.tally
        with self.story.bar("waiting for the export"):
            until("every answered call is in Parquet", lambda: self._parquet_rows() >= tally.answered)
            until("the shadow has seen all it was offered", self._shadow_settled)
        status = self.gateway.status()
        books, shadow = status.books, status.shadow
        rows = self._parquet_rows()
        parts = {name: getattr(shadow, name) for name in ("offered", "run", "shed", "expired", "failed")}
        self.story.summary |= {
            "calls": {"sent": tally.sent, "answered": tally.answered, "rejected": tally.rejected},
            "journaled": books.journaled, "parquet_rows": rows, "shadow": parts,
        }  # fmt: skip
        self.story.check(
            tally.sent == tally.answered + tally.rejected,
            f"sent {tally.sent} = answered {tally.answered} + rejected {tally.rejected}",
        )
        self.story.check(
            tally.answered == books.journaled == rows,
            f"answered {tally.answered} = journaled {books.journaled} = rows in Parquet {rows}",
        )
        self.story.check(
            parts["offered"] == books.shadow_offered == sum(parts.values()) - parts["offered"],
            f"offered to shadow {parts['offered']} = "
            + " + ".join(f"{name} {parts[name]}" for name in list(parts)[1:]),
        )

    def _trained(self, spec: str) -> None:
        with self.story.bar(f"training {spec}"):
            result = self.trainings.result(spec)
        self.story.summary["versions"].append(result)
        metrics = ", ".join(f"{name} {value:.3f}" for name, value in sorted(result["metrics"].items()) if name == "auc")
        self.story.check(
            result["max_abs_difference"] <= 1e-5,
            f"{spec}: {metrics}; {result['rows']} rows scored by the export like by scikit-learn, within "
            f"{result['max_abs_difference']:.1e}; registered as version {result['version']}",
        )

    def _roll_out(self, spec: str, number: int, rows: np.ndarray[Any, Any]) -> Rollout:
        """Flights, until the registry has decided."""
        self._trained(spec)
        self.registry.approve_version(MODEL, number, approver=APPROVER, note="for a rollout by evidence")
        rollout = self.registry.start_rollout(MODEL, number, self.policy, actor=ACTOR)
        steps = len(self.policy.steps)
        with self.story.bar(f"version {number}: shadow", total=steps) as bar:
            for start in range(0, len(rows), CHUNK):
                self.replay.send(rows[start : start + CHUNK])
                until("the readers keep up", self._readers_near, timeout_s=120.0)
                before, rollout = rollout.step, self.registry.get_rollout(MODEL, rollout.id)
                bar.advance(rollout.step - before)
                step = self.policy.steps[min(rollout.step, steps - 1)]
                bar.say(
                    f"version {number}: {step.role.name.lower()} {step.weight_bp / 100:g} %, {start + CHUNK} flights"
                )
                if rollout.state.is_over:
                    break
        self.story.summary["rollouts"].append(
            {"version": number, "verdict": rollout.state.name.lower(), "gate": rollout.gate, "reason": rollout.reason,
             "steps": [plain(decision) for decision in rollout.decisions]}
        )  # fmt: skip
        self._tell_decisions(rollout)
        return rollout

    def _tell_decisions(self, rollout: Rollout) -> None:
        """Each step forward, and the numbers of the gates that let it pass."""
        words = {"advanced": "advanced to", "promoted": "promoted after"}
        for decision in rollout.decisions:
            if decision.action not in words:
                continue
            step = self.policy.steps[decision.step]
            self.story.tell(f"{words[decision.action]} {step.role.name.lower()} {step.weight_bp / 100:g} %")
            for verdict in decision.verdicts:
                self.story.tell(f"[dim]  {verdict.gate}: {verdict.reason}[/dim]")

    def _must_stop(self, ended: Rollout) -> None:
        self.story.check(
            ended.state is RolloutState.STOPPED and ended.gate != "timeout",
            f"stopped by gate {ended.gate}: {ended.reason}",
        )
        until("traffic is back on version 2", lambda: self._serves(2))
        before = self.replay.tally.by_arm[2, "stable"]
        self.replay.send(self.flights.of_month(6)[-100:])
        self.story.check(
            self.replay.tally.by_arm[2, "stable"] == before + 100, "traffic is back on version 2: 100 of 100 calls"
        )

    def _replayed_window(self, title: str, rows: np.ndarray[Any, Any], version: int) -> Drift:
        """Drift over exactly these rows: sub-windows begin at whole seconds, so it waits for one."""
        time.sleep(DRIFT_TICK_S - time.time() % DRIFT_TICK_S)
        since = int(time.time() * 1000)
        since -= since % int(DRIFT_TICK_S * 1000)
        with self.story.bar(f"replaying {title}", total=len(rows)) as bar:
            self.replay.send(rows, bar.advance)

            def complete() -> Drift | None:
                drift = self.registry.get_drift(MODEL, version, from_unix_ms=since)
                return drift if drift.rows >= len(rows) else None

            found: Drift = until("the observer has seen them all", complete)
        return found

    def _serves(self, version: int) -> bool:
        """Whether all calls go to `version` on this gateway, now."""
        routes = {route.model: route for route in self.gateway.status().routes}
        arms = routes[MODEL].arms if MODEL in routes else ()
        return [(arm.version, arm.weight_bp) for arm in arms] == [(version, 10_000)]

    def _readers_near(self) -> bool:
        return all(
            item.pending < LAG for item in self.gateway.status().consumers if item.name in ("observer", "shadow")
        )

    def _shadow_settled(self) -> bool:
        status = self.gateway.status()
        return bool(status.shadow.offered == status.books.shadow_offered)

    def _parquet_rows(self) -> int:
        import pyarrow.dataset

        files = [str(path) for path in (self.pair.folder / "gateway" / "parquet" / "predictions").rglob("*.parquet")]
        answered = pyarrow.dataset.field("status") == "answered"
        return sum(pyarrow.dataset.dataset(file).count_rows(filter=answered) for file in files)


def _named(tensor: Any) -> dict[str, float | None]:
    """A traced row by the names of its columns; what is missing as None, for JSON."""
    return {
        name: None if np.isnan(value) else round(value, 4)
        for name, value in zip(tensor.columns, values(tensor), strict=True)
    }

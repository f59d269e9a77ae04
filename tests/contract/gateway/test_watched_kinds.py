"""A real gateway's observer tells a real registry of whole numbers and of text, and both are judged."""

from dataclasses import replace

import numpy as np
import tritonclient.grpc as triton

from gnomon.client import GatewayClient, RegistryClient
from gnomon.domain import Arm, Role, Route
from gnomon.evidence import Drift
from gnomon.stats.profile import Profile
from tests import models
from tests.waiting import serves, until

BASE = 1 << 40
ROWS = 800


def calls(client: triton.InferenceServerClient, name: str, accounts: np.ndarray, carriers: list[str]) -> None:
    for first in range(0, ROWS, 100):
        part = slice(first, first + 100)
        columns = {
            "x": ("FP32", np.zeros((100, 3), np.float32)),
            "a": ("INT64", accounts[part, np.newaxis]),
            "b": ("INT64", np.zeros((100, 1), np.int64)),
            "s": ("BYTES", np.array([each.encode() for each in carriers[part]], object)[:, np.newaxis]),
        }
        inputs = []
        for tensor, (datatype, values) in columns.items():
            inputs.append(triton.InferInput(tensor, list(values.shape), datatype))
            inputs[-1].set_data_from_numpy(values)
        client.infer(name, inputs)


def test_text_that_moves_is_drift_and_whole_numbers_that_do_not_are_none(
    registry: RegistryClient, gateway: GatewayClient, client: triton.InferenceServerClient
) -> None:
    rng, name = np.random.default_rng(5), "kinds"
    fitted = Profile.fit({"a": BASE + rng.integers(0, 30, 5_000), "s": rng.choice(["UA", "B6"], 5_000).tolist()})
    profile = replace(fitted, monitors=tuple(replace(each, tensor=each.name, column=0) for each in fitted.monitors))
    digests = [registry.put_artifact(data) for data in (models.several(), profile.to_bytes())]
    registry.register_version(name, artifact_sha256=digests[0], profile_sha256=digests[1])
    registry.set_route(Route(model=name, arms=(Arm(version=1, role=Role.STABLE),), actor="test"))
    until(lambda: serves(gateway, name, 1))
    calls(client, name, BASE + rng.integers(0, 30, ROWS), rng.choice(["UA", "B6", "new"], ROWS).tolist())
    found: list[Drift] = []

    def told() -> bool:
        found[:] = [registry.get_drift(name, with_counts=True)]
        return found[0].rows == ROWS

    until(told)
    account, carrier = found[0].monitors
    assert (sum(account.window), sum(carrier.window)) == (ROWS, ROWS)
    assert (account.alarmed, carrier.alarmed) == (False, True)
    assert np.isnan(carrier.ks_lo)
    assert account.labels == ()
    assert set(carrier.labels) == {"UA", "B6", "(others)", "(new)"}
    assert 200 < carrier.window[carrier.labels.index("(new)")] < 330

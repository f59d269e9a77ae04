"""Waiting for what another process does: told by its own word, in bounded time."""

import time
from collections.abc import Callable
from typing import Any

from gnomon.client import GatewayClient


def until(condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """What `condition` returns once it is true of something. Raises: AssertionError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.02)
    return found


def serves(gateway: GatewayClient, model: str, stable: int) -> bool:
    """Whether the gateway routes `model` with this stable version."""
    routes = {route.model: route for route in gateway.status().routes}
    return model in routes and any(arm.version == stable and arm.role == 1 for arm in routes[model].arms)

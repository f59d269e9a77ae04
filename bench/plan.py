"""Plan: what one run of the load generator is asked to do; every field is a flag of `python -m bench.load`."""

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ARRIVALS = ("constant", "poisson", "bursts")


class PlanInvalid(ValueError):
    """A setting that cannot be used; the message names it, its value and what would be right."""


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run. Without a rate it is a closed loop: a call is sent when one is answered."""

    target: str = _flag("127.0.0.1:8500", "HOST:PORT of the server")
    model: str = _flag("trees", "name of the model to call")
    rows: int = _flag(1, "rows in a call")
    features: int = _flag(30, "features in a row")
    keys: int = _flag(0, "whole numbers below this in the last feature, for a key column; 0: numbers as in the others")
    tenant: str = _flag("", "metadata x-tenant of every call; empty: none")
    connections: int = _flag(4, "connections, all opened before the run")
    in_flight: int = _flag(16, "calls in flight on each connection (closed loop)")
    seconds: float = _flag(5.0, "length of the run")
    warm_up_s: float = _flag(0.5, "closed-loop calls before the run that are not counted")
    rate: float = _flag(0.0, "calls a second sent on a schedule whatever is answered (open loop); 0: closed loop")
    arrivals: str = _flag("poisson", f"schedule of an open loop: {', '.join(ARRIVALS)}")
    burst: int = _flag(64, "calls sent at one instant, with --arrivals bursts")
    most_calls: int = _flag(5_000_000, "calls at most")
    most_waiting: int = _flag(
        50_000, "calls waiting for an answer at most; one more is counted as NOT_SENT (open loop)"
    )
    timeout_ms: int = _flag(0, "deadline sent with every call; 0: none")
    grace_s: float = _flag(5.0, "how long answers are waited for after the last call")
    seed: int = _flag(1, "of the rows and of the schedule")
    core: int = _flag(-1, "core to run on; -1: any")
    server_pid: tuple[int, ...] = _flag((), "process of the server whose CPU time is taken; may be given several times")

    def __post_init__(self) -> None:
        for name in ("rows", "features", "connections", "in_flight", "burst", "most_calls", "most_waiting"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("keys", "warm_up_s", "rate", "timeout_ms", "grace_s"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("seconds", 0 < self.seconds <= 3_600, "more than 0 and at most 3600")
        self._check("arrivals", self.arrivals in ARRIVALS, f"one of {', '.join(ARRIVALS)}")
        self._check("target", _is_address(self.target), "HOST:PORT")
        if self.rate * self.seconds > self.most_calls:
            raise PlanInvalid(
                f"{self.rate:.0f} calls a second for {self.seconds} s: at most {self.most_calls} expected"
            )

    def _check(self, name: str, good: bool, expected: str) -> None:
        if not good:
            raise PlanInvalid(f"{name} = {getattr(self, name)!r}: {expected} expected")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.target.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def is_open(self) -> bool:
        return self.rate > 0

    def flags(self) -> list[str]:
        """The plan as a command line; `parse` of it is the plan again."""
        given: list[str] = []
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            values = value if item.name == "server_pid" else (value,)
            given += [text for one in values for text in (_name(item.name), str(one))]
        return given


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal() and 0 < int(port) < 65_536


def _name(field_name: str) -> str:
    return "--" + field_name.replace("_", "-")


def parse(arguments: Sequence[str]) -> Plan:
    """The plan of a command line. Raises: PlanInvalid. argparse ends the process on an unknown flag, or --help."""
    parser = argparse.ArgumentParser("python -m bench.load", description="Drive calls at a server of the protocol.")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    kinds = typing.get_type_hints(Plan)
    for item in dataclasses.fields(Plan):
        text = item.metadata["help"]
        if item.name == "server_pid":
            parser.add_argument(_name(item.name), type=int, action="append", default=[], help=text)
        else:
            parser.add_argument(_name(item.name), type=kinds[item.name], default=item.default, help=text)
    found = vars(parser.parse_args(arguments))
    found.pop("json")
    return Plan(**(found | {"server_pid": tuple(found["server_pid"])}))

"""How the lane chooses an arm, apart from the lane: compiled code and what it is taught of one kind of calls."""

import functools
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from numba import cfunc

from gateway.fastcodec.request import Request
from gateway.lanes.block import Block
from gateway.lanes.kinds import Target, kind_block
from gateway.native import blake2b, choosing
from gateway.native.blocks import KIND, STREAM, TARGET, WORLD
from gateway.native.memory import I64
from gateway.unkeyed import Unkeyed
from gnomon import oip
from gnomon.domain import Role
from gnomon.routing import KEY_BYTES, Choice, Table

REPEATS, TURNS = 200, 10_000


def _repeated(world: int, stream: int, kind: int, end: int, times: int) -> int:
    found = 0
    for _ in range(times):
        found = choosing.target_of(world, stream, kind, end)
    return found


@functools.cache
def _compiled() -> tuple[Any, Any]:
    """(many decisions, the state of a model's keys)."""
    return (
        cfunc(I64(I64, I64, I64, I64, I64), error_model="numpy")(_repeated).ctypes,
        cfunc(I64(I64, I64, I64, I64), error_model="numpy")(blake2b.key_state).ctypes,
    )


class LaneChoice:
    """One call of a kind that is known, its header fields and its message read, again and again."""

    def __init__(self, table: Table, request: Request, fields: Sequence[tuple[bytes, bytes]]) -> None:
        assert request.raws is not None
        self._unkeyed, self._world, self._stream = Unkeyed(), Block(WORLD.SIZE), Block(STREAM.SIZE)
        self._kind = self._known(table, request)
        key = dict(fields).get(b"x-routing-key", request.routing_key)
        kept = b"".join(_packed(name, value) for name, value in fields)
        raw = oip.ModelInferRequest(raw_input_contents=request.raws).SerializeToString()
        at, stream = self._stream.point(kept + key + raw), self._stream
        stream[STREAM.BUFFER], stream[STREAM.HEADERS], stream[STREAM.KEY] = at, len(kept), len(kept)
        stream[STREAM.KEY_SIZE], stream[STREAM.ROW] = len(key), at + len(kept) + len(key)
        self._end = stream[STREAM.ROW] + len(raw)

    def _known(self, table: Table, request: Request) -> Block:
        """Its kind, with a target for each aim."""
        model, index = table.route.model, {name: place for place, (name, _, _) in enumerate(request.layout.inputs)}
        version = int(request.model_version or 1)
        choice = Choice(version, Role.STABLE, 0, 0, "pinned" if request.model_version else "sequence", 0)
        taken: Any = SimpleNamespace(
            request=request, choice=choice, route=table.route, inputs=SimpleNamespace(rows=1),
            servable=SimpleNamespace(input_index=index),
        )  # fmt: skip
        known = kind_block(taken, table, self._unkeyed.address(model))
        name = model.encode()[:KEY_BYTES]
        state = known.block.address + KIND.KEY_STATE
        _compiled()[1](state, known.block.point(name), len(name), self._world.address + WORLD.SCRATCH)
        nowhere: Any = None
        for aim in {*known.aims, *known.ruled} - {None}:
            assert aim is not None
            known.aim(aim, Target(Block(TARGET.SIZE), nowhere, 0, 0))
        self._targets = known
        return known.block

    def rule(self) -> int:
        """Decides once; what chose."""
        self._decide(1)
        return self._stream[STREAM.RULE]

    def _decide(self, times: int) -> None:
        if not _compiled()[0](self._world.address, self._stream.address, self._kind.address, self._end, times):
            raise AssertionError("the lane leaves the call to Python")

    def ns(self) -> float:
        """Processor time of a decision: the best of many short repeats."""
        best = float("inf")
        for _ in range(REPEATS):
            began = time.thread_time_ns()
            self._decide(TURNS)
            best = min(best, (time.thread_time_ns() - began) / TURNS)
        return best


def _packed(name: bytes, value: bytes) -> bytes:
    """A header field as compiled code keeps it."""
    return len(name).to_bytes(4, "little") + len(value).to_bytes(4, "little") + name + value

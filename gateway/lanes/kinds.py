"""What compiled code knows of calls: learned from each first call of a kind, and anew when its model's route changes.

A kind is the bytes of a request that say what it asks (model, version, descriptions of its tensors); a target is one of
its arms. Python answers the first call of a kind on an arm, and from its answer all later ones are made. What is known
when a route changes is learned for the next from calls that are made up (gateway.lanes.foresight).
"""

import ctypes
import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.fastcodec import response
from gateway.fastcodec.layout import Layout
from gateway.fastcodec.request import Request
from gateway.fastcodec.varint import field as field_bytes
from gateway.job import ARM_NAMES, Taken
from gateway.journal.format import INPUT, NUMPY_OF, RULE_CODES, aligned
from gateway.journal.writer import TensorRecord, around
from gateway.lanes.block import Block
from gateway.lanes.lane import Lane
from gateway.lanes.questions import Asks
from gateway.native.blocks import KIND, MOST_ARMS, MOST_INPUTS, MOST_OUTPUTS, TARGET
from gnomon.domain import ALL_BP
from gnomon.routing import KEY_BYTES, Choice, Table

SLOTS = 4096
MOST_KINDS = SLOTS // 2
DIVERTED = "breaker"  # the rule
TEXT_BYTES = 128  # a length from here takes more than a byte


class Aim(NamedTuple):
    """Where the calls of an arm's buckets go, or those of a rule: to a version, and whether because a breaker says so,
    or a rule."""

    version: int
    diverted: bool = False
    ruled: bool = False

    @classmethod
    def of(cls, choice: Choice) -> "Aim":
        return cls(choice.version, choice.rule == DIVERTED, choice.rule == "rule")


@dataclass(slots=True)
class Known:
    """A kind, and for each arm and each rule of its table the target of its calls, where it is known."""

    request: Request  # without contents and ids
    block: Block
    aims: list[Aim | None]  # of each arm; None: its calls are Python's
    pinned: bool
    asks: Asks | None = None
    ruled: list[Aim | None] = field(default_factory=list)  # of each rule
    targets: dict[Aim, "Target"] = field(default_factory=dict)

    def aim(self, aim: Aim, target: "Target") -> None:
        """From here on calls that fall there are compiled code's."""
        self.targets[aim] = target
        self._point()

    def follow(self, table: Table) -> None:
        """A breaker has moved the calls of an arm: of the same route, so all that is known stays so."""
        if not self.pinned:
            self.aims = [_aim(table, arm.version) for _, arm in table.bounds[:MOST_ARMS]]
            self.ruled = [_aim(table, rule.version, ruled=True) for rule in table.route.rules]
            self._point()

    def _point(self) -> None:
        for arm, aim in enumerate(self.aims):
            self.block[KIND.TARGETS + 8 * arm], self.block[KIND.RULES + 8 * arm] = self._target(aim)
        if self.asks is not None:
            for place, aim in enumerate(self.ruled):
                self.asks.point(place, *self._target(aim))

    def _target(self, aim: Aim | None) -> tuple[int, int]:
        """Its address, 0 where it is not known; and the rule that stands in for the one by which calls are chosen."""
        target = self.targets.get(aim) if aim is not None else None
        rule = RULE_CODES[DIVERTED] if aim is not None and aim.diverted else 0
        return (0 if target is None else target.block.address), rule


def _aim(table: Table, version: int, *, ruled: bool = False) -> Aim | None:
    """Of calls that fall to a version; None: they are Python's, which counts them."""
    if version in table.tried:
        return None
    return Aim(table.route.stable.version, True) if version in table.diverted else Aim(version, ruled=ruled)


@dataclass(frozen=True, slots=True)
class Target:
    block: Block
    lane: Lane
    schema: int
    epoch: int


class Watching(NamedTuple):
    """A shadow that sees a share of a target's calls, and where it is counted how many it wants."""

    mix: int
    weight_bp: int
    counter: int


def can_take(taken: Taken) -> bool:
    """Whether calls like this one can go the lane: raw tensors of fixed size, rows first, few of them."""
    servable, request = taken.servable, taken.request
    specs = (*servable.inputs, *servable.outputs)
    return (
        request.raws is not None
        and not taken.route.batch_wait_us  # calls that may wait do so in the batcher
        and bool(request.layout.span)
        and servable.takes_any_rows
        and all(spec.datatype in NUMPY_OF for spec in specs)
        and 0 < len(servable.inputs) <= MOST_INPUTS
        and 0 < len(servable.outputs) <= MOST_OUTPUTS
        and all(shape[0] == taken.inputs.rows for _, _, shape in request.layout.inputs)
        and len(request.model_name.encode()) < TEXT_BYTES
    )


def prefix_of(request: Request) -> bytes:
    """The bytes a request of this kind begins with."""
    version = field_bytes(2, request.model_version.encode()) if request.model_version else b""
    return field_bytes(1, request.model_name.encode()) + version


def span_of(request: Request) -> bytes:
    """The bytes of its descriptions of tensors, which `can_take` has made sure of."""
    assert request.layout.span is not None
    return request.layout.span


def kind_block(taken: Taken, table: Table, counter: int) -> Known:
    """`counter` is the address of the number of calls without a key."""
    block, layout, servable = Block(KIND.SIZE), taken.request.layout, taken.servable
    block.text(KIND.PREFIX, prefix_of(taken.request))
    block.text(KIND.SPAN, span_of(taken.request))
    block[KIND.ROWS], block[KIND.INPUTS], block[KIND.COUNTER] = taken.inputs.rows, len(layout.inputs), counter
    block.fill(KIND.BYTES, [_bytes_of(shape, datatype) for _, datatype, shape in layout.inputs])
    block.fill(KIND.PLACES, [servable.input_index[name] for name, _, _ in layout.inputs])
    pinned = taken.choice.rule == "pinned"
    ends = [ALL_BP] if pinned else [end for end, _ in table.bounds[:MOST_ARMS]]
    block[KIND.PINNED], block[KIND.ARMS] = pinned, len(ends)
    block.fill(KIND.ENDS, ends)
    asked = taken.request._replace(id="", id_raw=b"", routing_key=b"", raws=None)
    asks = Asks(table, layout) if table.asks and not pinned else None
    if asks is not None:
        block.refer(KIND.ASKS, asks.block)
    known = Known(asked, block, [Aim(taken.choice.version)], pinned, asks)
    known.follow(table)
    return known


def _bytes_of(shape: tuple[int, ...], datatype: str) -> int:
    return NUMPY_OF[datatype].itemsize * math.prod(shape)


def output_bytes(records: list[TensorRecord], rows: int) -> list[int] | None:
    """Bytes of a row of each output; None where an output does not have a row for each row that came in."""
    if any(not record.shape or record.shape[0] != rows for record in records):
        return None
    return [len(record.data) // rows for record in records]


def target_block(
    taken: Taken,
    records: list[TensorRecord],
    lane: Lane,
    counts: int,
    shadows: Sequence[Watching],
    diverted: int,
) -> Target:
    """From an answered call: `records` are its outputs. `counts` and `diverted` are where its calls are counted, the
    latter 0 where no breaker has moved them."""
    block, choice, epoch = Block(TARGET.SIZE), taken.choice, taken.route.revision
    block[TARGET.LANE], block[TARGET.ROWS] = lane.block.address, taken.inputs.rows
    block[TARGET.VERSION], block[TARGET.EPOCH], block[TARGET.ROLE] = choice.version, epoch, choice.role
    block[TARGET.SCHEMA], block[TARGET.WEIGHT] = taken.servable.schema, choice.weight_bp
    block[TARGET.COUNTS], block[TARGET.INTRODUCED], block[TARGET.DIVERTED] = counts, -1, diverted
    block[TARGET.SHADOWS] = len(shadows)
    block.fill(TARGET.SHADOW_MIX, [shadow.mix for shadow in shadows])
    block.fill(TARGET.SHADOW_BP, [shadow.weight_bp for shadow in shadows])
    block.fill(TARGET.OFFERED, [shadow.counter for shadow in shadows])
    _reply(block, taken, records)
    _record(block, [*taken.inputs.records, *records])
    return Target(block, lane, taken.servable.schema, epoch)


def _reply(block: Block, taken: Taken, records: list[TensorRecord]) -> None:
    arm = ARM_NAMES[taken.choice.role]
    known = response.template(taken.servable, taken.wanted, records, arm, taken.route.revision)
    block.text(TARGET.BEFORE_ID, known.before_id)
    block.text(TARGET.BEFORE_PREDICTION, known.before_prediction)
    block.text(TARGET.AFTER_PREDICTION, known.after_prediction)
    block[TARGET.OUTPUTS] = len(known.contents)
    block.fill(TARGET.OUTPUT, [MOST_INPUTS + index for index, _, _, _ in known.contents])
    block.fill(TARGET.HEAD, [block.point(head) for _, _, head, _ in known.contents])
    block.fill(TARGET.HEAD_SIZE, [len(head) for _, _, head, _ in known.contents])
    texts = len(known.before_id) + len(known.before_prediction) + len(known.after_prediction)
    block[TARGET.REPLY_SIZE] = (
        texts + response.ID_TEXT_BYTES + sum(size + len(head) for _, size, head, _ in known.contents)
    )


def _record(block: Block, tensors: list[TensorRecord]) -> None:
    """What stands before each tensor of the journal's record, and where its rows come from."""
    sizes = [len(tensor.data) for tensor in tensors]
    heads = [around(*tensor[:4], size)[0] for tensor, size in zip(tensors, sizes, strict=True)]
    block[TARGET.TENSORS] = len(tensors)
    block.fill(TARGET.BEFORE, [block.point(head) for head in heads])
    block.fill(TARGET.BEFORE_SIZE, [len(head) for head in heads])
    block.fill(
        TARGET.SOURCE, [tensor.index if tensor.direction == INPUT else MOST_INPUTS + tensor.index for tensor in tensors]
    )
    block[TARGET.RECORD_SIZE] = sum(len(head) + aligned(size) for head, size in zip(heads, sizes, strict=True))


def shapes_of(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Of a row of each input."""
    return {name: shape[1:] for name, _, shape in layout.inputs}


class Kinds:
    """The table compiled code looks into. Written by: the event loop."""

    def __init__(self, native: Any, scratch: int) -> None:
        self._native, self._scratch = native, scratch
        self._slots = (ctypes.c_int64 * SLOTS)()
        self._known: dict[tuple[bytes, bytes], Known] = {}
        self.address, self.mask = ctypes.addressof(self._slots), SLOTS - 1

    def __len__(self) -> int:
        return len(self._known)

    def follow(self, table: Table) -> None:
        """A breaker has moved calls of the table's model."""
        for known in self._known.values():
            if known.request.model_name == table.route.model:
                known.follow(table)

    def get(self, taken: Taken) -> Known | None:
        return self._known.get((prefix_of(taken.request), span_of(taken.request)))

    def of_model(self, model: str) -> list[Known]:
        """In the order in which they became known."""
        return [known for known in self._known.values() if known.request.model_name == model]

    def targets(self) -> list[Target]:
        return [target for known in self._known.values() for target in known.targets.values()]

    def add(self, known: Known) -> None:
        """Makes a kind known; calls of it come to its arms as they become known."""
        prefix, span = prefix_of(known.request), span_of(known.request)
        key = known.request.model_name.encode()[:KEY_BYTES]
        self._native.key_state(known.block.address + KIND.KEY_STATE, key, len(key), self._scratch)
        known.block[KIND.HASH] = self._native.hash_of(prefix, len(prefix), span, len(span))
        self._known[prefix, span] = known
        self._place(known)

    def models(self) -> set[str]:
        return {known.request.model_name for known in self._known.values()}

    def forget(self, models: AbstractSet[str]) -> list[Known]:
        """Kinds of these models; what they were, which must be kept as long as a call of them may be on its way."""
        forgotten = [known for known in self._known.values() if known.request.model_name in models]
        self._known = {key: known for key, known in self._known.items() if known.request.model_name not in models}
        ctypes.memset(self._slots, 0, ctypes.sizeof(self._slots))
        for known in self._known.values():
            self._place(known)
        return forgotten

    def _place(self, known: Known) -> None:
        """In the first free slot from where its hash points."""
        slot = known.block[KIND.HASH] & self.mask
        while self._slots[slot]:
            slot = slot + 1 & self.mask
        self._slots[slot] = known.block.address

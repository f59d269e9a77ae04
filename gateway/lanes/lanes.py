"""The lane's Python: teaches compiled code from answered calls, runs the models for those that wait, helps it out.

Once a turn of the event loop: every lane with calls is emptied in runs, compiled code writes records and replies, and
the connections it answered on are flushed.
"""

import asyncio
import ctypes
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from gateway.backlog import Backlog
from gateway.batcher import Batcher
from gateway.books import WorkerBooks
from gateway.breakers import Breakers
from gateway.counters import Counters
from gateway.job import Taken, too_many
from gateway.journal.format import SEQUENCE_BITS
from gateway.journal.writer import TensorRecord, Writer
from gateway.lanes import foresight
from gateway.lanes.block import Block, signed
from gateway.lanes.crc_tables import tables
from gateway.lanes.foresight import Foreseen
from gateway.lanes.kinds import (
    MOST_KINDS,
    Aim,
    Kinds,
    Known,
    Target,
    Watching,
    can_take,
    kind_block,
    output_bytes,
    shapes_of,
    target_block,
)  # fmt: skip
from gateway.lanes.lane import Lane
from gateway.lanes.run import Moved, Run, word_at
from gateway.native.blocks import DONE, NEEDS_ROOM, REASON_BITS, RUN, STREAM, TARGET, WORLD
from gateway.sampling import mix_of, watching
from gateway.servables import Servable, Servables
from gateway.transport.engine import World, shared
from gateway.transport.limits import Limits
from gateway.transport.reply import CACHED_HEADERS, CACHED_TRAILERS, failure
from gateway.unkeyed import Unkeyed
from gnomon.errors import Overloaded
from gnomon.routing import Table
from gnomon.status import reply_of

log = logging.getLogger(__name__)
MOST_LANES = 1024
LOOK_NS = 100_000  # so long may a turn go on, between two runs, without a look at the sockets
TURN_NS = 5_000_000  # and so long without a look at whoever else wants the loop


def _nothing() -> None:
    """Until there are sockets."""


class Lanes:
    """Written by: the event loop."""

    def __init__(
        self, world: World, *, path: bytes, limits: Limits, journal: Writer, books: WorkerBooks, batcher: Batcher,
        counters: Counters, unkeyed: Unkeyed, backlog: Backlog, max_in_flight: int, breakers: Breakers | None = None,
    ) -> None:  # fmt: skip
        """`breakers` are told of each run."""
        self._world, self._native = world, world.native
        self._journal, self._books, self._batcher, self._counters = journal, books, batcher, counters
        self._unkeyed, self._backlog, self._most_calls = unkeyed, backlog, max_in_flight
        self._kinds = Kinds(world.native, world.address + WORLD.SCRATCH)
        self._lanes: dict[object, Lane] = {}
        self._numbered: dict[int, Lane] = {}
        self._targets: dict[int, Target] = {}
        self._foreseen: dict[str, Foreseen] = {}  # by model, for the route that comes next
        self._kept: list[list[Known]] = []  # forgotten, while calls of them are on their way
        self._taken: deque[Iterator[Run]] = deque()  # of lanes with calls; a lane's next begins when its last is over
        self._flights: deque[Run] = deque()
        self.computing: set[Run] = set()  # runs in threads
        self._next = 0
        self._scheduled = False
        self._run = Block(RUN.SIZE)
        self.flush: Callable[[], None] = _nothing  # sends what was answered
        self.between: Callable[[], None] = _nothing  # the same, and reads what has arrived meanwhile
        self.look_ns = LOOK_NS
        self.breakers = breakers
        self._ready = (ctypes.c_int64 * MOST_LANES)()
        self._constants = Block(0)
        self._headers, self._trailers = shared(CACHED_HEADERS), shared(CACHED_TRAILERS)
        self._refusals: list[tuple[object, ...]] = []
        self._open(path, limits)
        self._refuse(0, backlog.refusal())
        self._refuse(1, too_many(max_in_flight))

    def _open(self, path: bytes, limits: Limits) -> None:
        """Tells compiled code where everything is."""
        world, constants, journal = self._world, self._constants, self._journal
        fields = {
            WORLD.PATH: constants.point(path), WORLD.PATH_SIZE: len(path),
            WORLD.LIST_BYTES: limits.header_list_bytes, WORLD.SEND_BYTES: limits.send_connection_bytes,
            WORLD.MESSAGE_BYTES: limits.max_message_bytes,
            WORLD.KINDS: self._kinds.address, WORLD.KINDS_MASK: self._kinds.mask,
            WORLD.READY_LIST: ctypes.addressof(self._ready), WORLD.MOST_IN_FLIGHT: self._most_calls,
            WORLD.FIELDS: ctypes.addressof(self._headers[0]), WORLD.FIELD_COUNT: len(CACHED_HEADERS),
            WORLD.TRAILERS: ctypes.addressof(self._trailers[0]), WORLD.TRAILER_COUNT: len(CACHED_TRAILERS),
            WORLD.CRC_TABLE: constants.point(tables()), WORLD.JOURNAL: ctypes.addressof(journal.open),
            WORLD.ID_LOW: signed(2 << 62 | journal.host << SEQUENCE_BITS), WORLD.ID_HIGH: 7 << 12 | journal.slot,
        }  # fmt: skip
        world.set(WORLD.EXPECTED_NS, self._backlog.address)
        world.set(WORLD.MOST_EXPECTED_NS, self._backlog.max_wait_ms * 1_000_000)
        for place, value in (fields | self._books.places()).items():
            world.set(place, value)
        world.set(WORLD.LANE_OPEN, 1)

    def _refuse(self, why: int, error: Overloaded) -> None:
        """What compiled code says when it sheds a call; `why` counts from TOO_LONG."""
        world, place = self._world, 8 * why
        refusal = failure(*reply_of(error)[:2])
        fields = shared(refusal)
        self._refusals.append(fields)
        reason = f"{type(error).__name__}: {error}".encode()
        world.set(WORLD.REFUSAL + place, ctypes.addressof(fields[0]))
        world.set(WORLD.REFUSAL_COUNT + place, len(refusal))
        world.set(WORLD.REASON + place, self._constants.point(reason))
        world.set(WORLD.REASON_BYTES + place, len(reason))

    # What compiled code knows.

    def learn(self, taken: Taken, records: list[TensorRecord], tables: Mapping[str, Table]) -> None:
        """From a call that was just answered: the next ones like it need no Python."""
        table = tables.get(taken.route.model)
        if table is None or table.route is not taken.route or not can_take(taken):
            return
        known = self._kinds.get(taken)
        if known is None:
            if len(self._kinds) >= MOST_KINDS:
                self.follow(self._kinds.models(), {})
            known = kind_block(taken, table, self._unkeyed.address(taken.route.model))
            self._kinds.add(known)
        self._aim(known, taken, records)

    def learned(self, servable: Servable) -> None:
        """The version was run, in a lane or by Python."""
        for lane in self._lanes.values():
            if lane.servable is servable and (more_ns := lane.learn()):
                self._backlog.revalue(more_ns)

    def foresee(self, changing: Iterable[Table], servables: Servables) -> Iterator[None]:
        """Makes ready what is known now for routes that are not in force yet, in short steps: `follow` takes it up."""
        foreseen = self._foreseen = {table.route.model: Foreseen(table.route) for table in changing}
        for table in changing:
            kinds = foreseen[table.route.model].kinds
            for before in self._kinds.of_model(table.route.model)[-foresight.MOST_KINDS :]:
                yield
                yield from self._anew(before, table, servables, kinds)

    def _anew(self, before: Known, table: Table, servables: Servables, kinds: list[Known]) -> Iterator[None]:
        """Adds the kind as the table will have it; none where no arm's calls are known beforehand."""
        known = None
        for taken, records in foresight.made_up(before.request, table, servables):
            if not can_take(taken):
                continue
            yield
            if known is None:
                known = kind_block(taken, table, self._unkeyed.address(taken.route.model))
                kinds.append(known)
                yield
            sizes = output_bytes(records, taken.inputs.rows)
            if sizes is not None and self._lane_of(taken, sizes) is not None:
                yield
                self._aim(known, taken, records)

    def follow(self, models: AbstractSet[str], tables: Mapping[str, Table]) -> None:
        """The routes of `models` have changed: what was known of their calls is so no more, but what was foreseen."""
        self._kept.append(self._kinds.forget(models))
        for model, foreseen in self._foreseen.items():
            table = tables.get(model)
            if model in models and table is not None and table.route is foreseen.route:
                for known in foreseen.kinds:
                    known.follow(table)
                    self._kinds.add(known)
        self._foreseen = {}
        in_use = {target.lane for target in self._kinds.targets()}
        self._lanes = {
            key: lane for key, lane in self._lanes.items()
            if lane in in_use or lane.servable.version.model not in models
        }  # fmt: skip
        self._tidy()

    def reroute(self, table: Table) -> None:
        """A breaker has moved calls between arms of one model; its route is the same."""
        self._kinds.follow(table)
        if self._flights:
            asyncio.get_running_loop().call_soon(self.sweep)

    def _aim(self, known: Known, taken: Taken, records: list[TensorRecord]) -> None:
        """Makes the target of an answered call known, unless it is."""
        aim = Aim.of(taken.choice)
        if aim in known.targets or aim not in (*known.aims, *known.ruled):
            return
        sizes = output_bytes(records, taken.inputs.rows)
        lane = None if sizes is None else self._lane_of(taken, sizes)
        if lane is None:
            return
        counts = self._counters.of(taken.route.model, taken.choice.version).address
        diverted = self.breakers.diverted_address(taken.route.model) if self.breakers and aim.diverted else 0
        target = target_block(taken, records, lane, counts, self._watching(taken), diverted)
        self._targets[target.block.address] = target
        known.aim(aim, target)

    def _watching(self, taken: Taken) -> list[Watching]:
        """The shadows of a call's arm."""
        model, journal = taken.route.model, self._journal.name
        return [
            Watching(
                signed(mix_of(journal, arm.version)), arm.weight_bp, self._books.place_of_offered(model, arm.version)
            )
            for arm in watching(taken.route, taken.choice.version)
        ]  # fmt: skip

    def _lane_of(self, taken: Taken, sizes: list[int]) -> Lane | None:
        """The lane of a version for rows of this shape; None where its outputs are sometimes of another size."""
        pinned = taken.choice.rule == "pinned"
        key = taken.servable, taken.kind, pinned
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._numbered) >= MOST_LANES:
                return None
            self._next += 1
            lane = self._lanes[key] = self._numbered[self._next] = Lane(
                taken.servable, shapes_of(taken.request.layout), sizes, number=self._next,
                most_calls=self._most_calls, pinned=pinned,
            )  # fmt: skip
        return lane if lane.output_bytes == sizes else None

    def _tidy(self) -> None:
        """Lets go of what was forgotten, once no call of it is on its way."""
        if self._kept and not self.computing and not self._flights and not self._waits():
            self._kept.clear()
            self._numbered = {number: lane for number, lane in self._numbered.items() if lane in self._lanes.values()}
            foreseen = [known for each in self._foreseen.values() for known in each.kinds]
            live = [*self._kinds.targets(), *(target for known in foreseen for target in known.targets.values())]
            self._targets = {target.block.address: target for target in live}

    # A turn of the loop.

    def work(self) -> None:
        """Calls wait: they are run when everything that arrived has been read."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn_and_flush)

    def turn(self) -> None:
        """Runs what waits, and answers it; what takes long is gone on with in the next."""
        self._scheduled = False
        self._take()
        began_ns = looked_ns = time.perf_counter_ns()
        ended_ns = 0
        while looked_ns - began_ns < TURN_NS and (run := self._next_run()) is not None:
            if time.perf_counter_ns() - looked_ns > self.look_ns:
                self.between()
                looked_ns = time.perf_counter_ns()
            for part in self._alive(run):
                self._start(part)
            if ended_ns and run.ended_ns:
                run.lane.paced(run.rows, run.ended_ns - ended_ns)
            ended_ns = run.ended_ns
        self._settle()

    def _take(self) -> None:
        """The lanes in which calls wait come behind those that were taken before."""
        count = self._world.get(WORLD.READY)
        self._world.set(WORLD.READY, 0)
        for number in self._ready[:count]:
            self._taken.append(self._numbered[number].take(self._batcher.batch_run_us))

    def _next_run(self) -> Run | None:
        while self._taken:
            if (run := next(self._taken[0], None)) is not None:
                return run
            self._taken.popleft()
        return None

    def _waits(self) -> bool:
        """Whether there are calls in a lane, or taken from one, that no run has answered."""
        return bool(self._taken or self._world.get(WORLD.READY))

    def _settle(self) -> None:
        if self._waits():
            self.work()  # what is left and what came meanwhile, after whoever else wants the loop
        elif not self._flights and not self.computing:
            self._backlog.settle()
        self._tidy()

    def _turn_and_flush(self) -> None:
        self.turn()
        self.flush()

    def _alive(self, run: Run) -> list[Run]:
        """The run; or its calls one by one, where some of them nobody waits for."""
        return run.singles() if self._dead(run) else [run]

    def _dead(self, run: Run) -> int:
        """How many of its calls nobody waits for any more."""
        return self._native.count_dead(self._world.address, run.places[0], len(run.calls))  # type: ignore[no-any-return]

    def _start(self, run: Run) -> None:
        self._look_around(run)
        if isinstance(run.outputs, Exception):
            self._finish(run)
        elif run.lane.servable.cost.expected_us(run.rows) <= self._batcher.inline_run_us:
            self._finish(run.compute())
        else:
            self._flights.append(run.detached())
            self._launch()

    def _look_around(self, run: Run) -> None:
        """A run whose arm was tripped meanwhile is not to be: its calls go to stable."""
        if self.breakers is not None and not run.lane.pinned and self.breakers.leads_around(run.lane.key):
            run.outputs = Moved()

    def _launch(self) -> None:
        """Long runs go to threads, as many as there are; the others wait here, where their deadlines are looked at."""
        while self._flights and len(self.computing) < self._batcher.threads:
            for part in self._alive(self._flights.popleft()):
                self._look_around(part)
                if isinstance(part.outputs, Exception):
                    self._finish(part)
                    continue
                self.computing.add(part)
                part.lane.servable.borrowed += 1
                loop = asyncio.get_running_loop()
                future = loop.run_in_executor(self._batcher.runners, part.compute)
                future.add_done_callback(self._landed)

    def sweep(self) -> None:
        """Of the runs that wait for a thread, those are ended that nobody waits for, and those moved whose arm was
        tripped: a version that hangs would hold them for as long."""
        waiting, self._flights = self._flights, deque()
        for run in waiting:
            for part in self._alive(run):
                self._look_around(part)
                if isinstance(part.outputs, Exception):
                    self._finish(part)
                else:
                    self._flights.append(part)
        if waiting:
            self.flush()

    def _landed(self, ended: "asyncio.Future[Run]") -> None:
        run = ended.result()
        self.computing.remove(run)
        run.lane.servable.borrowed -= 1
        self._finish(run)
        self._launch()
        self._settle()
        self.flush()

    def _finish(self, run: Run) -> None:
        if isinstance(run.outputs, Exception):
            log.debug("a run of %d rows: %s", run.rows, run.outputs)
        else:
            taken_ns = run.ended_ns - run.started_ns
            run.lane.servable.cost.update(run.rows, taken_ns / 1e3)
            self._batcher.ran(run.lane.servable, run.rows, taken_ns)
        self._backlog.done(run.lane.ended(run.rows))
        if self.breakers is not None and self.breakers.watches(run):
            self.breakers.ran(run, self._dead(run))
        block = self._run
        run.describe(block)
        while True:
            found = self._native.answer(self._world.address, block.address)
            reason, at = found & (1 << REASON_BITS) - 1, found >> REASON_BITS
            if reason == DONE:
                return
            stream = int(run.calls[at])
            if reason == NEEDS_ROOM:
                block[RUN.FIRST], block[RUN.NO_ROOM] = at, not self._make_room(stream)
            else:
                block[RUN.FIRST] = at + 1
                self._hand_back(stream)

    def _make_room(self, stream: int) -> bool:
        """A segment with room for the call's record, which knows its schema and its route."""
        target = self._targets[word_at(stream + STREAM.TARGET)]
        if not self._journal.make_room(self._native.record_bytes(stream), target.schema, target.epoch):
            self._journal.lost += 1
            return False
        target.block[TARGET.INTRODUCED] = self._journal.open.generation
        return True

    def _hand_back(self, stream: int) -> None:
        """Python answers the call, or refuses it: its deadline has passed, or the run failed."""
        connection = self._world.connections[word_at(stream + STREAM.CONNECTION)]
        self._native.hand_back(stream)
        connection.dispatch()

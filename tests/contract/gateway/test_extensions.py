"""The extensions of the protocol, as its clients see them, on a server that has nothing else."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from gateway.codec import output_records
from gateway.counters import Counters
from gateway.extensions import ROWS_AT_MOST, Extensions
from gateway.fastcodec import inputs
from gateway.fastcodec.request import Decoder
from gateway.fastcodec.response import encode
from gateway.servables import Servable, Servables
from gateway.serving import Serving
from gateway.stream import WINDOW, stream
from gnomon import oip
from gnomon.domain import Arm, Role, Route, Version
from gnomon.errors import GnomonError
from gnomon.routing import Table
from gnomon.status import reply_of
from tests import models

ID = bytes(range(16))


class Answering(Extensions):
    """Answers at once from the version it finds; `held` calls are answered in the opposite order."""

    def __init__(self, servables: Servables, serving: Serving) -> None:
        self.servables = servables
        self.serving = serving
        self.counters = Counters()
        self.decoder = Decoder()

    def infer(self, data: bytes, call: Any) -> None:
        try:
            call.reply(self._reply(data))
        except GnomonError as error:
            call.fail(*reply_of(error))

    def _reply(self, data: bytes) -> bytes:
        request = self.decoder.decode(data)
        route = self.serving.table(request.model_name).route
        servable = self.servables.get(request.model_name, route.stable.version)
        taken, wanted = inputs.read(request, servable), inputs.wanted(request, servable)
        records = output_records(servable, servable.run(taken.feeds))
        counters = self.counters.of(request.model_name, route.stable.version)
        counters.ran(taken.rows, 40)
        counters.answer(rows=taken.rows, decode_ns=10, queue_ns=20, run_ns=40, total_ns=100, unix_ms=1_700_000_000_000)
        return encode(servable, request.id_raw, records, wanted, ID, "stable", 7)


@pytest.fixture(scope="module")
def servicer(tmp_path_factory: pytest.TempPathFactory) -> Answering:
    """Model `scaled`: version 1 answers, 2 is loaded, 3 is not there yet; and `several`."""
    folder = tmp_path_factory.mktemp("models")
    servables = Servables()
    for name, number, artifact in [
        ("scaled", 1, models.scaled(2.0)),
        ("scaled", 2, models.scaled(3.0)),
        ("several", 1, models.several()),
    ]:
        path = folder / f"{name}-{number}"
        path.write_bytes(artifact)
        servables.add(Servable(Version(model=name, version=number, artifact_sha256="0" * 64), path))
    stable = (Arm(version=1, role=Role.STABLE),)
    routes = [
        Route(model="scaled", arms=stable, warm=(2, 3)),
        Route(model="several", arms=stable),
    ]
    return Answering(servables, Serving(7, {route.model: Table.build(route) for route in routes}))


@pytest.fixture(scope="module")
def address(servicer: Answering) -> Iterator[str]:
    """A server on a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server")
    thread.start()

    async def start() -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server()
        oip.add_GRPCInferenceServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield f"127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(server.stop(1), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    opened = triton.InferenceServerClient(address)
    yield opened
    opened.close()


def rows(count: int = 1) -> list[Any]:
    tensor = triton.InferInput("x", [count, 3], "FP32")
    tensor.set_data_from_numpy(np.ones((count, 3), np.float32))
    return [tensor]


def test_the_index_lists_every_version_of_every_route(client: triton.InferenceServerClient) -> None:
    listed = [(item.name, item.version, item.state) for item in client.get_model_repository_index().models]
    assert listed == [
        ("scaled", "1", "READY"), ("scaled", "2", "READY"), ("scaled", "3", "UNAVAILABLE"), ("several", "1", "READY"),
    ]  # fmt: skip


def test_the_index_of_what_is_ready(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub: Any = oip.GRPCInferenceServiceStub(channel)
        assert len(stub.RepositoryIndex(oip.RepositoryIndexRequest(ready=True)).models) == 3
        with pytest.raises(grpc.RpcError) as caught:
            stub.RepositoryIndex(oip.RepositoryIndexRequest(repository_name="other"))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("call", ["load_model", "unload_model"])
def test_what_is_served_is_the_registrys_to_decide(client: triton.InferenceServerClient, call: str) -> None:
    with pytest.raises(InferenceServerException, match="gnomon route set") as caught:
        getattr(client, call)("scaled")
    assert caught.value.status() == "StatusCode.FAILED_PRECONDITION"


def test_a_configuration_has_shapes_without_the_axis_of_rows(client: triton.InferenceServerClient) -> None:
    config = client.get_model_config("several").config
    assert (config.name, config.backend, config.max_batch_size) == ("several", "onnxruntime", ROWS_AT_MOST)
    found = [(item.name, item.data_type, list(item.dims)) for item in (*config.input, *config.output)]
    assert found == [
        ("x", 11, [3]), ("a", 9, [1]), ("b", 9, [1]), ("s", 13, [1]),
        ("y", 11, [3]), ("total", 9, [1]), ("echo", 13, [1]),
    ]  # fmt: skip
    assert config.HasField("dynamic_batching")
    assert not config.model_transaction_policy.decoupled


def test_a_configuration_of_a_version_and_of_none(client: triton.InferenceServerClient) -> None:
    assert list(client.get_model_config("scaled", "2").config.version_policy.specific.versions) == [1, 2, 3]
    for name, version in [("scaled", "3"), ("nobody", "")]:
        with pytest.raises(InferenceServerException) as caught:
            client.get_model_config(name, version)
        assert caught.value.status() == "StatusCode.NOT_FOUND"


def test_statistics_count_calls_rows_and_runs(client: triton.InferenceServerClient, servicer: Answering) -> None:
    servicer.counters = Counters()
    servicer.counters.of("scaled", 2).fail(500)
    with_stream(client, [("scaled", rows(count), {}) for count in (1, 4, 4)])
    (one, two) = client.get_inference_statistics("scaled").model_stats
    assert (one.version, one.inference_count, one.execution_count, one.last_inference) == ("1", 9, 3, 1_700_000_000_000)
    assert (one.inference_stats.success.count, one.inference_stats.success.ns) == (3, 300)
    assert (one.inference_stats.queue.ns, one.inference_stats.compute_output.ns) == (60, 90)
    assert [(size.batch_size, size.compute_infer.count) for size in one.batch_stats] == [(1, 1), (4, 2)]
    assert (two.version, two.inference_stats.fail.count, two.inference_stats.fail.ns) == ("2", 1, 500)
    assert len(client.get_inference_statistics().model_stats) == 3
    assert [item.version for item in client.get_inference_statistics("scaled", "2").model_stats] == ["2"]
    with pytest.raises(InferenceServerException, match="nobody"):
        client.get_inference_statistics("nobody")


Answers = list[tuple[Any, Any]]


def with_stream(client: triton.InferenceServerClient, calls: list[tuple[str, list[Any], dict[str, Any]]]) -> Answers:
    """(result, error) of each call, in the order they came."""
    answered: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: answered.put((result, error)))
    for model, tensors, more in calls:
        client.async_stream_infer(model, tensors, **more)
    found = [answered.get(timeout=10) for _ in calls]
    client.stop_stream()
    assert answered.empty()
    return found


def test_a_stream_answers_in_order_and_outlives_a_call_that_fails(client: triton.InferenceServerClient) -> None:
    names = [f"call-{number}" for number in range(3 * WINDOW)]
    calls = [
        ("nobody" if number % 7 == 3 else "scaled", rows(), {"request_id": name}) for number, name in enumerate(names)
    ]
    for number, (result, error) in enumerate(with_stream(client, calls)):
        if number % 7 == 3:
            assert "'nobody'" in error.message()
        else:
            assert result.get_response().id == names[number]
            assert result.as_numpy("score").tolist() == [[2.0, 2.0, 2.0]]
            assert result.get_response().parameters["triton_final_response"].bool_param


def test_a_failed_call_of_a_stream_says_which_it_was(address: str) -> None:
    requests = [oip.ModelInferRequest(model_name="nobody", id="me").SerializeToString(), b"\xff"]
    with grpc.insecure_channel(address) as channel:
        answers: Any = channel.stream_stream(f"/{oip.SERVICE}/ModelStreamInfer")(iter(requests), timeout=10)
        named, garbage = (oip.ModelStreamInferResponse.FromString(answer) for answer in answers)
    assert named.infer_response.id == "me"
    assert garbage.infer_response.id == ""
    assert "1 bytes that are not" in garbage.error_message


async def test_an_asyncio_client_streams(address: str) -> None:
    async with triton_aio.InferenceServerClient(address) as client:

        async def calls() -> AsyncIterator[dict[str, Any]]:
            for number in range(5):
                yield {"model_name": "scaled", "inputs": rows(), "request_id": str(number)}

        answers = client.stream_infer(calls())
        found = [result.get_response().id async for result, error in answers if error is None]
    assert found == ["0", "1", "2", "3", "4"]


async def arriving(*requests: bytes) -> AsyncIterator[bytes]:
    for request in requests:
        yield request


async def test_later_calls_run_while_the_first_waits_and_only_so_many() -> None:
    first, begun = asyncio.Event(), []

    async def infer(data: bytes) -> bytes:
        begun.append(data)
        if data == b"0":
            await first.wait()
        return b""

    answers = stream(arriving(*(b"%d" % number for number in range(50))), infer, window=4)
    waiting = asyncio.ensure_future(anext(answers))
    for _ in range(20):
        await asyncio.sleep(0)
    assert 4 <= len(begun) <= 6
    first.set()
    await waiting
    assert len([answer async for answer in answers]) == 49
    assert begun == [b"%d" % number for number in range(50)]


async def test_a_caller_who_leaves_cancels_what_is_on_its_way() -> None:
    cancelled = []

    async def infer(data: bytes) -> bytes:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(data)
            raise
        return b""

    answers = stream(arriving(b"1", b"2", b"3"), infer, window=1)
    waiting = asyncio.ensure_future(anext(answers))
    for _ in range(10):
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    assert sorted(cancelled) == [b"1", b"2", b"3"]


async def test_a_stream_that_breaks_raises_after_what_it_had_brought() -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"1"
        raise ConnectionError("gone")

    async def infer(data: bytes) -> bytes:
        return b""

    answers = stream(breaking(), infer)
    assert await anext(answers)
    with pytest.raises(ConnectionError):
        await anext(answers)

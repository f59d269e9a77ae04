"""The yardstick: a bare grpcio asyncio server that answers any bytes with the same answer. No model, no protobuf.

`python -m bench.peers.grpcio_echo [ROWS]` prints its port and serves until it is ended.
"""

import asyncio
import sys

import grpc

from bench.peers.canned import answer
from gnomon import oip


async def serve(rows: int) -> None:
    reply = answer(rows)

    async def infer(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return reply

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(infer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(oip.SERVICE, {"ModelInfer": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 1))

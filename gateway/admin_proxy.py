"""The admin service on the data port: a worker hands each call on to its supervisor, which knows the whole host."""

from typing import Any, cast

import grpc

from gnomon.gateway.v1 import gateway_pb2_grpc
from gnomon.servicer import unary
from gnomon.status import error_of

DEADLINE_S = 30.0


class AdminProxy(gateway_pb2_grpc.GatewayServicer):
    """Every method of the Gateway service, answered by the supervisor."""

    def __init__(self, admin_port: int) -> None:
        self._stub: Any = cast(Any, gateway_pb2_grpc.GatewayStub)(grpc.aio.insecure_channel(f"127.0.0.1:{admin_port}"))

    @unary
    async def GetStatus(self, request: Any, context: Any) -> Any:
        return await self._ask(self._stub.GetStatus, request)

    @unary
    async def Explain(self, request: Any, context: Any) -> Any:
        return await self._ask(self._stub.Explain, request)

    @unary
    async def Trace(self, request: Any, context: Any) -> Any:
        return await self._ask(self._stub.Trace, request)

    @unary
    async def ListDisagreements(self, request: Any, context: Any) -> Any:
        return await self._ask(self._stub.ListDisagreements, request)

    async def _ask(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, timeout=DEADLINE_S)
        except grpc.RpcError as failure:
            raise error_of(failure) from None

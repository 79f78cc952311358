"""A SIP peer that is there and says nothing."""

import asyncio
import socket
from types import TracebackType
from typing import Self


class DeadPeer(asyncio.DatagramProtocol):
    """Takes every datagram and never replies; `received` counts them. An async context manager."""

    def __init__(self, host: str, port: int = 0) -> None:
        self.host = host
        self.port = port
        self.received = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.host, self.port), family=socket.AF_INET
        )
        self.port = int(self._transport.get_extra_info("sockname")[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002
        """Only counts."""
        self.received += 1

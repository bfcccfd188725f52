"""A user of transports that writes down what it is told, and answers where the test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sip.flow import Address, Flow
from sip.framing import FramingError


class TransportDiary:
    """`messages`, `opened` and `closed` in order; `answer` may send from within the batch, as a node does."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Flow]] = []
        self.opened: list[Flow] = []
        self.closed: list[Flow] = []
        self.errors: list[str] = []
        self.troubles: list[str] = []
        self.unreached: list[Address] = []
        self.pumps = 0
        self.answer: Callable[[], None] = lambda: None
        self._news = asyncio.Event()

    def receive(self, data: bytes, flow: Flow) -> None:
        self.messages.append((data, flow))
        self._news.set()

    def pump(self) -> None:
        self.pumps += 1
        self.answer()
        self._news.set()

    def unreachable(self, remote: Address) -> None:
        self.unreached.append(remote)
        self._news.set()

    def flow_opened(self, flow: Flow) -> None:
        self.opened.append(flow)
        self._news.set()

    def flow_closed(self, flow: Flow) -> None:
        self.closed.append(flow)
        self._news.set()

    def unframed(self, error: FramingError, flow: Flow) -> None:
        self.errors.append(error.reason)
        self._news.set()

    def transport_trouble(self, text: str) -> None:
        self.troubles.append(text)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was told makes a condition true."""
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

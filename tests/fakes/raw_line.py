"""A peer on the switchboard's network that writes its SIP by hand; time passes where the scenario sleeps."""

from __future__ import annotations

from sip.flow import Address
from tests.fakes.raw_peer import RawPeer
from tests.fakes.switchboard import SERVER, Switchboard


class RawLine:
    """The network of a switchboard as a medium for one `RawPeer`."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self.mailboxes: dict[Address, list[tuple[float, bytes]]] = {}

    @property
    def now(self) -> float:
        return self._board.loop.time()

    def inject(self, data: bytes, source: Address, to: Address) -> None:
        self._board.network.carry(data, source, to)

    def run(self, until: float) -> None:
        """The loop runs; nobody waits here."""

    def receive(self, data: bytes, address: Address) -> None:
        self.mailboxes[address].append((self.now, data))

    def __str__(self) -> str:
        return str(self._board)


def raw_peer(board: Switchboard, address: Address) -> RawPeer:
    """A raw peer at an address of the switchboard's network."""
    line = RawLine(board)
    peer = RawPeer(line, address, SERVER)
    board.network.attach(address, "raw", lambda data, source: line.receive(data, address))
    return peer

"""Offer/answer over SIP as a table: who owes what across INVITE, PRACK, UPDATE and ACK.

RFC 3261 §13 and §14, RFC 3262 §5, RFC 3311 §5, gathered in RFC 6337. Bodies are not looked at: this table knows only
that a message carries a session description, and says what that description is.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from sip.errors import LocalError


class Role(Enum):
    """What a session description in a message is."""

    OFFER = "offer"
    ANSWER = "answer"
    PREVIEW = "preview"
    """In an unreliable provisional response: the answer that is still to come (RFC 6337 §3.1.1)."""
    REPEAT = "repeat"
    """After the exchange is complete: to be ignored (RFC 3261 §13.2.1)."""


class Exchange(IntEnum):
    """Where a dialog's exchange stands."""

    IDLE = 1
    EMPTY_SENT = 2
    """Our INVITE had no offer: the far end owes one."""
    EMPTY_RECEIVED = 3
    """The far end's INVITE had no offer: we owe one."""
    OFFER_SENT = 4
    OFFER_RECEIVED = 5
    STABLE = 6


class Carrier(IntEnum):
    """The messages that may carry a description."""

    INVITE = 1
    PROVISIONAL = 2
    """A 1xx to INVITE without 100rel."""
    RELIABLE = 3
    """A 1xx to INVITE with RSeq (RFC 3262)."""
    FINAL = 4
    """A 2xx to INVITE."""
    ACK = 5
    PRACK = 6
    PRACK_OK = 7
    UPDATE = 8
    UPDATE_OK = 9


class Way(IntEnum):
    SENT = 1
    RECEIVED = 2


E, C, R, W = Exchange, Carrier, Role, Way

Cell = tuple[Exchange, Role] | int
"""The next state and what the description is, or the status that refuses the request."""

TABLE: dict[tuple[Exchange, Way, Carrier], Cell] = {
    # Offers that open an exchange.
    (E.IDLE, W.SENT, C.INVITE): (E.OFFER_SENT, R.OFFER),
    (E.IDLE, W.RECEIVED, C.INVITE): (E.OFFER_RECEIVED, R.OFFER),
    (E.STABLE, W.SENT, C.INVITE): (E.OFFER_SENT, R.OFFER),
    (E.STABLE, W.RECEIVED, C.INVITE): (E.OFFER_RECEIVED, R.OFFER),
    (E.STABLE, W.SENT, C.UPDATE): (E.OFFER_SENT, R.OFFER),
    (E.STABLE, W.RECEIVED, C.UPDATE): (E.OFFER_RECEIVED, R.OFFER),
    (E.STABLE, W.SENT, C.PRACK): (E.OFFER_SENT, R.OFFER),
    (E.STABLE, W.RECEIVED, C.PRACK): (E.OFFER_RECEIVED, R.OFFER),
    # The offer that an INVITE without one asked for.
    (E.EMPTY_SENT, W.RECEIVED, C.RELIABLE): (E.OFFER_RECEIVED, R.OFFER),
    (E.EMPTY_SENT, W.RECEIVED, C.FINAL): (E.OFFER_RECEIVED, R.OFFER),
    (E.EMPTY_SENT, W.RECEIVED, C.PROVISIONAL): (E.EMPTY_SENT, R.PREVIEW),
    (E.EMPTY_RECEIVED, W.SENT, C.RELIABLE): (E.OFFER_SENT, R.OFFER),
    (E.EMPTY_RECEIVED, W.SENT, C.FINAL): (E.OFFER_SENT, R.OFFER),
    (E.EMPTY_RECEIVED, W.SENT, C.PROVISIONAL): (E.EMPTY_RECEIVED, R.PREVIEW),
    # Answers to an offer of ours.
    (E.OFFER_SENT, W.RECEIVED, C.PROVISIONAL): (E.OFFER_SENT, R.PREVIEW),
    (E.OFFER_SENT, W.RECEIVED, C.RELIABLE): (E.STABLE, R.ANSWER),
    (E.OFFER_SENT, W.RECEIVED, C.FINAL): (E.STABLE, R.ANSWER),
    (E.OFFER_SENT, W.RECEIVED, C.ACK): (E.STABLE, R.ANSWER),
    (E.OFFER_SENT, W.RECEIVED, C.PRACK): (E.STABLE, R.ANSWER),
    (E.OFFER_SENT, W.RECEIVED, C.PRACK_OK): (E.STABLE, R.ANSWER),
    (E.OFFER_SENT, W.RECEIVED, C.UPDATE_OK): (E.STABLE, R.ANSWER),
    # Answers of ours.
    (E.OFFER_RECEIVED, W.SENT, C.PROVISIONAL): (E.OFFER_RECEIVED, R.PREVIEW),
    (E.OFFER_RECEIVED, W.SENT, C.RELIABLE): (E.STABLE, R.ANSWER),
    (E.OFFER_RECEIVED, W.SENT, C.FINAL): (E.STABLE, R.ANSWER),
    (E.OFFER_RECEIVED, W.SENT, C.ACK): (E.STABLE, R.ANSWER),
    (E.OFFER_RECEIVED, W.SENT, C.PRACK): (E.STABLE, R.ANSWER),
    (E.OFFER_RECEIVED, W.SENT, C.PRACK_OK): (E.STABLE, R.ANSWER),
    (E.OFFER_RECEIVED, W.SENT, C.UPDATE_OK): (E.STABLE, R.ANSWER),
    # Descriptions after the answer, which many phones repeat in the 2xx.
    (E.STABLE, W.RECEIVED, C.PROVISIONAL): (E.STABLE, R.REPEAT),
    (E.STABLE, W.RECEIVED, C.RELIABLE): (E.STABLE, R.REPEAT),
    (E.STABLE, W.RECEIVED, C.FINAL): (E.STABLE, R.REPEAT),
    (E.STABLE, W.RECEIVED, C.ACK): (E.STABLE, R.REPEAT),
    (E.STABLE, W.SENT, C.PROVISIONAL): (E.STABLE, R.REPEAT),
    (E.STABLE, W.SENT, C.RELIABLE): (E.STABLE, R.REPEAT),
    (E.STABLE, W.SENT, C.FINAL): (E.STABLE, R.REPEAT),
    # Glare (RFC 3261 §14.2, RFC 3311 §5.2): 491 where an offer of ours is out, 500 where theirs is not yet answered.
    (E.OFFER_SENT, W.RECEIVED, C.INVITE): 491,
    (E.EMPTY_SENT, W.RECEIVED, C.INVITE): 491,
    (E.OFFER_RECEIVED, W.RECEIVED, C.INVITE): 500,
    (E.EMPTY_RECEIVED, W.RECEIVED, C.INVITE): 500,
    (E.OFFER_SENT, W.RECEIVED, C.UPDATE): 491,
    (E.EMPTY_SENT, W.RECEIVED, C.UPDATE): 491,
    (E.OFFER_RECEIVED, W.RECEIVED, C.UPDATE): 500,
    (E.EMPTY_RECEIVED, W.RECEIVED, C.UPDATE): 500,
    (E.IDLE, W.RECEIVED, C.UPDATE): 500,
    (E.OFFER_RECEIVED, W.RECEIVED, C.PRACK): 500,
}

# An INVITE without a description asks for an offer; every other empty message changes nothing.
EMPTY: dict[tuple[Exchange, Way], Exchange] = {
    (E.IDLE, W.SENT): E.EMPTY_SENT,
    (E.STABLE, W.SENT): E.EMPTY_SENT,
    (E.IDLE, W.RECEIVED): E.EMPTY_RECEIVED,
    (E.STABLE, W.RECEIVED): E.EMPTY_RECEIVED,
}

del E, C, R, W


class Glare(Exception):
    """An offer crossed another: answer its request with `status` (491 or 500)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"offer refused with {status}")
        self.status = status


class OfferAnswer:
    """The exchange of one dialog; early dialogs of one INVITE each have their own."""

    __slots__ = ("_before", "state")

    def __init__(self, state: Exchange = Exchange.IDLE) -> None:
        self.state = state
        self._before = Exchange.IDLE

    def fork(self) -> OfferAnswer:
        """A copy for another early dialog of the same INVITE (RFC 3261 §13.2.2.4)."""
        copy = OfferAnswer(self.state)
        copy._before = self._before
        return copy

    def receive(self, carrier: Carrier, has_sdp: bool) -> Role | None:
        """What a message from the far end means. Raises Glare where a request is to be refused."""
        return self._step(Way.RECEIVED, carrier, has_sdp)

    def send(self, carrier: Carrier, has_sdp: bool) -> Role | None:
        """The same for a message of ours. Raises LocalError where the table forbids it."""
        return self._step(Way.SENT, carrier, has_sdp)

    def rollback(self) -> None:
        """A request with an offer was refused: all is as before it (RFC 3261 §14.1)."""
        self.state = self._before

    def _step(self, way: Way, carrier: Carrier, has_sdp: bool) -> Role | None:
        if not has_sdp:
            if carrier is Carrier.INVITE:
                self._open_empty(way)
            return None
        cell = TABLE.get((self.state, way, carrier))
        if cell is None:
            if way is Way.RECEIVED:
                # Out of turn, and no request to refuse it with: treated as absent.
                return Role.REPEAT
            raise LocalError(f"a session description in {carrier.name} is not due while {self.state.name}")
        if isinstance(cell, int):
            raise Glare(cell)
        if cell[1] is Role.OFFER and self.state in (Exchange.IDLE, Exchange.STABLE):
            self._before = self.state
        self.state = cell[0]
        return cell[1]

    def _open_empty(self, way: Way) -> None:
        state = EMPTY.get((self.state, way))
        if state is None:
            if way is Way.SENT:
                raise LocalError(f"an INVITE is not allowed while {self.state.name}")
            raise Glare(491 if self.state in (Exchange.OFFER_SENT, Exchange.EMPTY_SENT) else 500)
        self._before = self.state
        self.state = state

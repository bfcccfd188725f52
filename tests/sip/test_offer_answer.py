"""The offer/answer table: every cell of state, direction and carrier, with a description and without."""

from __future__ import annotations

from itertools import product

import pytest

from sip.errors import LocalError
from sip.offer_answer import Carrier, Exchange, Glare, OfferAnswer, Role, Way

E, R = Exchange, Role
ANSWERS = (Carrier.RELIABLE, Carrier.FINAL, Carrier.ACK, Carrier.PRACK, Carrier.PRACK_OK, Carrier.UPDATE_OK)

# Written a second time from RFC 6337 table 1 and RFC 3261 §14.2: state, way -> carrier -> outcome.
EXPECTED: dict[tuple[Exchange, Way], dict[Carrier, tuple[Exchange, Role] | int]] = {
    (E.IDLE, Way.SENT): {Carrier.INVITE: (E.OFFER_SENT, R.OFFER)},
    (E.IDLE, Way.RECEIVED): {Carrier.INVITE: (E.OFFER_RECEIVED, R.OFFER), Carrier.UPDATE: 500},
    (E.EMPTY_SENT, Way.SENT): {},
    (E.EMPTY_SENT, Way.RECEIVED): {
        Carrier.PROVISIONAL: (E.EMPTY_SENT, R.PREVIEW),
        Carrier.RELIABLE: (E.OFFER_RECEIVED, R.OFFER),
        Carrier.FINAL: (E.OFFER_RECEIVED, R.OFFER),
        Carrier.INVITE: 491,
        Carrier.UPDATE: 491,
    },
    (E.EMPTY_RECEIVED, Way.SENT): {
        Carrier.PROVISIONAL: (E.EMPTY_RECEIVED, R.PREVIEW),
        Carrier.RELIABLE: (E.OFFER_SENT, R.OFFER),
        Carrier.FINAL: (E.OFFER_SENT, R.OFFER),
    },
    (E.EMPTY_RECEIVED, Way.RECEIVED): {Carrier.INVITE: 500, Carrier.UPDATE: 500},
    (E.OFFER_SENT, Way.SENT): {},
    (E.OFFER_SENT, Way.RECEIVED): {
        **dict.fromkeys(ANSWERS, (E.STABLE, R.ANSWER)),
        Carrier.PROVISIONAL: (E.OFFER_SENT, R.PREVIEW),
        Carrier.INVITE: 491,
        Carrier.UPDATE: 491,
    },
    (E.OFFER_RECEIVED, Way.SENT): {
        **dict.fromkeys(ANSWERS, (E.STABLE, R.ANSWER)),
        Carrier.PROVISIONAL: (E.OFFER_RECEIVED, R.PREVIEW),
    },
    (E.OFFER_RECEIVED, Way.RECEIVED): {Carrier.INVITE: 500, Carrier.UPDATE: 500, Carrier.PRACK: 500},
    (E.STABLE, Way.SENT): {
        **dict.fromkeys((Carrier.INVITE, Carrier.UPDATE, Carrier.PRACK), (E.OFFER_SENT, R.OFFER)),
        **dict.fromkeys((Carrier.PROVISIONAL, Carrier.RELIABLE, Carrier.FINAL), (E.STABLE, R.REPEAT)),
    },
    (E.STABLE, Way.RECEIVED): {
        **dict.fromkeys((Carrier.INVITE, Carrier.UPDATE, Carrier.PRACK), (E.OFFER_RECEIVED, R.OFFER)),
        **dict.fromkeys((Carrier.PROVISIONAL, Carrier.RELIABLE, Carrier.FINAL, Carrier.ACK), (E.STABLE, R.REPEAT)),
    },
}
CELLS = list(product(Exchange, Way, Carrier))


@pytest.mark.parametrize(("state", "way", "carrier"), CELLS, ids=[f"{s.name}-{w.name}-{c.name}" for s, w, c in CELLS])
def test_a_message_with_a_description(state: Exchange, way: Way, carrier: Carrier) -> None:
    exchange = OfferAnswer(state)
    step = exchange.send if way is Way.SENT else exchange.receive
    expected = EXPECTED[state, way].get(carrier)
    if isinstance(expected, int):
        with pytest.raises(Glare) as caught:
            step(carrier, True)
        assert caught.value.status == expected
        assert exchange.state is state
    elif expected is not None:
        assert (step(carrier, True), exchange.state) == (expected[1], expected[0])
    elif way is Way.SENT:
        with pytest.raises(LocalError, match=f"in {carrier.name} is not due while {state.name}"):
            step(carrier, True)
        assert exchange.state is state
    else:
        # Out of turn, and nothing to refuse it with: ignored.
        assert (step(carrier, True), exchange.state) == (Role.REPEAT, state)


@pytest.mark.parametrize(("state", "way", "carrier"), CELLS, ids=[f"{s.name}-{w.name}-{c.name}" for s, w, c in CELLS])
def test_a_message_without_a_description(state: Exchange, way: Way, carrier: Carrier) -> None:
    exchange = OfferAnswer(state)
    step = exchange.send if way is Way.SENT else exchange.receive
    if carrier is not Carrier.INVITE:
        assert (step(carrier, False), exchange.state) == (None, state)
    elif state in (Exchange.IDLE, Exchange.STABLE):
        assert step(carrier, False) is None
        assert exchange.state is (Exchange.EMPTY_SENT if way is Way.SENT else Exchange.EMPTY_RECEIVED)
    elif way is Way.SENT:
        with pytest.raises(LocalError, match=f"not allowed while {state.name}"):
            step(carrier, False)
    else:
        with pytest.raises(Glare) as caught:
            step(carrier, False)
        assert caught.value.status == (491 if state in (Exchange.OFFER_SENT, Exchange.EMPTY_SENT) else 500)


@pytest.mark.parametrize("before", [Exchange.IDLE, Exchange.STABLE])
@pytest.mark.parametrize("has_sdp", [False, True])
@pytest.mark.parametrize("way", Way)
def test_a_refused_offer_is_taken_back(before: Exchange, way: Way, *, has_sdp: bool) -> None:
    exchange = OfferAnswer(before)
    (exchange.send if way is Way.SENT else exchange.receive)(Carrier.INVITE, has_sdp)
    assert exchange.state is not before
    exchange.rollback()
    assert exchange.state is before


def test_a_refusal_in_the_middle_of_a_delayed_offer_is_taken_back_to_its_beginning() -> None:
    exchange = OfferAnswer(Exchange.STABLE)
    exchange.receive(Carrier.INVITE, False)
    exchange.send(Carrier.FINAL, True)
    exchange.rollback()
    assert exchange.state is Exchange.STABLE


def test_forks_go_their_own_ways() -> None:
    first = OfferAnswer()
    first.send(Carrier.INVITE, True)
    second = first.fork()
    assert first.receive(Carrier.RELIABLE, True) is Role.ANSWER
    states = [first.state, second.state]
    second.rollback()
    assert [*states, second.state] == [Exchange.STABLE, Exchange.OFFER_SENT, Exchange.IDLE]

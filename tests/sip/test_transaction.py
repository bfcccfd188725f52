"""Every pair of state and input of the four transaction machines, listed or impossible."""

from __future__ import annotations

from itertools import product

import pytest

from sip.flow import Flow
from sip.transaction import (
    TABLES,
    Action,
    ImpossibleTransition,
    Input,
    Kind,
    Row,
    State,
    Transaction,
)

FLOW = Flow("udp", "UDP", ("10.0.0.1", 5060), ("10.0.0.2", 5060))

# RFC 3261 figures 5-8 with RFC 6026, written a second time: kind, state: input -> next state, actions.
EXPECTED = """
INVITE_CLIENT CALLING
    TIMER_A CALLING RESEND RESTART_A
    TIMER_B TERMINATED STOP_TIMERS REPORT_TIMEOUT
    TRANSPORT_ERROR TERMINATED STOP_TIMERS REPORT_TRANSPORT
    CONNECTION_LOST TERMINATED STOP_TIMERS REPORT_TRANSPORT
    PROVISIONAL PROCEEDING STOP_TIMERS PASS_UP
    FINAL_2XX ACCEPTED STOP_TIMERS START_M PASS_UP
    FINAL_REST COMPLETED STOP_TIMERS SEND_ACK START_D PASS_UP
INVITE_CLIENT PROCEEDING
    PROVISIONAL PROCEEDING PASS_UP
    FINAL_2XX ACCEPTED STOP_TIMERS START_M PASS_UP
    FINAL_REST COMPLETED STOP_TIMERS SEND_ACK START_D PASS_UP
    TIMER_B TERMINATED STOP_TIMERS REPORT_TIMEOUT
    TRANSPORT_ERROR PROCEEDING
    CONNECTION_LOST TERMINATED STOP_TIMERS REPORT_TRANSPORT
INVITE_CLIENT ACCEPTED
    PROVISIONAL ACCEPTED
    FINAL_2XX ACCEPTED PASS_UP
    FINAL_REST ACCEPTED
    TIMER_M TERMINATED
    TRANSPORT_ERROR ACCEPTED
    CONNECTION_LOST ACCEPTED
INVITE_CLIENT COMPLETED
    PROVISIONAL COMPLETED
    FINAL_2XX COMPLETED
    FINAL_REST COMPLETED SEND_ACK
    TIMER_D TERMINATED
    TRANSPORT_ERROR TERMINATED STOP_TIMERS
    CONNECTION_LOST TERMINATED STOP_TIMERS
CLIENT TRYING
    CONNECTION_LOST TERMINATED STOP_TIMERS REPORT_TRANSPORT
    TIMER_E TRYING RESEND RESTART_E
    TIMER_F TERMINATED STOP_TIMERS REPORT_TIMEOUT
    TRANSPORT_ERROR TERMINATED STOP_TIMERS REPORT_TRANSPORT
    PROVISIONAL PROCEEDING PASS_UP
    FINAL_2XX COMPLETED STOP_TIMERS START_K PASS_UP
    FINAL_REST COMPLETED STOP_TIMERS START_K PASS_UP
CLIENT PROCEEDING
    CONNECTION_LOST TERMINATED STOP_TIMERS REPORT_TRANSPORT
    TIMER_E PROCEEDING RESEND RESTART_E_SLOW
    TIMER_F TERMINATED STOP_TIMERS REPORT_TIMEOUT
    TRANSPORT_ERROR TERMINATED STOP_TIMERS REPORT_TRANSPORT
    PROVISIONAL PROCEEDING PASS_UP
    FINAL_2XX COMPLETED STOP_TIMERS START_K PASS_UP
    FINAL_REST COMPLETED STOP_TIMERS START_K PASS_UP
CLIENT COMPLETED
    PROVISIONAL COMPLETED
    FINAL_2XX COMPLETED
    FINAL_REST COMPLETED
    TIMER_K TERMINATED
    TRANSPORT_ERROR COMPLETED
    CONNECTION_LOST COMPLETED
INVITE_SERVER PROCEEDING
    REQUEST PROCEEDING RESEND
    ACK PROCEEDING
    SEND_PROVISIONAL PROCEEDING SEND
    SEND_2XX ACCEPTED SEND START_L
    SEND_REST COMPLETED SEND START_GH
    TRANSPORT_ERROR PROCEEDING
INVITE_SERVER ACCEPTED
    REQUEST ACCEPTED
    ACK ACCEPTED PASS_UP
    SEND_2XX ACCEPTED SEND
    TIMER_L TERMINATED
    TRANSPORT_ERROR ACCEPTED
INVITE_SERVER COMPLETED
    REQUEST COMPLETED RESEND
    ACK CONFIRMED STOP_TIMERS START_I
    TIMER_G COMPLETED RESEND RESTART_G
    TIMER_H TERMINATED STOP_TIMERS REPORT_NO_ACK
    TRANSPORT_ERROR COMPLETED
INVITE_SERVER CONFIRMED
    REQUEST CONFIRMED
    ACK CONFIRMED
    TIMER_I TERMINATED
    TRANSPORT_ERROR CONFIRMED
SERVER TRYING
    REQUEST TRYING
    SEND_PROVISIONAL PROCEEDING SEND
    SEND_2XX COMPLETED SEND START_J
    SEND_REST COMPLETED SEND START_J
    TRANSPORT_ERROR TRYING
SERVER PROCEEDING
    REQUEST PROCEEDING RESEND
    SEND_PROVISIONAL PROCEEDING SEND
    SEND_2XX COMPLETED SEND START_J
    SEND_REST COMPLETED SEND START_J
    TRANSPORT_ERROR PROCEEDING
SERVER COMPLETED
    REQUEST COMPLETED RESEND
    TIMER_J TERMINATED
    TRANSPORT_ERROR COMPLETED
"""


def _expected() -> dict[tuple[Kind, State, Input], Row]:
    rows: dict[tuple[Kind, State, Input], Row] = {}
    kind, state = Kind.CLIENT, State.TRYING
    for line in EXPECTED.strip().splitlines():
        words = line.split()
        if line[0] != " ":
            kind, state = Kind[words[0]], State[words[1]]
        else:
            rows[kind, state, Input[words[0]]] = (State[words[1]], tuple(Action[word] for word in words[2:]))
    return rows


ROWS = _expected()


def transaction(kind: Kind, state: State) -> Transaction:
    made = Transaction(ident=1, kind=kind, key=("branch",), flow=FLOW, request=None, owner=None)
    made.state = state
    return made


@pytest.mark.parametrize("kind", Kind)
def test_every_pair_is_listed_or_impossible(kind: Kind) -> None:
    for state, given in product(State, Input):
        tx = transaction(kind, state)
        row = ROWS.get((kind, state, given))
        if row is not None:
            assert (tx.advance(given), tx.state) == (row[1], row[0]), f"{kind.name} {state.name} {given.name}"
            continue
        with pytest.raises(ImpossibleTransition) as caught:
            tx.advance(given)
        assert str(caught.value) == f"{kind.name}: {given.name} cannot happen in {state.name}"
        assert tx.state is state


def test_the_tables_hold_nothing_else() -> None:
    assert sum(len(table) for table in TABLES.values()) == len(ROWS)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (Kind.INVITE_CLIENT, State.CALLING),
        (Kind.CLIENT, State.TRYING),
        (Kind.INVITE_SERVER, State.PROCEEDING),
        (Kind.SERVER, State.TRYING),
    ],
)
def test_where_a_transaction_begins(kind: Kind, state: State) -> None:
    tx = Transaction(ident=1, kind=kind, key=("branch",), flow=FLOW, request=None, owner=None)
    assert tx.state is state
    assert tx.is_client == (kind in (Kind.INVITE_CLIENT, Kind.CLIENT))


@pytest.mark.parametrize("kind", Kind)
def test_every_state_can_be_left(kind: Kind) -> None:
    """From each state of a machine a way leads to TERMINATED."""
    ways = {state: {row[0] for (at, _), row in TABLES[kind].items() if at is state} for state, _ in TABLES[kind]}
    for start in ways:
        reached, todo = {start}, [start]
        while todo:
            for after in ways.get(todo.pop(), set()) - reached:
                reached.add(after)
                todo.append(after)
        assert State.TERMINATED in reached, f"{kind.name} is caught in {start.name}"

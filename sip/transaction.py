"""The four transaction machines of RFC 3261 §17, with the Accepted state of RFC 6026, as tables."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from sip.errors import SipError

if TYPE_CHECKING:
    from sip.flow import Flow
    from sip.message import Request
    from sip.timers import Timer


class State(IntEnum):
    CALLING = 1
    TRYING = 2
    PROCEEDING = 3
    ACCEPTED = 4
    COMPLETED = 5
    CONFIRMED = 6
    TERMINATED = 7


class Input(IntEnum):
    """What can happen to a transaction: from the wire, from its user, from a timer, from the transport."""

    REQUEST = 1
    ACK = 2
    PROVISIONAL = 3
    FINAL_2XX = 4
    FINAL_REST = 5
    SEND_PROVISIONAL = 6
    SEND_2XX = 7
    SEND_REST = 8
    TIMER_A = 9
    TIMER_B = 10
    TIMER_D = 11
    TIMER_E = 12
    TIMER_F = 13
    TIMER_G = 14
    TIMER_H = 15
    TIMER_I = 16
    TIMER_J = 17
    TIMER_K = 18
    TIMER_L = 19
    TIMER_M = 20
    TRANSPORT_ERROR = 21
    CONNECTION_LOST = 22


class Action(IntEnum):
    """What a transition does besides changing the state; the transaction layer performs it."""

    PASS_UP = 1
    SEND = 2
    RESEND = 3
    SEND_ACK = 4
    STOP_TIMERS = 5
    RESTART_A = 6
    RESTART_E = 7
    RESTART_E_SLOW = 8
    START_D = 9
    START_GH = 10
    RESTART_G = 11
    START_I = 12
    START_J = 13
    START_K = 14
    START_L = 15
    START_M = 16
    REPORT_TIMEOUT = 17
    REPORT_TRANSPORT = 18
    REPORT_NO_ACK = 19


class Kind(IntEnum):
    INVITE_CLIENT = 1
    CLIENT = 2
    INVITE_SERVER = 3
    SERVER = 4


Row = tuple[State, tuple[Action, ...]]
Table = dict[tuple[State, Input], Row]

S, I, A = State, Input, Action  # noqa: E741 - the tables read as tables

# RFC 3261 §17.1.1, figure 5, as changed by RFC 6026 §7.2 and §8.4.
INVITE_CLIENT: Table = {
    (S.CALLING, I.TIMER_A): (S.CALLING, (A.RESEND, A.RESTART_A)),
    (S.CALLING, I.TIMER_B): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TIMEOUT)),
    (S.CALLING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TRANSPORT)),
    (S.CALLING, I.CONNECTION_LOST): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TRANSPORT)),
    (S.CALLING, I.PROVISIONAL): (S.PROCEEDING, (A.STOP_TIMERS, A.PASS_UP)),
    (S.CALLING, I.FINAL_2XX): (S.ACCEPTED, (A.STOP_TIMERS, A.START_M, A.PASS_UP)),
    (S.CALLING, I.FINAL_REST): (S.COMPLETED, (A.STOP_TIMERS, A.SEND_ACK, A.START_D, A.PASS_UP)),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.PASS_UP,)),
    (S.PROCEEDING, I.FINAL_2XX): (S.ACCEPTED, (A.STOP_TIMERS, A.START_M, A.PASS_UP)),
    (S.PROCEEDING, I.FINAL_REST): (S.COMPLETED, (A.STOP_TIMERS, A.SEND_ACK, A.START_D, A.PASS_UP)),
    # RFC 3261 §9.1: a cancelled INVITE waits 64*T1 for its final answer, no longer (the layer's `limit`);
    # so does a re-INVITE whose dialog ended.
    (S.PROCEEDING, I.TIMER_B): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TIMEOUT)),
    # An INVITE that already drew an answer is not failed by a late ICMP error.
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.PROCEEDING, ()),
    # A peer whose connection broke has most likely gone itself: its callers need not wait.
    (S.PROCEEDING, I.CONNECTION_LOST): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TRANSPORT)),
    (S.ACCEPTED, I.CONNECTION_LOST): (S.ACCEPTED, ()),
    (S.ACCEPTED, I.PROVISIONAL): (S.ACCEPTED, ()),
    (S.ACCEPTED, I.FINAL_2XX): (S.ACCEPTED, (A.PASS_UP,)),
    (S.ACCEPTED, I.FINAL_REST): (S.ACCEPTED, ()),
    (S.ACCEPTED, I.TIMER_M): (S.TERMINATED, ()),
    (S.ACCEPTED, I.TRANSPORT_ERROR): (S.ACCEPTED, ()),
    (S.COMPLETED, I.PROVISIONAL): (S.COMPLETED, ()),
    (S.COMPLETED, I.FINAL_2XX): (S.COMPLETED, ()),
    (S.COMPLETED, I.FINAL_REST): (S.COMPLETED, (A.SEND_ACK,)),
    (S.COMPLETED, I.TIMER_D): (S.TERMINATED, ()),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.TERMINATED, (A.STOP_TIMERS,)),
    (S.COMPLETED, I.CONNECTION_LOST): (S.TERMINATED, (A.STOP_TIMERS,)),
}

# RFC 3261 §17.1.2, figure 6.
CLIENT: Table = {
    (S.TRYING, I.TIMER_E): (S.TRYING, (A.RESEND, A.RESTART_E)),
    (S.TRYING, I.TIMER_F): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TIMEOUT)),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TRANSPORT)),
    (S.TRYING, I.CONNECTION_LOST): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TRANSPORT)),
    (S.TRYING, I.PROVISIONAL): (S.PROCEEDING, (A.PASS_UP,)),
    (S.TRYING, I.FINAL_2XX): (S.COMPLETED, (A.STOP_TIMERS, A.START_K, A.PASS_UP)),
    (S.TRYING, I.FINAL_REST): (S.COMPLETED, (A.STOP_TIMERS, A.START_K, A.PASS_UP)),
    (S.PROCEEDING, I.TIMER_E): (S.PROCEEDING, (A.RESEND, A.RESTART_E_SLOW)),
    (S.PROCEEDING, I.TIMER_F): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TIMEOUT)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TRANSPORT)),
    (S.PROCEEDING, I.CONNECTION_LOST): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_TRANSPORT)),
    (S.PROCEEDING, I.PROVISIONAL): (S.PROCEEDING, (A.PASS_UP,)),
    (S.PROCEEDING, I.FINAL_2XX): (S.COMPLETED, (A.STOP_TIMERS, A.START_K, A.PASS_UP)),
    (S.PROCEEDING, I.FINAL_REST): (S.COMPLETED, (A.STOP_TIMERS, A.START_K, A.PASS_UP)),
    (S.COMPLETED, I.PROVISIONAL): (S.COMPLETED, ()),
    (S.COMPLETED, I.FINAL_2XX): (S.COMPLETED, ()),
    (S.COMPLETED, I.FINAL_REST): (S.COMPLETED, ()),
    (S.COMPLETED, I.TIMER_K): (S.TERMINATED, ()),
    (S.COMPLETED, I.CONNECTION_LOST): (S.COMPLETED, ()),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, ()),
}

# RFC 3261 §17.2.1, figure 7, as changed by RFC 6026 §7.1 and §8.
INVITE_SERVER: Table = {
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, (A.RESEND,)),
    (S.PROCEEDING, I.ACK): (S.PROCEEDING, ()),
    (S.PROCEEDING, I.SEND_PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, I.SEND_2XX): (S.ACCEPTED, (A.SEND, A.START_L)),
    (S.PROCEEDING, I.SEND_REST): (S.COMPLETED, (A.SEND, A.START_GH)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.PROCEEDING, ()),
    (S.ACCEPTED, I.REQUEST): (S.ACCEPTED, ()),
    (S.ACCEPTED, I.ACK): (S.ACCEPTED, (A.PASS_UP,)),
    (S.ACCEPTED, I.SEND_2XX): (S.ACCEPTED, (A.SEND,)),
    (S.ACCEPTED, I.TIMER_L): (S.TERMINATED, ()),
    (S.ACCEPTED, I.TRANSPORT_ERROR): (S.ACCEPTED, ()),
    (S.COMPLETED, I.REQUEST): (S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, I.ACK): (S.CONFIRMED, (A.STOP_TIMERS, A.START_I)),
    (S.COMPLETED, I.TIMER_G): (S.COMPLETED, (A.RESEND, A.RESTART_G)),
    (S.COMPLETED, I.TIMER_H): (S.TERMINATED, (A.STOP_TIMERS, A.REPORT_NO_ACK)),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, ()),
    (S.CONFIRMED, I.REQUEST): (S.CONFIRMED, ()),
    (S.CONFIRMED, I.ACK): (S.CONFIRMED, ()),
    (S.CONFIRMED, I.TIMER_I): (S.TERMINATED, ()),
    (S.CONFIRMED, I.TRANSPORT_ERROR): (S.CONFIRMED, ()),
}

# RFC 3261 §17.2.2, figure 8.
SERVER: Table = {
    (S.TRYING, I.REQUEST): (S.TRYING, ()),
    (S.TRYING, I.SEND_PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.TRYING, I.SEND_2XX): (S.COMPLETED, (A.SEND, A.START_J)),
    (S.TRYING, I.SEND_REST): (S.COMPLETED, (A.SEND, A.START_J)),
    (S.TRYING, I.TRANSPORT_ERROR): (S.TRYING, ()),
    (S.PROCEEDING, I.REQUEST): (S.PROCEEDING, (A.RESEND,)),
    (S.PROCEEDING, I.SEND_PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, I.SEND_2XX): (S.COMPLETED, (A.SEND, A.START_J)),
    (S.PROCEEDING, I.SEND_REST): (S.COMPLETED, (A.SEND, A.START_J)),
    (S.PROCEEDING, I.TRANSPORT_ERROR): (S.PROCEEDING, ()),
    (S.COMPLETED, I.REQUEST): (S.COMPLETED, (A.RESEND,)),
    (S.COMPLETED, I.TIMER_J): (S.TERMINATED, ()),
    (S.COMPLETED, I.TRANSPORT_ERROR): (S.COMPLETED, ()),
}

TABLES: dict[Kind, Table] = {
    Kind.INVITE_CLIENT: INVITE_CLIENT,
    Kind.CLIENT: CLIENT,
    Kind.INVITE_SERVER: INVITE_SERVER,
    Kind.SERVER: SERVER,
}

del S, I, A


class ImpossibleTransition(SipError):
    """An input that the table does not list for the state: a fault of ours, never of a peer."""

    def __init__(self, kind: Kind, state: State, given: Input) -> None:
        super().__init__(f"{kind.name}: {given.name} cannot happen in {state.name}")


class Transaction:
    """One request and its answers. When it is finished only key, state and bytes to send again are left."""

    __slots__ = (
        "flow",
        "ident",
        "interval_s",
        "key",
        "kind",
        "message",
        "owner",
        "request",
        "resend_timer",
        "state",
        "table",
        "timeout_timer",
    )

    def __init__(
        self, *, ident: int, kind: Kind, key: tuple[Any, ...], flow: Flow, request: Request | None, owner: object
    ) -> None:
        self.ident = ident
        self.kind = kind
        self.table = TABLES[kind]
        self.key = key
        self.flow = flow
        self.request = request
        self.owner = owner
        self.message = b""
        self.interval_s = 0.0
        self.resend_timer: Timer | None = None
        self.timeout_timer: Timer | None = None
        self.state = {
            Kind.INVITE_CLIENT: State.CALLING,
            Kind.CLIENT: State.TRYING,
            Kind.INVITE_SERVER: State.PROCEEDING,
            Kind.SERVER: State.TRYING,
        }[kind]

    def advance(self, given: Input) -> tuple[Action, ...]:
        """Take one step of the table and return what is to be done.

        Raises ImpossibleTransition where the table has no such row.
        """
        row = self.table.get((self.state, given))
        if row is None:
            raise ImpossibleTransition(self.kind, self.state, given)
        self.state = row[0]
        return row[1]

    @property
    def is_client(self) -> bool:
        return self.kind <= Kind.CLIENT

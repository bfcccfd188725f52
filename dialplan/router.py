"""The router: which steps a call takes. Pure: facts and plan in, steps out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pbx.destination import Destination, ExtensionDestination


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is known of a call before it is routed. `trunk` is None for calls of our own devices."""

    called: str
    caller: str
    trunk: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a plan; `action` is a key of `dialplan.actions.ACTIONS`."""

    action: str
    destination: Destination | None = None


class Plan(Protocol):
    """What the router reads of a tenant's configuration (`pbx.tenant.TenantView`)."""

    @property
    def internal_calls(self) -> bool: ...
    def directory(self, number: str) -> Destination | None: ...
    def has_extension(self, number: str) -> bool: ...
    def did_destination(self, number: str, trunk: str) -> Destination | None: ...


NOT_IN_SERVICE = Step(action="not_in_service")


def route(facts: CallFacts, plan: Plan, at: datetime) -> tuple[Step, ...]:
    """The steps for a call at a time; there is always at least one."""
    destination = _inbound(facts, plan) if facts.trunk is not None else _internal(facts, plan)
    if destination is None:
        return (NOT_IN_SERVICE,)
    return (Step(action=destination.type, destination=destination),)


def _inbound(facts: CallFacts, plan: Plan) -> Destination | None:
    assert facts.trunk is not None
    return plan.did_destination(facts.called, facts.trunk)


def _internal(facts: CallFacts, plan: Plan) -> Destination | None:
    listed = plan.directory(facts.called)
    if listed is not None:
        return listed
    if plan.has_extension(facts.called) and (plan.internal_calls or facts.called == facts.caller):
        return ExtensionDestination(number=facts.called)
    return None

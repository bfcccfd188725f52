"""The runner: routes a session's call and carries out its steps; the one place that counts destination hops."""

from __future__ import annotations

from datetime import UTC, datetime

from dialplan.actions import ACTIONS
from dialplan.router import CallFacts, Step, route
from pbx.control import CallControl
from pbx.reasons import Reason
from pbx.session import Session

MAX_HOPS = 30


class DialplanRunner:
    """Fits `pbx.plugs.PlanRunner`."""

    async def run(self, session: Session) -> None:
        """Route the call and run its steps in order; a step that ends the call ends the plan."""
        control = CallControl(session)
        call = session.call
        facts = CallFacts(called=call.called, caller=call.caller, trunk=control.caller.trunk)
        at = datetime.fromtimestamp(session.node.clock.wall_ns() / 1e9, UTC)
        for step in route(facts, session.tenant, at):
            await self.take(control, step)

    async def take(self, control: CallControl, step: Step) -> None:
        """Carry out one step. Raises CallOver where the call has been led on too often."""
        control.call.hops += 1
        if control.call.hops > MAX_HOPS:
            raise control.finish(Reason.LOOP)
        await ACTIONS[step.action](control, step.destination)

"""Ingress: every first INVITE, from whom it is, whether it may, and the session that takes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media.sdp import SdpError
from pbx import negotiation
from pbx.admission import Admission
from pbx.authenticator import Authenticator
from pbx.background import attend
from pbx.call import Call
from pbx.codec_policy import policy
from pbx.configuration import Configuration
from pbx.digits import takes_info
from pbx.events import CallCreated
from pbx.leg_end import LegEnd
from pbx.node import Node
from pbx.reasons import Party, Reason
from pbx.session import PlanRunner, Session
from sip.commands import Respond
from sip.events import InviteReceived
from sip.message import Request
from sip.offer_answer import Role
from sip.uri import AnyUri, SipUri

if TYPE_CHECKING:
    from pbx.tenant import TenantView

RETRY_AFTER_S = 5
MAX_DEPTH = 5
"""How often a call of ours may come back to us by way of others before that is a loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whom an INVITE comes from, as we know it ourselves and not as its From says."""

    tenant: TenantView
    direction: str
    number: str
    name: str | None
    codecs: tuple[str, ...]
    dtmf: str = "auto"
    device: str | None = None
    extension: str | None = None
    trunk: str | None = None


class Ingress:
    """Admits calls. A trunk is known by its address, a device by its password; nobody else gets in."""

    def __init__(
        self,
        *,
        node: Node,
        configuration: Configuration,
        authenticator: Authenticator,
        runner: PlanRunner,
        admission: Admission,
    ) -> None:
        self._node = node
        self.admission = admission
        self._runner = runner
        self._configuration = configuration
        self._authenticator = authenticator
        self.refused: Counter[int] = Counter()
        """INVITEs that did not become a call, by status; challenges are none."""

    def on_invite(self, event: InviteReceived) -> None:
        request = event.request
        refusal = self._overload() or self._hops(request)
        if refusal is not None:
            self._refuse(event, *refusal)
            return
        if not isinstance(request.uri, SipUri) and request.uri.scheme != "tel":
            # RFC 3261 §8.2.2.1.
            self._refuse(event, 416)
            return
        caller = self._trunk_caller(event) or self._device_caller(event)
        if caller is None:
            return
        if caller.tenant.active:
            self._begin(event, caller)
        else:
            # A suspended tenant's phones may not call; callers from outside find nobody there.
            self._refuse(event, 403 if caller.trunk is None else 480)

    def overload(self) -> dict[str, int]:
        """How many calls the node refused to protect itself, by cause; `backlog` are those that the stack shed."""
        counts = {cause.value: count for cause, count in self.admission.refused.items()}
        shed = self._node.stack.shed
        return {**counts, "backlog": shed} if shed else counts

    def _overload(self) -> tuple[int, tuple[tuple[str, str], ...]] | None:
        """503 is for the node alone: carriers take it for a line that is down."""
        node = self._node
        if self.admission.refuses(len(node.sessions), node.journal.full) is None:
            return None
        return 503, (("retry-after", str(RETRY_AFTER_S)),)

    def _hops(self, request: Request) -> tuple[int, tuple[tuple[str, str], ...]] | None:
        hops = request.max_forwards
        return (483, ()) if hops is not None and hops <= 0 else None

    def _refuse(self, event: InviteReceived, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        if status != 401:
            self.refused[status] += 1
        self._node.send(Respond(usage=event.usage, status=status, headers=headers))

    def _trunk_caller(self, event: InviteReceived) -> Caller | None:
        trunk = self._configuration.trunk_from(event.flow)
        if trunk is None or trunk.tenant is None:
            return None
        tenant = self._configuration.tenant(trunk.tenant)
        if tenant is None:
            return None
        return Caller(
            tenant=tenant,
            direction="inbound",
            number=user_of(event.request.from_.uri) or "anonymous",
            name=event.request.from_.display,
            codecs=policy(trunk.codecs),
            dtmf=trunk.dtmf,
            trunk=trunk.name,
        )

    def _device_caller(self, event: InviteReceived) -> Caller | None:
        request, flow = event.request, event.flow
        tenant, realm = self._configuration.domain(request, flow)
        verdict = self._authenticator.check(request, tenant, realm, flow)
        device = verdict.device
        if device is None or tenant is None:
            self._refuse(event, 401, verdict.challenge)
            return None
        extension = tenant.extension(device.extension)
        allowed = device.enabled and flow.transport.lower() in device.transports
        if not allowed or extension is None or not extension.enabled:
            self._refuse(event, 403)
            return None
        return Caller(
            tenant=tenant,
            direction="internal",
            number=extension.number,
            name=extension.name,
            codecs=policy(device.codecs),
            dtmf=device.dtmf,
            device=device.username,
            extension=extension.number,
        )

    def _begin(self, event: InviteReceived, caller: Caller) -> None:
        node, request, flow = self._node, event.request, event.flow
        node.transport.vouch(flow)
        called = user_of(request.uri)
        call = Call(
            id=node.new_id(),
            tenant=caller.tenant.key,
            direction=caller.direction,
            caller=caller.number,
            caller_name=caller.name,
            called=called,
            max_forwards=70 if request.max_forwards is None else request.max_forwards,
            depth=node.depth_of(request.call_id),
        )
        session = Session(node, call, caller.tenant, self._runner, attend)
        node.journal.emit(
            CallCreated(
                call=call.id,
                tenant=call.tenant,
                direction=call.direction,
                call_type=call.direction,
                sip_call_id=request.call_id,
                source=flow.source,
                caller=call.caller,
                caller_name=call.caller_name,
                called=called,
                device=caller.device,
                extension=caller.extension,
                trunk=caller.trunk,
                did=called if caller.trunk is not None else None,
            )
        )
        leg = node.new_leg(
            session,
            session.call.id,
            kind="caller",
            inbound=True,
            usage=event.usage,
            host=flow.local[0],
            source=flow.source,
            number=caller.number,
            device=caller.device,
            trunk=caller.trunk,
            codecs=caller.codecs,
            sip_call_id=request.call_id,
        )
        leg.dtmf = caller.dtmf
        leg.takes_info = takes_info(request)
        session.add_leg(leg)
        if event.sdp is Role.OFFER:
            try:
                negotiation.read_offer(leg, negotiation.body_of(request))
            except SdpError as error:
                end = LegEnd(reason=Reason.MEDIA_FAILED, party=Party.SYSTEM, status=400, text="Bad SDP", q850=47)
                session.refuse(end, (negotiation.warning(error),))
                return
        if call.depth > MAX_DEPTH:
            session.refuse(LegEnd(reason=Reason.LOOP, party=Party.SYSTEM, status=482, q850=25))
            return
        if not self._has_room(session, caller):
            # 486 for a full tenant, trunk or extension: 503 would make a carrier divert all its calls.
            session.refuse(LegEnd(reason=Reason.BLOCKED_CAPACITY, party=Party.SYSTEM, status=486, q850=17))
            return
        node.start(session)

    def _has_room(self, session: Session, caller: Caller) -> bool:
        """Take a place wherever the call counts, from wide to narrow; what was taken goes back with the call."""
        tenant, now = caller.tenant, self._node.clock.now()
        key = ("tenant", tenant.key)
        if not session.occupy(key, tenant.facts.max_calls) or not self._node.rates.take(key, tenant.facts.max_cps, now):
            return False
        if caller.trunk is not None:
            trunk = tenant.trunk(caller.trunk)
            return trunk is not None and (
                session.occupy(("trunk", trunk.name), trunk.max_total)
                and session.occupy(("trunk", trunk.name, "in"), trunk.max_in)
                and self._node.rates.take(("trunk", trunk.name), trunk.max_cps, now)
            )
        extension = tenant.extension(caller.extension or "")
        return extension is not None and session.occupy(
            ("extension", tenant.key, extension.number), extension.max_calls
        )


def user_of(uri: AnyUri) -> str:
    """The number in a URI: the user part of sip:, all of tel:, up to parameters such as ;npdi (RFC 3966, RFC 4694)."""
    user = uri.user or "" if isinstance(uri, SipUri) else uri.rest
    return user.partition(";")[0]

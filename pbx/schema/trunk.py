"""Documents of lines to the outside: peer trunks and access numbers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pbx.schema.destination import Dest
from pbx.schema.values import (
    AccessNumber,
    CallLimit,
    CallRate,
    Codecs,
    Dtmf,
    Duration,
    Host,
    Model,
    Record,
    Source,
    TenantKey,
    TrunkName,
    refused,
)


class Peer(Model):
    """Where calls of a trunk go."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65535)] | None = None


class Trunk(Model):
    """A trunk to a peer that is known by its address; `tenant` owns it and its inbound calls."""

    name: TrunkName
    tenant: TenantKey | None = None
    status: Literal["enabled", "disabled"] = "enabled"
    transport: Literal["udp", "tcp", "tls"] = "udp"
    peers: Annotated[tuple[Peer, ...], Field(max_length=20)] = ()
    source_ips: Annotated[tuple[Source, ...], Field(max_length=100)] = ()
    codecs: Annotated[Codecs, Field(min_length=1)] | None = None
    dtmf: Dtmf = "auto"
    max_total: CallLimit | None = None
    max_in: CallLimit | None = None
    max_out: CallLimit | None = None
    max_cps: CallRate | None = None
    max_duration: Duration | None = None
    setup_timeout: Annotated[int, Field(ge=1, le=300)] = 45
    progress_timeout: Annotated[int, Field(ge=1, le=60)] = 6
    record: Record | None = None

    @model_validator(mode="after")
    def _some_use(self) -> Self:
        if not self.peers and not self.source_ips:
            raise refused("the trunk has no direction", "peers (outbound), source_ips (inbound) or both")
        return self


class Did(Model):
    """An access number: calls to it by `trunk` (any when not set) go to `dest` in `tenant`."""

    number: AccessNumber
    trunk: TrunkName | None = None
    tenant: TenantKey
    dest: Dest
    record: Record | None = None

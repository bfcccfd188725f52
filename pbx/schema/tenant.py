"""Documents of a tenant: its domain, extensions, devices and directory numbers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pbx.schema.destination import Dest
from pbx.schema.values import (
    ALL_TRANSPORTS,
    MIN_PASSWORD,
    Algorithms,
    CallLimit,
    CallRate,
    Codecs,
    Country,
    DisplayName,
    Domain,
    Duration,
    ExtensionNumber,
    Language,
    Model,
    Network,
    Password,
    ServiceNumber,
    TenantKey,
    Transports,
    UserName,
    refused,
)

RingTimeout = Annotated[int, Field(ge=1, le=600)]
Status = Literal["enabled", "disabled"]


class Device(Model):
    """An account that a phone registers with."""

    username: UserName | None = None
    auth_user: UserName | None = None
    password: Password = Field(repr=False)
    public_password: bool = False
    max_contacts: Annotated[int, Field(ge=1, le=5)] = 1
    allowed_nets: tuple[Network, ...] = ()
    codecs: Annotated[Codecs, Field(min_length=1)] | None = None
    transports: Annotated[Transports, Field(min_length=1)] = ALL_TRANSPORTS
    digest_algorithms: Annotated[Algorithms, Field(min_length=1)] | None = None
    nat: Literal["auto", "off"] = "auto"
    status: Status = "enabled"

    @model_validator(mode="after")
    def _strong(self) -> Self:
        if not self.public_password and len(self.password) < MIN_PASSWORD:
            raise refused(
                "password is too short",
                f"{MIN_PASSWORD} characters or more; a demo may say public_password: true",
            )
        return self


class Extension(Model):
    """A dialable number and the devices that ring for it."""

    number: ExtensionNumber
    name: DisplayName | None = None
    status: Status = "enabled"
    ring_timeout: RingTimeout | None = None
    max_calls: Annotated[int, Field(ge=0, le=1000)] | None = 2
    devices: Annotated[tuple[Device, ...], Field(max_length=10)] = ()


class DirectoryNumber(Model):
    """Another number of the tenant's internal directory."""

    number: ServiceNumber
    dest: Dest


class Tenant(Model):
    """A tenant. `own_address`: requests to the server's own address count as for its domain."""

    key: TenantKey
    domain: Domain
    own_address: bool = False
    status: Literal["active", "suspended", "closed"] = "active"
    digest_algorithms: Annotated[Algorithms, Field(min_length=1)] = ("SHA-256", "MD5")
    internal_calls: bool = True
    ext_ring: RingTimeout = 30
    external_ring: RingTimeout = 45
    prompt_language: Language = "en"
    country: Country = "us"
    hold_source: Literal["music", "silence", "device"] = "music"
    max_calls: CallLimit | None = None
    max_cps: CallRate | None = None
    max_duration: Duration | None = 14_400
    extensions: tuple[Extension, ...] = ()
    numbers: tuple[DirectoryNumber, ...] = ()

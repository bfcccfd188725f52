"""Documents of a tenant: its domain, extensions, devices and directory numbers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pbx.schema.destination import Dest
from pbx.schema.values import (
    ALL_TRANSPORTS,
    MIN_PASSWORD,
    Algorithm,
    Algorithms,
    CallLimit,
    CallRate,
    Codecs,
    Country,
    DisplayName,
    Domain,
    Dtmf,
    Duration,
    ExtensionNumber,
    Hash,
    Language,
    Model,
    Network,
    Password,
    Record,
    ServiceNumber,
    TenantKey,
    Transports,
    UserName,
    refused,
)

RingTimeout = Annotated[int, Field(ge=1, le=600)]
Status = Literal["enabled", "disabled"]


class Ha1(Model):
    """Digest hashes in place of a password (RFC 7616 §3.4.2): by user name, by algorithm; good for one realm only."""

    realm: Domain
    users: Annotated[dict[UserName, dict[Algorithm, Hash]], Field(min_length=1, max_length=8, repr=False)]


class Device(Model):
    """An account that a phone registers with; its password or, once stored, what was made of it (`ha1`)."""

    username: UserName | None = None
    auth_user: UserName | None = None
    password: Password | None = Field(default=None, repr=False)
    ha1: Ha1 | None = Field(default=None, repr=False)
    public_password: bool = False
    max_contacts: Annotated[int, Field(ge=1, le=5)] = 1
    allowed_nets: tuple[Network, ...] = ()
    codecs: Annotated[Codecs, Field(min_length=1)] | None = None
    transports: Annotated[Transports, Field(min_length=1)] = ALL_TRANSPORTS
    digest_algorithms: Annotated[Algorithms, Field(min_length=1)] | None = None
    nat: Literal["auto", "off"] = "auto"
    dtmf: Dtmf = "auto"
    status: Status = "enabled"

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.password is not None and self.ha1 is not None:
            raise refused("password and ha1 exclude each other", "one of them")
        if self.password is not None and not self.public_password and len(self.password) < MIN_PASSWORD:
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
    record: Record | None = None
    devices: Annotated[tuple[Device, ...], Field(max_length=10)] = ()


class DirectoryNumber(Model):
    """Another number of the tenant's internal directory."""

    number: ServiceNumber
    dest: Dest


class TenantSettings(Model):
    """A tenant's own settings. `own_address`: requests to the server's own address count as for its domain."""

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
    record: Record = "on_demand"
    record_force: bool = False
    record_scope: Literal["answered", "from_ring"] = "answered"


class Tenant(TenantSettings):
    """A tenant in a document, with what is listed below it."""

    extensions: tuple[Extension, ...] = ()
    numbers: tuple[DirectoryNumber, ...] = ()

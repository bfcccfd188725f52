"""Values of configuration fields: what each kind allows, said in words when it does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from media.codec import CODEC_FORMATS
from sip.digest import ALGORITHMS

MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 128
_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)
_TRANSPORTS: Final = ("udp", "tcp", "tls", "ws", "wss")


class Model(BaseModel):
    """Base of all documents: unknown settings are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def refused(message: str, allowed: str) -> PydanticCustomError:
    """The error for a value: what is wrong with it, and what is allowed."""
    return PydanticCustomError("refused", "{message}", {"message": message, "allowed": allowed})


@dataclass(frozen=True, slots=True)
class _Matching:
    """Text that fits a pattern; the JSON schema says so too."""

    pattern: str
    kind: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        compiled = re.compile(self.pattern)

        def check(value: str) -> str:
            if compiled.fullmatch(value) is None:
                raise refused(f"{value[:80]!r} is not {self.kind}", self.pattern)
            return value

        return no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"pattern": f"^({self.pattern})$"}


@dataclass(frozen=True, slots=True)
class _OneOf:
    """One of some names, in any case that `fold` makes equal."""

    names: tuple[str, ...]
    kind: str
    fold: Callable[[str], str]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fold, known = self.fold, {self.fold(name): name for name in self.names}

        def check(value: str) -> str:
            if (name := known.get(fold(value))) is None:
                raise refused(f"{value[:80]!r} is not {self.kind}", " | ".join(self.names))
            return name

        return no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"enum": list(self.names)}


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = {value for value in values if values.count(value) > 1}
    if twice:
        raise refused(f"{', '.join(sorted(twice))} is listed twice", "each once")
    return values


def _host(value: str) -> str:
    lowered = value.lower()
    try:
        return str(ip_network(lowered).network_address) if "/" not in lowered else _no_host(value)
    except ValueError:
        return lowered if _HOST_NAME.fullmatch(lowered) else _no_host(value)


def _no_host(value: str) -> str:
    raise refused(f"{value[:80]!r} is not a host", "a host name or an IP address")


def _domain(value: str) -> str:
    lowered = value.lower()
    if _HOST_NAME.fullmatch(lowered) is None:
        raise refused(f"{value[:80]!r} is not a domain name", "letters, digits and hyphens between dots")
    return lowered


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as error:
        raise refused(f"{value[:80]!r} is not a network: {error}", "address or network like 10.0.0.0/8") from None


def split_source(value: str) -> tuple[str, int | None]:
    """Network and port of `a.b.c.d`, `a.b.c.d:port`, `[v6]:port` or a network. Raises ValueError."""
    host, port = value, ""
    if value.startswith("["):
        host, _, port = value[1:].partition("]")
        if port and not port.startswith(":"):
            raise ValueError("text behind the bracket")
        port = port[1:]
    elif value.count(":") == 1:
        host, _, port = value.partition(":")
        if not port:
            raise ValueError("port is missing")
    network = str(ip_network(host))
    if not port:
        return network, None
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise ValueError(f"port {port!r} is not within 1-65535")
    return network, int(port)


def _source(value: str) -> str:
    try:
        split_source(value)
    except ValueError as error:
        raise refused(
            f"{value[:80]!r} is not a source: {error}", "address, address:port, [IPv6]:port or network"
        ) from None
    return value


def _password(value: str) -> str:
    # Says nothing of the value itself.
    if not 1 <= len(value) <= MAX_PASSWORD:
        raise refused("password is empty or too long", f"{MIN_PASSWORD}-{MAX_PASSWORD} characters")
    return value


def _hash(value: str) -> str:
    # Says nothing of the value itself: it is as good as the password.
    if len(value) not in (32, 64) or not set(value) <= set("0123456789abcdef"):
        raise refused("is not a hash", "32 or 64 digits of 0-9 and a-f")
    return value


ExtensionNumber = Annotated[str, _Matching("[0-9]{2,8}", "2-8 digits")]
ServiceNumber = Annotated[str, _Matching("[0-9*#]{2,16}", "a number of an internal service")]
AccessNumber = Annotated[str, _Matching(r"\+?[0-9]{2,20}", "an access number")]
ExternalNumber = Annotated[str, _Matching(r"\+?[0-9*#]{1,32}", "a number to dial")]
TenantKey = Annotated[str, _Matching("[a-z0-9-]{2,32}", "a tenant key")]
TrunkName = Annotated[str, _Matching("[A-Za-z0-9_.-]{1,64}", "a trunk name")]
UserName = Annotated[str, _Matching("[A-Za-z0-9_.+-]{1,64}", "a user name")]
PromptName = Annotated[str, _Matching("[a-z0-9][a-z0-9/_-]{0,63}", "a prompt name")]
DisplayName = Annotated[str, _Matching(r'[^\x00-\x1f\x7f"<>]{1,80}', "a display name")]
Language = Annotated[str, _Matching("[a-z]{2}(-[a-z]{2})?", "a language")]
Country = Annotated[str, _Matching("[a-z]{2}", "a country code in small letters")]
Hash = Annotated[str, AfterValidator(_hash)]
TokenName = Annotated[str, _Matching("[A-Za-z0-9_.-]{1,64}", "a token name")]
TokenHash = Annotated[str, AfterValidator(_hash), Field(min_length=64)]
Domain = Annotated[str, AfterValidator(_domain)]
Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]
Source = Annotated[str, AfterValidator(_source)]
Password = Annotated[str, AfterValidator(_password)]
Codec = Annotated[str, _OneOf(tuple(CODEC_FORMATS), "a codec", str.lower)]
Transport = Annotated[str, _OneOf(_TRANSPORTS, "a transport", str.lower)]
Algorithm = Annotated[str, _OneOf(tuple(ALGORITHMS), "a digest algorithm", str.upper)]
Dtmf = Literal["auto", "rfc4733", "info", "inband"]
"""How keys travel: `auto` as RFC 4733 events where these were agreed, else by INFO."""
Record = Literal["never", "on_demand", "inbound", "outbound", "all"]
"""Which calls are recorded; `never` and `on_demand`: none by themselves."""
Codecs = Annotated[tuple[Codec, ...], AfterValidator(_unique)]
Transports = Annotated[tuple[Transport, ...], AfterValidator(_unique)]
Algorithms = Annotated[tuple[Algorithm, ...], AfterValidator(_unique)]

ALL_TRANSPORTS: Final[tuple[Any, ...]] = _TRANSPORTS

CallLimit = Annotated[int, Field(ge=0, le=100_000)]
"""Calls at the same time; 0 allows none."""
CallRate = Annotated[float, Field(gt=0, le=10_000)]
"""New calls per second, over time; twice as many may come at once."""
Duration = Annotated[int, Field(ge=10, le=7 * 86_400)]
"""Seconds that an answered call may last."""

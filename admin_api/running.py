"""Running: the parts of the running server that the API looks at."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from admin_api.problem import Problem
from pbx.records.client import RecordsError
from pbx.records.configuration_client import QueryError
from pbx.session import Session

if TYPE_CHECKING:
    from media.client import MediaClient
    from pbx.clock import Clock
    from pbx.configuration import Configuration
    from pbx.ingress import Ingress
    from pbx.location import Location
    from pbx.loop_lag import LoopLag
    from pbx.node import Node
    from pbx.records.client import RecordsClient
    from pbx.records.configuration_client import ConfigurationClient
    from pbx.records.messages import RecordsStatus
    from pbx.settings import Settings
    from pbx.spool import SpoolWriter
    from pbx.tally import Tally
    from pbx.trace.tracer import Tracer
    from sip.transport import Transports

T = TypeVar("T")
RECORDS_S = 5.0
CHANGE_S = 30.0
"""How long an answer of the records process is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One node; made once, when everything is up. `began` is monotonic, `port_pairs` all RTP/RTCP pairs there are."""

    version: str
    name: str
    began: float
    settings: Settings
    clock: Clock
    node: Node
    ingress: Ingress
    location: Location
    media: MediaClient
    port_pairs: int
    transports: Transports
    records: RecordsClient
    configuration: Configuration
    configuration_store: ConfigurationClient
    spool: SpoolWriter
    tally: Tally
    loop_lag: LoopLag
    tracer: Tracer | None

    def sessions(self) -> Iterator[Session]:
        """Every live call."""
        for one in self.node.sessions:
            if isinstance(one, Session):
                yield one

    async def records_status(self, timeout_s: float = 1.0) -> RecordsStatus | None:
        """How the records process does; None where it does not answer."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.records.status()
        except TimeoutError:
            return None


async def asked(
    question: Awaitable[T], timeout_s: float = RECORDS_S, *, refused: HTTPStatus = HTTPStatus.BAD_REQUEST
) -> T:
    """The answer of the records process.

    Raises Problem: 503 where there is none in time, or it is an excuse; `refused` for a question that has no answer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await question
    except TimeoutError:
        raise no_records() from None
    except QueryError as error:
        raise Problem(refused, str(error)) from None
    except RecordsError as error:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": "5"}) from None


RUNNING: web.AppKey[Running] = web.AppKey("running")


def no_records() -> Problem:
    """The records process gives no answer in time."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "the records process does not answer; it may be starting again: try once more"
    )

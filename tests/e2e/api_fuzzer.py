"""API fuzzer: requests made from the API's own description, sent with one identity, their answers checked against it.

`python -m tests.e2e.api_fuzzer URL SECONDS [TOKEN [TEXT ...]]` goes over all operations again and again, and prints
what it finds; the texts may stand in no answer.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from requests.adapters import HTTPAdapter
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from admin_api.openapi import document

CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
)
FRAMING: Final = frozenset({"content-length", "transfer-encoding", "host", "connection", "expect"})
"""Headers that say where a request ends: a wrong one makes it no HTTP, which is refused before any operation is met."""
KNOWN: Final = {"tenant": "demo", "extension": "1001", "device": "1001"}
"""Parts of paths that lead somewhere: half of the requests get these."""


class FromElsewhere(HTTPAdapter):
    """Connects from an address on loopback of its own."""

    def __init__(self, number: int) -> None:
        high, low = divmod(number, 250)
        self._source = (f"127.8.{high % 250}.{low + 1}", 0)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, source_address=self._source)


class ApiFuzzer:
    """Sends with one token, or with none; `foreign` are texts that may stand in no answer."""

    def __init__(self, url: str, token: str | None, foreign: tuple[str, ...] = ()) -> None:
        self._url = url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._foreign = foreign
        self.schema: Any = schemathesis.openapi.from_dict(document("0"))
        self.sent = 0

    def operations(self) -> Iterator[Any]:
        """Every operation of the description."""
        for found in self.schema.get_all_operations():
            yield found.ok()

    def fuzz(self, operation: Any, mode: GenerationMode, examples: int, number: int) -> None:
        """Send some requests; `number` tells one run from another. Raises what a check found."""
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except Exception as error:
            # Of what takes nothing, nothing wrong can be made.
            if "negative" not in str(error).lower():
                raise
            return

        def send(case: Any) -> None:
            self._send(case, positive=mode is GenerationMode.POSITIVE)

        chosen = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seed(number)(chosen(given(case=strategy)(send)))()

    def _send(self, case: Any, *, positive: bool) -> None:
        self.sent += 1
        for name in FRAMING & {name.lower() for name in case.headers or ()}:
            del case.headers[name]
        # A cursor is what a page gave; no description can say which texts those are.
        if positive and case.query:
            case.query.pop("cursor", None)
        if self.sent % 2 and positive:
            case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters if name in KNOWN})
        # A made-up token is slowed down at an address that brings many of them.
        with requests.Session() as session:
            session.mount(self._url, FromElsewhere(self.sent))
            answer = case.call(base_url=self._url, headers=self._headers, timeout=20, session=session)
            case.validate_response(answer, checks=self._checks(case), headers=self._headers)
        for text in self._foreign:
            assert text not in answer.text, (case.as_curl_command(), answer.text)

    def _checks(self, case: Any) -> list[Any]:
        found: list[Any] = list(CHECKS)
        if self._headers:
            found.append(ignored_auth)
            # A tenant's token is answered 404 for what is not its own before anything else is looked at.
            found.append(negative_data_rejection)
            # Whether a change is right depends on what is there besides: keys that are taken or must stay, references,
            # revisions (If-Match), rules between fields. A description cannot say it, so only reads must be accepted.
            if case.method.upper() == "GET":
                found.append(positive_data_acceptance)
        return found


def main(arguments: list[str]) -> int:
    """Fuzz until the time is over; 1 where anything was found."""
    url, seconds, *rest = arguments
    fuzzer = ApiFuzzer(url, rest[0] if rest and rest[0] else None, tuple(rest[1:]))
    found: dict[str, str] = {}
    until, number = time.monotonic() + float(seconds), 0
    while time.monotonic() < until:
        number += 1
        for operation in fuzzer.operations():
            if time.monotonic() >= until:
                break
            for mode in GenerationMode:
                try:
                    fuzzer.fuzz(operation, mode, 5, number)
                except (Exception, BaseExceptionGroup) as error:
                    kinds = sorted({type(one).__name__ for one in getattr(error, "exceptions", [error])})
                    name = f"{operation.definition.raw['operationId']} {mode.value} {', '.join(kinds)}"
                    if name not in found:
                        found[name] = str(error)
                        print(f"== {name}\n{str(error)[:1800]}\n", flush=True)
    print(f"{fuzzer.sent} requests, {number} rounds, {len(found)} findings", *found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The HTTP API fuzzed from its own description: no fault of ours, no answer that the description does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests.adapters import HTTPAdapter
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from admin_api.openapi import document
from tests.e2e.ports import Ports
from tests.e2e.server import Server
from tests.e2e.test_api import token

EXAMPLES = {"platform": 2, "tenant": 1, "nobody": 1}
BOTH = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
MODES = {"platform": BOTH, "tenant": BOTH[:1], "nobody": BOTH[:1]}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = {"tenant": "demo", "extension": "1001", "device": "1001"}
"""Parts of paths that lead somewhere: half of the requests get these."""


class FromElsewhere(HTTPAdapter):
    """Connects from an address on loopback of its own."""

    def __init__(self, number: int) -> None:
        high, low = divmod(number, 250)
        self._source = (f"127.8.{high % 250}.{low + 1}", 0)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, source_address=self._source)


@pytest.fixture(scope="module")
def server(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(
        tmp_path_factory.mktemp("fuzz"),
        ports,
        "--demo",
        environment={"CORDBOARD_HTTP_REQUESTS_PER_MINUTE": "0", "CORDBOARD_LOG_LEVEL": "warning"},
    )
    try:
        yield made.start()
    finally:
        made.end()
    made.check_log()


@pytest.mark.parametrize("who", ["platform", "tenant", "nobody"])
def test_whatever_is_sent(server: Server, who: str) -> None:
    url = f"http://{server.host}:{server.http_port}"
    options = {"platform": (), "tenant": ("--role", "tenant", "--tenant", "demo")}
    headers = {} if who == "nobody" else {"Authorization": f"Bearer {token(server, *options[who])}"}
    schema: Any = schemathesis.openapi.from_dict(document("0"))
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        def send(case: Any) -> None:
            nonlocal asked
            asked += 1
            if asked % 2:
                case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters if name in KNOWN})
            # A made-up token is slowed down at an address that brings many of them.
            with requests.Session() as session:
                session.mount(url, FromElsewhere(asked))
                answer = case.call(base_url=url, headers=headers, timeout=20, session=session)
            case.validate_response(answer, checks=CHECKS, headers=headers)

        for mode in MODES[who]:
            try:
                strategy = operation.as_strategy(generation_mode=mode)
            except Exception as error:
                if "negative" not in str(error).lower():
                    raise
                continue
            settings(
                max_examples=EXAMPLES[who],
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=strategy)(send))()
    assert asked > 60

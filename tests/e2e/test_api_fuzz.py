"""The HTTP API fuzzed from its own description: no fault of ours, no answer that the description does not know."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from schemathesis import GenerationMode

from tests.e2e.api_client import ApiClient
from tests.e2e.api_fuzzer import ApiFuzzer
from tests.e2e.ports import Ports
from tests.e2e.server import Server
from tests.e2e.test_api import token

ROUND_S = 12.0
"""For each identity: after this, what remains is left to a later run, but for one request of each operation."""
LEAST = 60
ROLES = {"platform": (), "tenant": ("--role", "tenant", "--tenant", "demo")}
FOREIGN = ("canary-far.example", "canary-name")


@pytest.fixture(scope="module")
def server(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo, and a tenant whose words nobody else may read."""
    made = Server(
        tmp_path_factory.mktemp("fuzz"),
        ports,
        "--demo",
        environment={"CORDBOARD_HTTP_REQUESTS_PER_MINUTE": "0", "CORDBOARD_LOG_LEVEL": "warning"},
    )
    try:
        made.start()
        api = ApiClient(made, token(made))
        api.post("tenants", {"key": "other", "domain": FOREIGN[0]})
        api.post("tenants/other/extensions", {"number": "7777", "name": FOREIGN[1]})
        yield made
    finally:
        made.end()
    made.check_log()


@pytest.mark.parametrize("who", ["tenant", "nobody", "platform"])
def test_whatever_is_sent(server: Server, who: str) -> None:
    # The platform comes last: it may well delete the tenants of the others.
    secret = None if who == "nobody" else token(server, *ROLES[who])
    url = f"http://{server.host}:{server.http_port}"
    fuzzer = ApiFuzzer(url, secret, () if who == "platform" else FOREIGN)
    until, number = time.monotonic() + ROUND_S, 1
    while number == 1 or time.monotonic() < until:
        for operation in fuzzer.operations():
            if number > 1 and time.monotonic() >= until:
                break
            for mode in GenerationMode:
                fuzzer.fuzz(operation, mode, 1, number)
        number += 1
    assert fuzzer.sent > LEAST

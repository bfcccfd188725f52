"""The HTTP API of a real server: from an empty tenant to a call, who may do what, and what is refused how."""

from __future__ import annotations

import re
import shlex
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import trustme

from admin_api.endpoints import ENDPOINTS
from admin_api.token_book import TokenBook
from pbx.records.object_view import time_text
from tests.e2e.api_client import Answer, ApiClient
from tests.e2e.conftest import Phones
from tests.e2e.ports import Ports
from tests.e2e.script_phone import talk
from tests.e2e.server import ROOT, Server
from tests.e2e.test_command import cordboard
from tests.e2e.wait import wait_until

PASSWORD = "correct-horse-battery"
PARTS = {"tenant": "one", "extension": "1001", "device": "1001", "number": "*60", "did": "+4930", "trunk": "line",
         "room": "8000", "leg": "01", "token": "none", "call": "01M7X1G5KZ32VQQ0FS6K0YM6FJ",
         "recording": "01M7X1G5KZ32VQQ0FS6K0YM6FJ-1",
         "version": "1"}  # fmt: skip


@pytest.fixture(scope="module")
def server(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An empty server, but for tenants `one` and `two`, each with extension 1001; no limit on requests."""
    made = Server(tmp_path_factory.mktemp("api"), ports, environment={"CORDBOARD_HTTP_REQUESTS_PER_MINUTE": "0"})
    try:
        made.start()
        api = ApiClient(made, token(made))
        for name in ("one", "two"):
            api.post("tenants", {"key": name, "domain": f"{name}.example", "own_address": name == "one",
                                 "digest_algorithms": ["MD5"]})  # fmt: skip
            device = {"password": PASSWORD, "max_contacts": 5}
            api.post(f"tenants/{name}/extensions", {"number": "1001", "name": "Ann", "devices": [device]})
        api.post("trunks", {"name": "line", "peers": [{"host": "192.0.2.7"}]})
        yield made
    finally:
        made.end()
    made.check_log()


def token(server: Server, *options: str) -> str:
    """A token as the command makes it: of the platform, unless `options` say otherwise."""
    role = () if "--role" in options else ("--role", "platform")
    done = cordboard("token", "create", *role, *options, "--data", str(server.data))
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.strip()


@pytest.fixture(scope="module")
def api(server: Server) -> ApiClient:
    return ApiClient(server, token(server))


def test_from_nothing_to_a_call_and_back(server: Server, api: ApiClient, phones: Phones) -> None:
    """Extensions are made, their phones register and call, the record is read, an extension is deleted."""
    made = api.ask("POST", "tenants/one/extensions", {"number": "2001", "devices": [{"password": PASSWORD}]})
    assert (made.status, made.headers["location"]) == (201, "/api/v1/tenants/one/extensions/2001")
    assert PASSWORD not in str(made.body)
    assert "ha1" not in str(made.body)
    api.post("tenants/one/extensions", {"number": "2002"})
    api.post("tenants/one/extensions/2002/devices", {"password": PASSWORD})
    ann = phones.scripted(server, "2001", password=PASSWORD)
    ben = phones.scripted(server, "2002", registered=True, password=PASSWORD)
    (bound,) = api.get("tenants/one/registrations?device=2002")["items"]
    assert bound["tenant"] == "one"
    usage, _ = talk(ann, ben)
    (call,) = api.get("tenants/one/calls")["items"]
    assert (call["from"], call["to"], call["state"]) == ("2001", "2002", "up")
    assert api.get(f"tenants/one/calls/{call['id']}")["id"] == call["id"]
    ann.hang_up(usage)
    ben.expect_bytes(b"BYE ")
    found = wait_until(
        lambda: api.get("tenants/one/cdrs?number=2001&result=answered")["items"] or None, 10, "the record"
    )
    assert [one["id"] for one in found] == [call["id"]]
    assert api.get("tenants/one/cdrs?number=2001&result=busy")["items"] == []
    assert len(api.get(f"cdrs/{call['id']}")["legs"]) == 2
    types = [one["type"] for one in api.get(f"tenants/one/calls/{call['id']}/events")["items"]]
    assert types[0] == "call.created"
    assert "call.ended" in types
    assert api.change("DELETE", "tenants/one/extensions/2001").status == 204
    assert api.ask("GET", "tenants/one/extensions/2001").status == 404
    answer = ann.register()
    assert answer.status in (401, 403), answer
    assert api.change("DELETE", "tenants/one/extensions/2002/devices/2002").status == 204
    assert api.get("tenants/one/registrations?device=2002")["items"] == []
    assert api.change("DELETE", "tenants/one/extensions/2002").status == 204


def test_revisions_and_where_used(api: ApiClient) -> None:
    api.post("tenants/one/extensions", {"number": "3001"})
    path = "tenants/one/extensions/3001"
    read = api.ask("GET", path)
    assert api.ask("PATCH", path, {"name": "B"}).status == 428
    done = api.ask("PATCH", path, {"name": "B"}, {"If-Match": read.headers["etag"]})
    assert (done.status, done.body["name"]) == (200, "B")
    assert api.ask("PATCH", path, {"name": "C"}, {"If-Match": read.headers["etag"]}).status == 412
    back = api.ask("PUT", path, done.body, {"If-Match": done.headers["etag"]})
    assert (back.status, back.body["name"]) == (200, "B")
    assert api.change("PATCH", path, {"name": None}).body["name"] is None
    api.post("tenants/one/numbers", {"number": "*61", "dest": {"type": "extension", "number": "3001"}})
    used = api.change("DELETE", path)
    assert (used.status, used.body["used_by"]) == (409, [{"kind": "number", "tenant": "one", "key": "*61"}])
    assert api.change("DELETE", "tenants/one/numbers/*61").status == 204
    preview = api.ask("DELETE", path + "?dry_run=true", None, {"If-Match": "*"})
    assert (preview.status, preview.body["deleted"]) == (200, 1)
    assert api.change("DELETE", path).status == 204


def test_a_password_outlives_other_changes(api: ApiClient, server: Server, phones: Phones) -> None:
    api.post("tenants/one/extensions", {"number": "3101", "devices": [{"password": PASSWORD}]})
    phone = phones.scripted(server, "3101", password=PASSWORD)
    assert api.change("PATCH", "tenants/one/extensions/3101", {"name": "X"}).status == 200
    assert api.change("PUT", "tenants/one/extensions/3101/devices/3101", {"max_contacts": 2}).body["max_contacts"] == 2
    assert phone.register().status == 200
    assert phone.register(0).status == 200
    assert api.change("DELETE", "tenants/one/extensions/3101").status == 204


def test_many_at_once(api: ApiClient) -> None:
    rows = [{"number": f"40{index:02}"} for index in range(20)]
    wrong = [*rows, {"number": "x"}, {"number": "1001"}]
    refused = api.ask("POST", "tenants/one/extensions", wrong)
    assert refused.status == 422
    assert [row["result"] for row in refused.body["rows"]].count("refused") == 1  # 1001 is found with the others
    assert api.get("tenants/one/extensions?number=40")["items"] == []
    some = api.ask("POST", "tenants/one/extensions?atomic=false", wrong)
    assert (some.status, some.body["done"]) == (207, 20)
    assert [row["row"] for row in some.body["rows"] if row["result"] == "refused"] == [20, 21]
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"tenants/one/extensions?number=40&limit=7&sort=-key{cursor}")
        assert page["total"] == 20
        seen += [one["number"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [row["number"] for row in rows][::-1]
    before = next(one["version"] for one in api.get("versions")["items"][1:])
    assert api.ask("POST", f"versions/{before}/restore").body["deleted"] == 20


def test_sent_twice_done_once(api: ApiClient) -> None:
    key = {"Idempotency-Key": "a-1"}
    first = api.ask("POST", "tenants/one/extensions", {"number": "5001"}, key)
    again = api.ask("POST", "tenants/one/extensions", {"number": "5001"}, key)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert api.ask("POST", "tenants/one/extensions", {"number": "5002"}, key).status == 422
    made = api.ask("POST", "tokens", {"name": "t"}, {"Idempotency-Key": "a-2"})
    replay = api.ask("POST", "tokens", {"name": "t"}, {"Idempotency-Key": "a-2"})
    assert (made.body["id"], replay.body["secret"]) == (replay.body["id"], None)
    assert api.ask("DELETE", f"tokens/{made.body['id']}").status == 204


def test_what_outlives_a_restart(ports: Ports, tmp_path: Path) -> None:
    """Answers to requests sent again, and when a token was last used."""
    made = Server(tmp_path / "server", ports)
    try:
        made.start()
        secret, key = token(made), {"Idempotency-Key": "over-the-night"}
        first = ApiClient(made, secret).ask("POST", "tenants", {"key": "one", "domain": "one.example"}, key)
        used = ApiClient(made, secret).get("tokens")["items"][0]["last_used"]
        made.end()
        made.start()
        api = ApiClient(made, secret)
        again = api.ask("POST", "tenants", {"key": "one", "domain": "one.example"}, key)
        assert (first.status, again.status, again.body) == (201, 201, first.body)
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["idempotency-replayed"] == "true"
        assert api.ask("POST", "tenants", {"key": "two", "domain": "two.example"}, key).status == 422
        assert api.get("tenants")["total"] == 1
        book = TokenBook()
        with closing(sqlite3.connect(made.data / "cordboard.db")) as connection:
            book.remember(dict(connection.execute("SELECT token, at_ms FROM token_uses")))
        noted = book.last_used_ms(secret.split("_")[1])
        assert noted is not None
        assert used == time_text(noted)
    finally:
        made.end()
    made.check_log()


@pytest.mark.parametrize(
    ("method", "path", "raw", "headers", "status", "detail"),
    [
        ("POST", "tenants", b"{", {}, 400, "the body is not JSON"),
        ("POST", "tenants", b"[" * 50 + b"]" * 50, {}, 400, "deeper than 16"),
        ("POST", "tenants", b'{"a": 1, "a": 2}', {}, 400, "given twice"),
        ("POST", "tenants", b'{"key": NaN}', {}, 400, "is no number"),
        ("POST", "tenants", b'{"key": "\\ud800"}', {}, 400, "not UTF-8"),
        ("POST", "tenants", b"\xff", {}, 400, "not UTF-8"),
        ("POST", "tenants", b"{}", {"Content-Type": "text/plain"}, 415, "application/json"),
        ("POST", "tenants", b" " * (5 << 20), {}, 413, "Too Large"),
        ("POST", "tenants", b'{"key": "three", "domain": "d.example", "colour": 1}', {}, 422, "colour: is no setting"),
        ("POST", "tenants", b'{"key": 3, "domain": "d.example"}', {}, 422, "key: must be text"),
        ("POST", "tenants", b'{"key": "one", "domain": "d.example"}', {}, 409, "tenant one exists already"),
        ("POST", "tenants", b'{"key": "three", "domain": "one.example"}', {}, 409, "belongs to tenant one"),
        ("GET", "tenants?colour=1", None, {}, 400, "allowed: limit | cursor | sort"),
        ("GET", "tenants?limit=501", None, {}, 422, "1-500"),
        ("GET", "tenants?sort=colour", None, {}, 422, "key | -key"),
        ("GET", "tenants?cursor=abc", None, {}, 400, "cursor"),
        ("GET", "nothing", None, {}, 404, "Not Found"),
        ("GET", "tenants/three/extensions", None, {}, 404, "there is no tenant 'three'"),
        ("DELETE", "tenants", None, {}, 405, "Method Not Allowed"),
    ],
)
def test_what_is_refused_and_how(
    api: ApiClient, method: str, path: str, raw: bytes | None, headers: dict[str, str], status: int, detail: str
) -> None:
    answer = api.ask(method, path, None, headers, raw)
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert detail in answer.body["detail"]
    if status == 405:
        assert answer.headers["allow"] == "GET,HEAD,POST"


def test_frame(server: Server, api: ApiClient) -> None:
    """Headers, HEAD, OPTIONS, the pages that need no token."""
    answer = api.ask("GET", "tenants", None, {"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert (api.ask("HEAD", "tenants").status, api.ask("HEAD", "tenants").body) == (200, None)
    options = api.ask("OPTIONS", "tenants/one/extensions/1001")
    assert (options.status, options.headers["allow"]) == (204, "DELETE,GET,HEAD,OPTIONS,PATCH,PUT")
    nobody = ApiClient(server)
    assert nobody.get("openapi.json")["openapi"] == "3.1.0"
    page = nobody.ask("GET", "/docs")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not re.findall(r"(?:src|href)='(?!/api)", page.body)
    assert nobody.ask("GET", "/metrics").status == 200


def test_what_is_no_http_leaves_no_trace_in_the_log(server: Server) -> None:
    for raw in (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n"):
        with closing(socket.create_connection((server.host, server.http_port), timeout=10)) as peer:
            peer.sendall(raw)
            assert peer.recv(4096).startswith(b"HTTP/1.0 400 ") or raw[:1] == b"\x16"
    assert "BadHttpMessage" not in server.log()
    assert "Traceback" not in server.log()


def _identities(server: Server) -> dict[str, ApiClient]:
    revoked = token(server)
    assert cordboard("token", "revoke", revoked, "--data", str(server.data)).returncode == 0
    own = ("--role", "tenant", "--tenant", "one")
    return {
        "none": ApiClient(server),
        "revoked": ApiClient(server, revoked, wandering=True),
        "elsewhere": ApiClient(server, token(server, "--from", "192.0.2.0/24"), wandering=True),
        "foreign": ApiClient(server, token(server, "--role", "tenant", "--tenant", "two")),
        "reader": ApiClient(server, token(server, "--read-only")),
        "own reader": ApiClient(server, token(server, *own, "--read-only")),
        "own": ApiClient(server, token(server, *own)),
    }


@pytest.fixture(scope="module")
def identities(server: Server) -> dict[str, ApiClient]:
    return _identities(server)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_who_may_do_what(identities: dict[str, ApiClient], endpoint: object) -> None:
    """Every endpoint with every identity that is not to have it."""
    one = next(found for found in ENDPOINTS if found is endpoint)
    path = one.path.format(**PARTS).lstrip("/")

    def ask(who: str) -> Answer:
        return identities[who].ask(one.method, path, None, {"If-Match": "*"}, b"{" if one.content else None)

    for who in ("none", "revoked", "elsewhere"):
        assert ask(who).status == 401, who
    # Nothing tells whether it is there.
    assert ask("foreign").status == 404
    if one.write:
        assert ask("reader").status == 403
        assert ask("own reader").status == (403 if one.scoped else 404)
        if not (one.scoped and one.tenant_writes):
            assert ask("own").status == (403 if one.scoped else 404)
    elif not one.scoped:
        assert ask("own").status == 404


def test_no_token_makes_a_stronger_one(server: Server, identities: dict[str, ApiClient]) -> None:
    made = identities["own"].post("tenants/one/tokens", {"name": "child", "expires_days": 1})
    assert (made["role"], made["tenant"]) == ("tenant", "one")
    child = ApiClient(server, made["secret"])
    assert child.ask("POST", "tenants/one/tokens", {"name": "grandchild"}).status == 422
    assert child.ask("POST", "tenants/one/tokens", {"expires_days": 1}).status in (201, 422)
    listed = child.get("tenants/one/tokens")["items"]
    assert {one["tenant"] for one in listed} == {"one"}
    assert "secret" not in listed[0]
    assert child.ask("DELETE", f"tenants/one/tokens/{made['id']}").status == 204
    assert child.ask("GET", "tenants/one/extensions").status == 401


def test_wrong_tokens_are_told_without_being_shown(server: Server, identities: dict[str, ApiClient]) -> None:
    secret = "cbt_" + "a" * 12 + "_" + "Z" * 38
    assert ApiClient(server, secret).ask("GET", "tenants").status == 401
    assert "wrong token" in server.log()
    assert secret not in server.log()


def test_the_examples_of_the_page(server: Server, api: ApiClient) -> None:
    """Every curl of docs/api.md does what the page says."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = [one for block in blocks for one in re.split(r"\n(?=curl )", block) if one.startswith("curl ")]
    assert len(commands) > 15
    secret = token(server)
    for command in commands:
        line = command.replace("\\\n", " ").replace("https://pbx.example", f"http://{server.host}:{server.http_port}")
        line = line.replace("versions/41", f"versions/{api.get('versions?limit=1')['items'][0]['version']}")
        words = shlex.split(line.replace("$TOKEN", secret), comments=True)
        done = subprocess.run(
            [*words, "--silent", "--show-error", "--output", "-", "--write-out", "\n%{http_code}"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        status = done.stdout.rpartition("\n")[2]
        wanted = re.search(r"# (\d{3})", command)
        assert status == (wanted[1] if wanted else "200"), (command, done.stdout, done.stderr)


def test_off_loopback_it_takes_tls_or_a_proxy(tmp_path: Path) -> None:
    done = cordboard("serve", "--data", str(tmp_path), CORDBOARD_HTTP_LISTEN="0.0.0.0")
    assert done.returncode == 78
    assert "tokens would travel in clear" in done.stderr


def test_tls_with_a_proxy_in_front(ports: Ports, tmp_path: Path) -> None:
    """A certificate is shown; the address that the proxy names is the one that counts; metrics take a token."""
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "http.pem")
    server = Server(
        tmp_path / "server",
        ports,
        environment={
            "CORDBOARD_HTTP_TLS_CERTIFICATE": str(tmp_path / "http.pem"),
            "CORDBOARD_HTTP_BEHIND_PROXY": "true",
        },
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def status(path: str, secret: str | None, source: str) -> int:
        connection = HTTPSConnection("localhost", server.http_port, timeout=10, context=context)
        headers = {"X-Forwarded-For": f"192.0.2.1, {source}"}
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    try:
        server.start()
        bound, everywhere = token(server, "--from", "192.0.2.0/24"), token(server)
        assert status("/api/v1/tenants", bound, "192.0.2.9") == 200
        assert status("/api/v1/tenants", bound, "198.51.100.9") == 401
        assert status("/metrics", None, "192.0.2.9") == 401
        assert status("/metrics", everywhere, "192.0.2.9") == 200
        assert status("/healthz", None, "192.0.2.9") == 200
    finally:
        server.end()
    server.check_log()

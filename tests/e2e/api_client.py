"""API client: requests to a server's HTTP port as any program would make them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from typing import Any

from tests.e2e.server import Server


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers in small letters, and the document; None where there is no body."""

    status: int
    headers: dict[str, str]
    body: Any


class ApiClient:
    """Speaks with one token, or with none."""

    def __init__(self, server: Server, token: str | None = None, *, wandering: bool = False) -> None:
        """`wandering`: every request comes from another address, so that wrong tokens are not slowed down."""
        self._server = server
        self._token = token
        self._sources = count(1) if wandering else None

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, raw: bytes | None = None
    ) -> Answer:
        """One request; a `body` goes as JSON, `raw` as it is."""
        sent = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        data = raw if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        source = None
        if self._sources is not None:
            high, low = divmod(next(self._sources), 250)
            source = (f"127.9.{high}.{low + 1}", 0)
        connection = HTTPConnection(self._server.host, self._server.http_port, timeout=30, source_address=source)
        try:
            connection.request(
                method, path if path.startswith("/") else f"/api/v1/{path}", data, sent | (headers or {})
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        is_json = "json" in found.get("content-type", "")
        if found.get("content-type", "").startswith("audio/"):
            return Answer(answer.status, found, text)
        return Answer(answer.status, found, json.loads(text) if text and is_json else text.decode() or None)

    def get(self, path: str) -> Any:
        """The document of a resource that must be there."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: Any) -> Any:
        """Create something; the document of what was made."""
        answer = self.ask("POST", path, body)
        assert answer.status == 201, answer
        return answer.body

    def change(self, method: str, path: str, body: Any = None) -> Answer:
        """PUT, PATCH or DELETE of whatever is there."""
        return self.ask(method, path, body, {"If-Match": "*"})

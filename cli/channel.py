"""Channel: requests to the running server over its control socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

CONTROL_SOCKET = "control.sock"
TIMEOUT_S = 15.0

Json = dict[str, Any]


class NotRunning(Exception):
    """No server answers at the socket."""


class Refused(Exception):
    """The server answered, and did not do it; the text is its own, and so is `answer`, the whole document."""

    def __init__(self, text: str, answer: Json | None = None) -> None:
        super().__init__(text)
        self.answer = answer or {}


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, directory: Path, timeout_s: float) -> None:
        super().__init__("cordboard", timeout=timeout_s)
        self._directory = directory

    def connect(self) -> None:
        # By way of the folder's descriptor: a socket's path has 107 bytes at the most (unix(7)).
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
        finally:
            os.close(folder)


class Channel:
    """The API of the server whose data directory this is. Each call raises NotRunning or Refused."""

    def __init__(self, directory: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._directory = directory
        self._timeout_s = timeout_s

    def get(self, *path: str, **query: str | int | None) -> Json:
        """GET of a resource by the parts of its path."""
        return self._document(self._ask("GET", path, query))

    def post(self, *path: str, body: Json | bytes | None = None, **query: str | int | None) -> Json:
        """POST, with JSON (bytes: made already) or without a body."""
        made = json.dumps(body).encode() if isinstance(body, dict) else body
        return self._document(self._ask("POST", path, query, made))

    def patch(self, *path: str, body: Json) -> Json:
        """PATCH of a resource with JSON."""
        return self._document(self._ask("PATCH", path, {}, json.dumps(body).encode()))

    def delete(self, *path: str) -> Json:
        """DELETE of a resource; {} where the answer has no body."""
        data = self._ask("DELETE", path, {})
        return self._document(data) if data else {}

    def text(self, *path: str, **query: str | int | None) -> str:
        """GET of what is text."""
        return self._ask("GET", path, query).decode("utf-8", "replace")

    @property
    def _place(self) -> Path:
        return self._directory / CONTROL_SOCKET

    def _document(self, data: bytes) -> Json:
        found = _json(data)
        if found is None:
            raise Refused(f"the server at {self._place} answered with something else than an object")
        return found

    def _ask(
        self, method: str, path: tuple[str, ...], query: dict[str, str | int | None], body: bytes | None = None
    ) -> bytes:
        place = self._place
        chosen = urlencode({name: value for name, value in query.items() if value is not None})
        where = "/api/v1/" + "/".join(quote(part, safe="") for part in path) + (f"?{chosen}" if chosen else "")
        connection = _Connection(self._directory, self._timeout_s)
        try:
            connection.request(method, where, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            data = answer.read()
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise NotRunning(f"no server answers at {place}: is it running? (--data names its directory)") from None
        except PermissionError:
            raise Refused(f"{place} is not for you: be root or the user that the server runs as") from None
        except TimeoutError:
            wait = f"{self._timeout_s:g} s"
            raise Refused(f"the server at {place} gave no answer within {wait}; its log may say why") from None
        except (OSError, http.client.HTTPException) as error:
            raise Refused(f"the server at {place} broke off: {error!r}") from None
        finally:
            connection.close()
        if answer.status >= 400:
            found = _json(data) or {}
            raise Refused(str(found.get("detail", f"HTTP status {answer.status}")), found)
        return data


def _json(data: bytes) -> Json | None:
    """An object; None for anything else."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

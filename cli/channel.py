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
    """The server answered, and did not do it; the text is its own."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, directory: Path) -> None:
        super().__init__("cordboard", timeout=TIMEOUT_S)
        self._directory = directory

    def connect(self) -> None:
        # By way of the folder's descriptor: a socket's path has 107 bytes at the most (unix(7)).
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(TIMEOUT_S)
            self.sock.connect(f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
        finally:
            os.close(folder)


class Channel:
    """The API of the server whose data directory this is. Each call raises NotRunning or Refused."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, *path: str, **query: str | int | None) -> Json:
        """GET of a resource by the parts of its path."""
        chosen = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", path, f"?{urlencode(chosen)}" if chosen else "")

    def post(self, *path: str) -> Json:
        """POST without a body."""
        return self._ask("POST", path, "")

    def _ask(self, method: str, path: tuple[str, ...], query: str) -> Json:
        place = self._directory / CONTROL_SOCKET
        connection = _Connection(self._directory)
        try:
            connection.request(method, "/api/v1/" + "/".join(quote(part, safe="") for part in path) + query)
            answer = connection.getresponse()
            found = json.loads(answer.read())
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise NotRunning(f"no server answers at {place}: is it running? (--data names its directory)") from None
        except PermissionError:
            raise Refused(f"{place} is not for you: be root or the user that the server runs as") from None
        except TimeoutError:
            raise Refused(f"the server at {place} gave no answer within {TIMEOUT_S:g} s; its log may say why") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Refused(f"the server at {place} broke off: {error!r}") from None
        finally:
            connection.close()
        if not isinstance(found, dict):
            raise Refused(f"the server at {place} answered with something else than an object")
        if answer.status >= 400:
            raise Refused(str(found.get("detail", f"HTTP status {answer.status}")))
        return found

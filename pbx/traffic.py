"""Traffic: SIP messages counted by method and by class of status; cheap, it runs for every message."""

from __future__ import annotations

METHODS = (
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
)
OTHER = "other"

_RESPONSE = b"SIP/"
_HEADS = {f"{method} "[:4].encode(): method for method in METHODS}
_CLASSES = {str(number).encode(): f"{number}xx" for number in range(1, 7)}


class Traffic:
    """Counts of one direction. A method or status that nobody knows counts as `other`, so the names are bounded."""

    __slots__ = ("_requests", "_responses", "_strange")

    def __init__(self) -> None:
        self._requests = dict.fromkeys(_HEADS, 0)
        self._responses = dict.fromkeys(_CLASSES, 0)
        self._strange = 0

    def count(self, message: bytes) -> None:
        """Count one message by its first bytes; whether it is one at all is not looked at."""
        head = message[:4]
        if head == _RESPONSE:
            digit = message[8:9]
            if digit in self._responses:
                self._responses[digit] += 1
                return
        elif head in self._requests:
            self._requests[head] += 1
            return
        self._strange += 1

    def requests(self) -> dict[str, int]:
        """Requests by method, those without name among them."""
        return {method: self._requests[head] for head, method in _HEADS.items()} | {OTHER: self._strange}

    def responses(self) -> dict[str, int]:
        """Responses by class: 1xx to 6xx."""
        return {name: self._responses[digit] for digit, name in _CLASSES.items()}

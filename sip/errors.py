"""Errors of the SIP room: the peer's fault against our own."""

from __future__ import annotations

from typing import Any


class SipError(Exception):
    """Base of every error that this package raises on purpose."""


class MalformedMessage(SipError):
    """The peer sent something that cannot be understood (RFC 3261 §16.3, §18.3, §21.4.1).

    `status` is the SIP status of the answer, `reason` says what is wrong, `where` names the header field or
    the part of the message, `request` holds what could be read (a `sip.message.Request`), so that a stateless
    answer can copy Via, From, To, Call-ID and CSeq from it. Without it there is nobody to answer: drop the message.
    """

    def __init__(self, reason: str, where: str = "message", status: int = 400, request: Any = None) -> None:
        super().__init__(reason, where, status)
        self.reason = reason
        self.where = where
        self.status = status
        self.request = request

    def __str__(self) -> str:
        return f"{self.where}: {self.reason} (answer {self.status})"


class MalformedHeader(MalformedMessage):
    """One header field or URI of the peer breaks its grammar; `where` names it."""


class LocalError(SipError):
    """Our own caller asked for something that SIP cannot say; nothing was sent."""

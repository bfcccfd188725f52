"""Finder: the call that a person means by the beginning of its id, or by `last`."""

from __future__ import annotations

from http import HTTPStatus

from admin_api.problem import Problem
from admin_api.running import Running, asked
from pbx.events import CallCreated
from pbx.session import Session

LAST = "last"
ID_LETTERS = 26
_LETTERS = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


async def find_call(running: Running, text: str) -> str:
    """The id of the call that `text` names, live or over.

    Raises Problem: 404 where there is none, 409 where several begin so, 503 where the records cannot be asked.
    """
    prefix = "" if text.lower() == LAST else text.upper()
    if not _LETTERS.issuperset(prefix):
        raise Problem(HTTPStatus.NOT_FOUND, f"{text!r} is no call id: those have 26 letters and digits")
    live = {session.call.id for session in running.sessions()}
    if prefix in live:
        return prefix
    found = {one for one in live if one.startswith(prefix)} | set(await _recorded(running, prefix))
    if not found:
        what = "there was no call yet" if not prefix else f"no call has an id that begins with {text!r}"
        raise Problem(HTTPStatus.NOT_FOUND, what)
    if not prefix:
        return max(found)
    if len(found) > 1:
        some = ", ".join(sorted(found, reverse=True)[:3])
        raise Problem(
            HTTPStatus.CONFLICT, f"several calls begin with {text!r}, the newest: {some}; give more of the id"
        )
    return found.pop()


async def _recorded(running: Running, prefix: str) -> list[str]:
    return await asked(running.records.find_calls(prefix, 3))


async def find_own_call(running: Running, text: str, tenant: str) -> str:
    """The same for a tenant, by the whole id alone: nothing is said of the calls of others.

    Raises Problem: 404 where the tenant has no such call, 503 where the records cannot be asked.
    """
    call = text.upper()
    session = session_of(running, call) if len(call) == ID_LETTERS and _LETTERS.issuperset(call) else None
    owner = None if session is None else session.call.tenant
    if session is None and len(call) == ID_LETTERS and _LETTERS.issuperset(call):
        events = await asked(running.records.events(call))
        owner = next((one.event.tenant for one in events if isinstance(one.event, CallCreated)), None)
    if owner != tenant:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no call {text[:40]!r}")
    return call


def session_of(running: Running, call: str) -> Session | None:
    """The session of a live call."""
    return next((session for session in running.sessions() if session.call.id == call), None)

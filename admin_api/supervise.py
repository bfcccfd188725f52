"""Supervise: a supervisor's phone rings, and hears a call when it is answered."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from admin_api.body import read_json
from admin_api.call_view import Json
from admin_api.finder import find_own_call, session_of
from admin_api.problem import Problem
from admin_api.running import RUNNING
from admin_api.serving import author_of
from pbx.inbox import Errand
from pbx.session import Session
from pbx.supervision import CannotSupervise, Mode, Supervision
from pbx.targets import extension_targets

WISH: Final[Json] = {
    "type": "object",
    "description": "Who shall hear the call, and who hears them: nobody, the called party alone, or both.",
    "properties": {
        "extension": {"type": "string", "pattern": "^[0-9]{2,8}$"},
        "mode": {"type": "string", "enum": [mode.value for mode in Mode]},
    },
    "required": ["extension", "mode"],
    "additionalProperties": False,
}
_WAIT_S: Final = 2.0


async def supervise_call(request: web.Request) -> web.Response:
    """POST /tenants/{tenant}/calls/{call}/supervise: ring an extension, or change the mode of one that hears it."""
    running = request.app[RUNNING]
    wish, _ = await read_json(request)
    extension, mode = _checked(wish)
    call = await find_own_call(running, request.match_info["call"], request.match_info["tenant"])
    session = session_of(running, call)
    if session is None:
        raise Problem(HTTPStatus.CONFLICT, f"call {call} is over already")
    done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def act() -> None:
        if not done.done():
            done.set_result(_begin(session, extension, mode, author_of(request)))

    session.post(Errand(act))
    try:
        refusal = await asyncio.wait_for(done, _WAIT_S)
    except TimeoutError:
        refusal = f"call {call} has just ended"
    if refusal is not None:
        raise Problem(HTTPStatus.CONFLICT, refusal)
    return web.json_response({"call": call, "extension": extension, "mode": mode.value}, status=HTTPStatus.ACCEPTED)


def _begin(session: Session, extension: str, mode: Mode, by: str) -> str | None:
    """Begin or change the supervision of a call; why not, where it cannot be."""
    present = session.supervision
    if present is not None:
        if present.extension != extension:
            return f"extension {present.extension} supervises the call already"
        present.switch(mode, by)
        return None
    known = session.tenant.extension(extension)
    if known is None or not known.enabled:
        return f"tenant {session.tenant.key} has no extension {extension}"
    node = session.node
    try:
        targets = extension_targets(node.location, session.tenant, known, node.clock.now())
        Supervision(session, extension, mode, by).ring(targets)
    except CannotSupervise as error:
        return str(error)
    return None


def _checked(wish: Any) -> tuple[str, Mode]:
    """Extension and mode. Raises Problem (422)."""
    if not isinstance(wish, dict) or set(wish) != {"extension", "mode"}:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "give extension and mode, and nothing else")
    extension, mode = wish["extension"], wish["mode"]
    if not (isinstance(extension, str) and extension.isascii() and extension.isdigit() and 2 <= len(extension) <= 8):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "extension: give its number as text, 2 to 8 digits")
    if mode not in [one.value for one in Mode]:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"mode: give {' | '.join(one.value for one in Mode)}")
    return extension, Mode(mode)

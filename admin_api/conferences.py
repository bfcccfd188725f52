"""Conferences: the rooms that somebody is in, their members, and what may be done to one of these."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from admin_api.body import PATCH_TYPES, read_json
from admin_api.call_view import Json
from admin_api.problem import Problem
from admin_api.running import RUNNING
from admin_api.serving import query_of
from media.mix_state import GAINS_DB
from pbx.conference import Conference, Member

CHANGE: Final[Json] = {
    "type": "object",
    "description": "What is to change of a member.",
    "properties": {
        "muted": {"type": "boolean"},
        "deaf": {"type": "boolean"},
        "gain_db": {"type": "number", "minimum": GAINS_DB[0], "maximum": GAINS_DB[1]},
    },
    "additionalProperties": False,
    "minProperties": 1,
}
_SWITCHES: Final = ("muted", "deaf")


async def list_conferences(request: web.Request) -> web.Response:
    """GET /conferences: every room with somebody in it, the oldest first."""
    running, query = request.app[RUNNING], query_of(request)
    tenant = request.match_info.get("tenant", query.get("tenant"))
    begin, most = int(query["cursor"] or 0), query["limit"]
    rooms = [one for one in running.node.conferences.all() if tenant in (None, one.tenant)]
    now = running.clock.now()
    following = str(begin + most) if len(rooms) > begin + most else None
    rows = [_room(one, now) for one in rooms[begin : begin + most]]
    return web.json_response({"items": rows, "next": following, "total": len(rooms)})


async def show_conference(request: web.Request) -> web.Response:
    """GET /tenants/{tenant}/conferences/{room}: one room."""
    return web.json_response(_room(_found(request), request.app[RUNNING].clock.now()))


async def change_member(request: web.Request) -> web.Response:
    """PATCH …/members/{leg}: mute it, make it deaf, louder or softer."""
    room, member = _member(request)
    wish, _ = await read_json(request, PATCH_TYPES)
    room.change(member, **_checked(wish))
    return web.json_response(_row(member, request.app[RUNNING].clock.now()))


async def remove_member(request: web.Request) -> web.Response:
    """DELETE …/members/{leg}: put it out; it is told, and its call ends."""
    room, member = _member(request)
    room.remove(member)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _checked(wish: Any) -> dict[str, Any]:
    """The arguments of a change. Raises Problem (422)."""
    if not isinstance(wish, dict) or not wish or not set(wish) <= {*_SWITCHES, "gain_db"}:
        raise _refused("give some of muted, deaf, gain_db, and nothing else")
    for name in _SWITCHES:
        if name in wish and not isinstance(wish[name], bool):
            raise _refused(f"{name}: give true or false")
    if "gain_db" not in wish:
        return wish
    gain_db = wish["gain_db"]
    if isinstance(gain_db, bool) or not isinstance(gain_db, int | float) or not GAINS_DB[0] <= gain_db <= GAINS_DB[1]:
        raise _refused(f"gain_db: give a number from {GAINS_DB[0]:g} to {GAINS_DB[1]:g}")
    return wish | {"gain_db": float(gain_db)}


def _refused(text: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, text)


def _found(request: web.Request) -> Conference:
    tenant, name = request.match_info["tenant"], request.match_info["room"]
    room = request.app[RUNNING].node.conferences.find(tenant, name)
    if room is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"nobody is in a conference {name[:40]!r} of tenant {tenant}")
    return room


def _member(request: web.Request) -> tuple[Conference, Member]:
    room, leg = _found(request), request.match_info["leg"].upper()
    member = room.members.get(leg)
    if member is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"leg {leg[:40]!r} is not in conference {room.name}")
    return room, member


def _room(room: Conference, now: float) -> Json:
    return {
        "tenant": room.tenant,
        "room": room.name,
        "seconds": round(now - room.since),
        "max_members": room.rules.max_members,
        "members": [_row(member, now) for member in room.members.values()],
    }


def _row(member: Member, now: float) -> Json:
    leg = member.leg
    return {
        "leg": leg.id,
        "call": leg.call_id,
        "number": leg.number,
        "device": leg.device,
        "trunk": leg.trunk,
        "seconds": round(now - member.since),
        "talking": member.talking,
        "muted": member.muted,
        "deaf": member.deaf,
        "gain_db": member.gain_db,
    }

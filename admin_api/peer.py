"""Peer: who is at the other end of the control socket, as the kernel says."""

from __future__ import annotations

import os
import socket
import struct
from http import HTTPStatus

from aiohttp import web

from admin_api.identity import Identity, set_identity
from admin_api.problem import Handler, Problem

_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid of unix(7), SO_PEERCRED."""


def uid_of(request: web.Request) -> int | None:
    """The user at the other end; None where the connection is gone or not over a Unix socket."""
    peer = None if request.transport is None else request.transport.get_extra_info("socket")
    if peer is None or peer.family != socket.AF_UNIX:
        return None
    _, uid, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


@web.middleware
async def local_people(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets root and the server's own user in; nobody else, whatever the folder's permissions have become."""
    uid = uid_of(request)
    if uid not in (0, os.geteuid()):
        raise Problem(HTTPStatus.FORBIDDEN, f"user {uid} is neither root nor the user that the server runs as")
    set_identity(request, Identity(name=f"uid {uid}"))
    return await handler(request)

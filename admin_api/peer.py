"""Peer: who is at the other end of the control socket, as the kernel says."""

from __future__ import annotations

import os
import socket
import struct
from http import HTTPStatus

from aiohttp import web

from admin_api.problem import Handler, Problem

_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid of unix(7), SO_PEERCRED."""


@web.middleware
async def local_people(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets root and the server's own user in; nobody else, whatever the folder's permissions have become."""
    peer = None if request.transport is None else request.transport.get_extra_info("socket")
    if peer is None:
        raise Problem(HTTPStatus.FORBIDDEN, "the connection is gone")
    packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(packed)
    if uid not in (0, os.geteuid()):
        raise Problem(HTTPStatus.FORBIDDEN, f"user {uid} is neither root nor the user that the server runs as")
    return await handler(request)

"""Endpoints: everything that `/api/v1` serves, in one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from admin_api import devices, tokens
from admin_api.body import JSON_TYPES, PATCH_TYPES
from admin_api.calls import hang_up_call, list_calls, show_call, trace_call
from admin_api.collection import Collection
from admin_api.conferences import CHANGE, change_member, list_conferences, remove_member, show_conference
from admin_api.documents import document_endpoints
from admin_api.endpoint import Content, Endpoint, Reply
from admin_api.history import (
    CALL_CURSOR,
    CDR_FILTERS,
    CDR_SORT,
    EVENT_CURSOR,
    EVENT_FILTERS,
    OF_TENANT,
    list_call_events,
    list_cdrs,
    list_events,
    show_cdr,
)
from admin_api.query import CURSOR, DRY_RUN, LIMIT, Param
from admin_api.recordings import CURSOR as RECORDING_CURSOR
from admin_api.recordings import (
    OF_CALL,
    ORDER,
    delete_recording,
    list_recordings,
    order_recording,
    play_recording,
    show_recording,
)
from admin_api.registrations import delete_registration, list_registrations
from admin_api.resource import Resource
from admin_api.resources import RESOURCES
from admin_api.schemas import Schema, page, ref, shown_name, wish_name
from admin_api.status import show_status
from admin_api.supervise import WISH as SUPERVISE_WISH
from admin_api.supervise import supervise_call
from admin_api.versions import list_versions, restore_version

_ATOMIC: Final = Param(
    name="atomic", about="of a list: all rows or none; else those that can be", kind="boolean", default=True
)
_STATE: Final = Param(
    name="state", about="live calls, or the last ones that ended", allowed=("live", "ended"), default="live"
)
_MESSAGES: Final = Param(name="messages", about="the SIP messages too", kind="boolean", default=False)
_DEVICE: Final = Param(name="device", about="of this device alone")
_OFFSET: Final = Param(name="cursor", about="`next` of the page before", pattern="[0-9]{1,9}")
_GONE: Final = Reply(about="It is gone.")
_DEVICE_EXAMPLE: Final = {"username": "1001-soft", "password": "correct-horse-battery"}


def _sort(resource: Resource) -> Param:
    return Param(name="sort", about="`-`: the last first", allowed=resource.sorts, default="key")


def _shown(about: str, schema: Schema) -> Reply:
    return Reply(about=about, schema=schema, headers=("ETag",))


def _preview() -> Reply:
    return Reply(about="With dry_run: what would change.", schema=ref("Preview"))


def _configured(resource: Resource) -> Iterator[Endpoint]:
    """The endpoints of a kind of configuration objects."""
    served = Collection(resource)
    yield from _of_all(resource, served)
    yield from _of_one(resource, served)


def _of_all(resource: Resource, served: Collection) -> Iterator[Endpoint]:
    """What is asked of the collection: its pages, and new objects."""
    noun, tag = resource.noun, resource.name
    one, many = resource.name.rstrip("s"), resource.name
    shown, wish = ref(shown_name(resource)), ref(wish_name(resource))
    yield Endpoint(
        name=f"list_{many}",
        method="GET",
        path=resource.path,
        handler=served.list,
        summary=f"List the {noun}s",
        tag=tag,
        query=(LIMIT, CURSOR, _sort(resource), *resource.filters),
        replies={200: Reply(about="A page.", schema=page(shown))},
    )
    yield Endpoint(
        name=f"create_{one}",
        method="POST",
        path=resource.path,
        handler=served.create,
        summary=f"Create one {noun}, or a list of them",
        tag=tag,
        write=True,
        tenant_writes=resource.tenant_writes,
        query=(DRY_RUN, _ATOMIC),
        content=Content(
            types=JSON_TYPES,
            schema={"oneOf": [wish, {"type": "array", "items": wish, "minItems": 1, "maxItems": 1000}]},
            example=resource.example,
        ),
        replies={
            200: Reply(about="A list: all were created. With dry_run: what would change.",
                       schema={"anyOf": [ref("Bulk"), ref("Preview")]}),
            201: Reply(about="It was created.", schema=shown, headers=("ETag", "Location")),
            207: Reply(about="A list: some were created.", schema=ref("Bulk")),
        },
        problems=(409,),
        idempotency=True,
    )  # fmt: skip


def _of_one(resource: Resource, served: Collection) -> Iterator[Endpoint]:
    """What is asked of a single object: to show it, change it, delete it."""
    noun, tag, one = resource.noun, resource.name, resource.name.rstrip("s")
    shown, wish = ref(shown_name(resource)), ref(wish_name(resource))
    read = Endpoint(
        name=f"show_{one}",
        method="GET",
        path=resource.item,
        handler=served.read,
        summary=f"Show one {noun}",
        tag=tag,
        replies={200: _shown("The object.", shown)},
    )
    yield read
    change = replace(
        read,
        write=True,
        tenant_writes=resource.tenant_writes,
        query=(DRY_RUN,),
        if_match=True,
        replies={200: Reply(about="As it is now; with dry_run: what would change.",
                            schema={"anyOf": [shown, ref("Preview")]})},
        problems=(409,),
    )  # fmt: skip
    yield replace(
        change,
        name=f"replace_{one}",
        method="PUT",
        handler=served.replace,
        summary=f"Replace one {noun}",
        content=Content(types=JSON_TYPES, schema=wish, example=resource.example),
    )
    yield replace(
        change,
        name=f"patch_{one}",
        method="PATCH",
        handler=served.patch,
        summary=f"Change some fields of one {noun} (RFC 7396)",
        content=Content(types=PATCH_TYPES, schema={"type": "object"}),
    )
    yield replace(
        change,
        name=f"delete_{one}",
        method="DELETE",
        handler=served.delete,
        summary=f"Delete one {noun}, where nothing refers to it",
        replies={200: _preview(), 204: _GONE},
    )


def _of_devices() -> Iterator[Endpoint]:
    path, item = "/tenants/{tenant}/extensions/{extension}/devices", ref("DeviceShown")
    yield Endpoint(
        name="list_devices",
        method="GET",
        path=path,
        handler=devices.list_devices,
        summary="List the devices of an extension",
        tag="devices",
        replies={200: Reply(about="All of them.", schema=page(item))},
    )
    yield Endpoint(
        name="create_device",
        method="POST",
        path=path,
        handler=devices.create_device,
        summary="Create a device",
        tag="devices",
        write=True,
        tenant_writes=True,
        query=(DRY_RUN,),
        content=Content(types=JSON_TYPES, schema=ref("Device"), example=_DEVICE_EXAMPLE),
        replies={
            200: _preview(),
            201: Reply(about="It was created.", schema=item, headers=("ETag", "Location")),
        },
        problems=(409, 412),
        idempotency=True,
    )
    read = Endpoint(
        name="show_device",
        method="GET",
        path=path + "/{device}",
        handler=devices.show_device,
        summary="Show a device",
        tag="devices",
        replies={200: _shown("The device.", item)},
    )
    yield read
    change = replace(
        read,
        write=True,
        tenant_writes=True,
        query=(DRY_RUN,),
        if_match=True,
        replies={200: Reply(about="As it is now; with dry_run: what would change.",
                            schema={"anyOf": [item, ref("Preview")]})},
        problems=(409,),
    )  # fmt: skip
    put = Content(types=JSON_TYPES, schema=ref("Device"), example=_DEVICE_EXAMPLE)
    patch = Content(types=PATCH_TYPES, schema={"type": "object"}, example={"status": "disabled"})
    yield replace(change, name="replace_device", method="PUT", handler=devices.replace_device,
                  summary="Replace a device", content=put)  # fmt: skip
    yield replace(change, name="patch_device", method="PATCH", handler=devices.patch_device,
                  summary="Change some fields of a device (RFC 7396)", content=patch)  # fmt: skip
    yield replace(change, name="delete_device", method="DELETE", handler=devices.delete_device,
                  summary="Delete a device", replies={200: _preview(), 204: _GONE})  # fmt: skip


def _tenants_trunks() -> Iterator[Endpoint]:
    """A tenant sees the trunks that are its own; only the platform changes them."""
    trunks = RESOURCES["trunks"]
    own = replace(
        trunks,
        path="/tenants/{tenant}/trunks",
        filters=tuple(one for one in trunks.filters if one.name != "tenant"),
    )
    for endpoint in _configured(own):
        if endpoint.method == "GET":
            yield replace(endpoint, name=f"{endpoint.name}_of_tenant", summary=f"{endpoint.summary} of a tenant")


def _of_tokens(path: str, suffix: str, query: tuple[Param, ...]) -> Iterator[Endpoint]:
    common = Endpoint(
        name=f"list_tokens{suffix}",
        method="GET",
        path=path,
        handler=tokens.list_tokens,
        summary="List tokens",
        tag="tokens",
        query=(LIMIT, CURSOR, *query),
        replies={200: Reply(about="A page.", schema=page(ref("TokenShown")))},
    )
    yield common
    yield replace(
        common,
        name=f"create_token{suffix}",
        method="POST",
        handler=tokens.create_token,
        summary="Make a token; its secret is shown this once",
        write=True,
        tenant_writes=True,
        query=(),
        content=Content(types=JSON_TYPES, schema=ref("TokenWish"), example={"name": "crm", "expires_days": 90}),
        replies={201: Reply(about="It was made.", schema=ref("TokenMade"), headers=("Location",))},
        problems=(409,),
        idempotency=True,
    )
    item = replace(common, path=path + "/{token}", query=())
    yield replace(item, name=f"show_token{suffix}", handler=tokens.show_token, summary="Show a token",
                  replies={200: _shown("The token.", ref("TokenShown"))})  # fmt: skip
    yield replace(item, name=f"revoke_token{suffix}", method="DELETE", handler=tokens.revoke_token,
                  summary="Revoke a token", write=True, tenant_writes=True, replies={204: _GONE},
                  problems=(409,))  # fmt: skip


def _of_calls(base: str, suffix: str, query: tuple[Param, ...]) -> Iterator[Endpoint]:
    """Calls, registrations and history, of all tenants or of one."""
    listed = Endpoint(
        name=f"list_calls{suffix}",
        method="GET",
        path=f"{base}/calls",
        handler=list_calls,
        summary="List calls, the newest first",
        tag="calls",
        query=(LIMIT, CALL_CURSOR, _STATE, *query),
        replies={200: Reply(about="A page.", schema=page(ref("Call")))},
    )
    yield listed
    one = replace(listed, path=f"{base}/calls/{{call}}", query=(), problems=(409,))
    yield replace(one, name=f"show_call{suffix}", handler=show_call,
                  summary="Show a call with the verdict on each leg's media",
                  replies={200: Reply(about="The call.", schema=ref("Call"))})  # fmt: skip
    yield replace(one, name=f"trace_call{suffix}", path=one.path + "/trace", handler=trace_call,
                  summary="The SIP ladder of a call", query=(_MESSAGES,),
                  replies={200: Reply(about="Its course.", schema=ref("Trace"))})  # fmt: skip
    yield replace(one, name=f"hang_up_call{suffix}", path=one.path + "/hangup", method="POST", handler=hang_up_call,
                  summary="End a call", write=True, tenant_writes=True, idempotency=True,
                  replies={200: Reply(about="It has ended.", schema=ref("Ending")),
                           202: Reply(about="It is being ended.", schema=ref("Ending"))})  # fmt: skip
    yield replace(listed, name=f"list_registrations{suffix}", path=f"{base}/registrations",
                  handler=list_registrations, summary="List registered phones", tag="registrations",
                  query=(LIMIT, _OFFSET, _DEVICE, *query),
                  replies={200: Reply(about="A page.", schema=page(ref("Registration")))})  # fmt: skip
    yield replace(listed, name=f"list_cdrs{suffix}", path=f"{base}/cdrs", handler=list_cdrs,
                  summary="List call records", tag="history",
                  query=(LIMIT, CALL_CURSOR, CDR_SORT, *CDR_FILTERS, *query),
                  replies={200: Reply(about="A page.", schema=page(ref("Cdr"), total=False))})  # fmt: skip
    yield replace(listed, name=f"show_cdr{suffix}", path=f"{base}/cdrs/{{call}}", handler=show_cdr,
                  summary="Show a call record with its legs", tag="history", query=(),
                  replies={200: Reply(about="The record.", schema=ref("Cdr"))})  # fmt: skip


def _of_recordings() -> Iterator[Endpoint]:
    """Recordings of all tenants for the platform, of one for itself; orders to live calls."""
    for base, suffix, more in (("", "", (OF_TENANT,)), ("/tenants/{tenant}", "_of_tenant", ())):
        listed = Endpoint(
            name=f"list_recordings{suffix}",
            method="GET",
            path=f"{base}/recordings",
            handler=list_recordings,
            summary="List recordings, the newest first",
            tag="recordings",
            query=(LIMIT, RECORDING_CURSOR, OF_CALL, *more),
            replies={200: Reply(about="A page.", schema=page(ref("Recording"), total=False))},
        )
        yield listed
        one = replace(listed, path=f"{base}/recordings/{{recording}}", query=())
        yield replace(one, name=f"show_recording{suffix}", handler=show_recording, summary="Show a recording",
                      replies={200: Reply(about="The recording.", schema=ref("Recording"))})  # fmt: skip
        audio = Reply(about="The audio.", schema={"type": "string", "format": "binary"}, type="audio/wav")
        yield replace(one, name=f"play_recording{suffix}", path=one.path + "/audio", handler=play_recording,
                      summary="The audio of a recording, whole or a range", problems=(410,),
                      replies={200: audio, 206: audio})  # fmt: skip
        yield replace(one, name=f"delete_recording{suffix}", method="DELETE", handler=delete_recording,
                      summary="Delete a recording for good", write=True, tenant_writes=True,
                      replies={204: _GONE})  # fmt: skip
    yield Endpoint(
        name="order_recording",
        method="POST",
        path="/tenants/{tenant}/calls/{call}/recording",
        handler=order_recording,
        summary="Begin, pause, resume or end the recording of a live call",
        tag="recordings",
        write=True,
        tenant_writes=True,
        content=Content(types=JSON_TYPES, schema=ORDER, example={"action": "start"}),
        replies={200: Reply(about="What it does now.", schema=ref("RecordingState"))},
        problems=(409,),
    )


def _of_supervision() -> Iterator[Endpoint]:
    yield Endpoint(
        name="supervise_call",
        method="POST",
        path="/tenants/{tenant}/calls/{call}/supervise",
        handler=supervise_call,
        summary="Ring an extension that shall hear a call, or change how it takes part",
        tag="calls",
        write=True,
        tenant_writes=True,
        content=Content(types=JSON_TYPES, schema=SUPERVISE_WISH, example={"extension": "1003", "mode": "listen"}),
        replies={202: Reply(about="It rings, or its mode has changed.", schema=ref("Supervision"))},
        problems=(409,),
    )


def _of_conferences() -> Iterator[Endpoint]:
    """Rooms that somebody is in."""
    listed = Endpoint(
        name="list_conferences",
        method="GET",
        path="/conferences",
        handler=list_conferences,
        summary="List the conferences that somebody is in, with their members",
        tag="conferences",
        query=(LIMIT, _OFFSET, OF_TENANT),
        replies={200: Reply(about="A page.", schema=page(ref("Conference")))},
    )
    yield listed
    own = replace(listed, name="list_conferences_of_tenant", path="/tenants/{tenant}/conferences",
                  query=(LIMIT, _OFFSET))  # fmt: skip
    yield own
    yield replace(own, name="show_conference", path=own.path + "/{room}", query=(), handler=show_conference,
                  summary="Show a conference",
                  replies={200: Reply(about="The room.", schema=ref("Conference"))})  # fmt: skip
    member = replace(own, path=own.path + "/{room}/members/{leg}", query=(), write=True, tenant_writes=True)
    yield replace(member, name="change_member", method="PATCH", handler=change_member,
                  summary="Mute a member, make it deaf, louder or softer",
                  content=Content(types=PATCH_TYPES, schema=CHANGE, example={"muted": True}),
                  replies={200: Reply(about="The member.", schema=ref("ConferenceMember"))})  # fmt: skip
    yield replace(member, name="remove_member", method="DELETE", handler=remove_member,
                  summary="Put a member out of a conference", replies={204: _GONE})  # fmt: skip


def _of_platform() -> Iterator[Endpoint]:
    status = Endpoint(
        name="show_status",
        method="GET",
        path="/status",
        handler=show_status,
        summary="How the node does",
        tag="node",
        replies={200: Reply(about="One page.", schema=ref("Status"))},
    )
    yield status
    yield replace(status, name="list_events", path="/events", handler=list_events, summary="List events",
                  tag="history", query=(LIMIT, EVENT_CURSOR, *EVENT_FILTERS),
                  replies={200: Reply(about="A page.", schema=page(ref("Event"), total=False))})  # fmt: skip
    yield replace(status, name="list_call_events", path="/tenants/{tenant}/calls/{call}/events",
                  handler=list_call_events, summary="List the events of a call", tag="history",
                  replies={200: Reply(about="All.", schema=page(ref("Event"), total=False))})  # fmt: skip
    yield replace(status, name="delete_registration", method="DELETE", tag="registrations",
                  path="/tenants/{tenant}/registrations/{device}", handler=delete_registration,
                  summary="Forget where a device is registered, until it registers again",
                  write=True, tenant_writes=True, replies={204: _GONE})  # fmt: skip
    yield replace(status, name="list_versions", path="/versions", handler=list_versions,
                  summary="List versions of the configuration, the newest first", tag="versions", query=(LIMIT,),
                  replies={200: Reply(about="A page.", schema=page(ref("Version")))})  # fmt: skip
    yield replace(status, name="restore_version", method="POST", path="/versions/{version}/restore",
                  handler=restore_version, summary="Make everything what it was in a version", tag="versions",
                  write=True, query=(DRY_RUN,), problems=(409,), idempotency=True,
                  replies={200: Reply(about="What changed.", schema=ref("Preview"))})  # fmt: skip


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *(endpoint for resource in RESOURCES.values() for endpoint in _configured(resource)),
    *_of_devices(),
    *_tenants_trunks(),
    *_of_tokens("/tokens", "", (tokens.OF_TENANT,)),
    *_of_tokens("/tenants/{tenant}/tokens", "_of_tenant", ()),
    *_of_calls("", "", (OF_TENANT,)),
    *_of_calls("/tenants/{tenant}", "_of_tenant", ()),
    *_of_supervision(),
    *_of_recordings(),
    *_of_conferences(),
    *_of_platform(),
    *document_endpoints(),
)

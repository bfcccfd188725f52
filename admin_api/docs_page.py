"""Docs page: `/docs` shows the OpenAPI document in a browser; nothing is fetched from elsewhere."""

from __future__ import annotations

import html
import json
from functools import cache
from http import HTTPStatus
from typing import Final

from aiohttp import web

from admin_api.endpoint import BASE, Endpoint
from admin_api.endpoints import ENDPOINTS
from admin_api.openapi import document
from admin_api.running import RUNNING

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{background:#f4f4f4;padding:.7rem;overflow:auto}
summary{cursor:pointer;padding:.2rem 0}b.m{display:inline-block;width:4.5rem}h2{margin-top:2rem}
table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#242424}a{color:#8cf}}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


async def show_docs(request: web.Request) -> web.Response:
    """GET /docs."""
    text = _page(request.app[RUNNING].version)
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


@cache
def _page(version: str) -> str:
    tags = dict.fromkeys(endpoint.tag for endpoint in ENDPOINTS)
    parts = "".join(_section(tag) for tag in tags)
    schemas = "".join(
        f"<details id='s-{html.escape(name)}'><summary><code>{html.escape(name)}</code></summary>"
        f"<pre>{html.escape(json.dumps(schema, indent=2))}</pre></details>"
        for name, schema in document(version)["components"]["schemas"].items()
    )
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>Cordboard API</title><style>{_STYLE}</style><h1>Cordboard API {html.escape(version)}</h1>"
        "<p>Send <code>Authorization: Bearer cbt_...</code>; <code>cordboard token create</code> makes a token. "
        f"This page is made from <a href='{BASE}/openapi.json'>openapi.json</a>.</p>{parts}"
        f"<h2>Schemas</h2>{schemas}</html>"
    )


def _section(tag: str) -> str:
    return f"<h2>{html.escape(tag)}</h2>" + "".join(_endpoint(one) for one in ENDPOINTS if one.tag == tag)


def _endpoint(endpoint: Endpoint) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(one.name)}</code><td>{html.escape(one.about)}<td>{html.escape(one.words)}"
        for one in endpoint.query
    )
    replies = "".join(
        f"<tr><td>{status} {HTTPStatus(status).phrase}<td>{html.escape(reply.about)}"
        for status, reply in endpoint.replies.items()
    )
    example = ""
    if endpoint.content is not None and endpoint.content.example:
        example = f"<pre>{html.escape(json.dumps(endpoint.content.example, indent=2))}</pre>"
    return (
        f"<details><summary><b class='m'>{endpoint.method}</b><code>{html.escape(BASE + endpoint.path)}</code> "
        f"{html.escape(endpoint.summary)}</summary>{example}<table>{rows}</table><table>{replies}</table></details>"
    )

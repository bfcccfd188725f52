"""Documents: configuration documents that are right, made up by hypothesis; any two of them overlap."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

NUMBERS = ("11", "12", "0101", "2000")
SERVICES = ("*60", "#1", "900")
TRUNKS = ("line", "back-up")
Json = dict[str, Any]

_NAMES = st.sampled_from(["Ann", "日本", "a: b # c", "null", "~", "1e3", "yes", "'", "-"])
_SECRETS = st.sampled_from(["a-long-password", "another-password", "~ : {}[],&*#?|-<>=!%@`"])


@st.composite
def _device(draw: st.DrawFn, username: str) -> Json:
    made: Json = {"username": username, "password": draw(_SECRETS)}
    optional = {
        "max_contacts": st.integers(1, 5),
        "status": st.sampled_from(["enabled", "disabled"]),
        "codecs": st.lists(st.sampled_from(["pcmu", "g722"]), min_size=1, unique=True),
        "allowed_nets": st.lists(st.sampled_from(["10.0.0.0/8", "2001:db8::/32"]), unique=True),
        "digest_algorithms": st.just(["MD5"]),
        "auth_user": st.just(f"auth-{username}"),
    }
    return made | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def _extension(draw: st.DrawFn, number: str, spare: list[str]) -> Json:
    optional = {
        "name": _NAMES,
        "ring_timeout": st.integers(1, 600),
        "max_calls": st.none() | st.integers(0, 9),
        "status": st.sampled_from(["enabled", "disabled"]),
    }
    made: Json = {"number": number} | draw(st.fixed_dictionaries({}, optional=optional))
    # Names wander from extension to extension.
    names = [spare.pop() for _ in range(min(len(spare), draw(st.integers(0, 2))))]
    return made | {"devices": [draw(_device(name)) for name in names]}


def _dest(numbers: list[str], trunks: list[str]) -> st.SearchStrategy[Json]:
    choices: list[st.SearchStrategy[Json]] = [
        st.just({"type": "feature", "target": "echo"}),
        st.just({"type": "prompt", "name": "welcome", "loop": True}),
        st.just({"type": "prompt", "name": "welcome", "plays": 3}),
        st.just({"type": "hangup", "cause": 17}),
        st.just({"type": "tone", "name": "busy"}),
    ]
    if numbers:
        choices.append(st.sampled_from(numbers).map(lambda number: {"type": "extension", "number": number}))
    if trunks:
        choices.append(st.sampled_from(trunks).map(lambda name: {"type": "external", "trunk": name, "number": "+49"}))
    return st.one_of(choices)


@st.composite
def _tenant(draw: st.DrawFn, key: str, trunks: list[str]) -> Json:
    optional = {
        "ext_ring": st.integers(1, 600),
        "hold_source": st.sampled_from(["music", "silence"]),
        "record": st.sampled_from(["never", "all"]),
        "digest_algorithms": st.sampled_from([["MD5"], ["SHA-256", "MD5"], ["SHA-512-256"]]),
        "max_cps": st.none() | st.sampled_from([0.5, 2.0]),
        "max_duration": st.none() | st.integers(10, 99),
    }
    made: Json = {"key": key, "domain": f"{key}.example"} | draw(st.fixed_dictionaries({}, optional=optional))
    if made.get("digest_algorithms") == ["SHA-512-256"]:
        made["status"] = "suspended"
    spare = list(draw(st.permutations(["p1", "p2", "p3"])))
    numbers = draw(st.lists(st.sampled_from(NUMBERS), unique=True))
    made["extensions"] = [draw(_extension(number, spare)) for number in numbers]
    services = draw(st.lists(st.sampled_from(SERVICES), unique=True))
    made["numbers"] = [{"number": one, "dest": draw(_dest(numbers, trunks))} for one in services]
    return made


@st.composite
def documents(draw: st.DrawFn) -> str:
    """The text of a document: up to two tenants, two trunks, some access numbers."""
    trunks = draw(st.lists(st.sampled_from(TRUNKS), unique=True))
    keys = draw(st.lists(st.sampled_from(["acme", "umbrella"]), unique=True))
    tenants = [draw(_tenant(key, trunks)) for key in keys]
    found: Json = {
        "tenants": tenants,
        "trunks": [
            {"name": name, "peers": [{"host": "sip.example"}], "source_ips": [f"192.0.2.{place}:5060"]}
            for place, name in enumerate(trunks, 1)
        ],
        "dids": [],
    }
    for number in draw(st.lists(st.sampled_from(["+4930", "4711"]), unique=True)) if tenants else ():
        tenant = draw(st.sampled_from(tenants))
        numbers = [one["number"] for one in tenant["extensions"]]
        did: Json = {"number": number, "tenant": tenant["key"], "dest": draw(_dest(numbers, trunks))}
        chosen: bool = draw(st.booleans())
        if trunks and chosen:
            did["trunk"] = draw(st.sampled_from(trunks))
        found["dids"].append(did)
    return json.dumps(found)

"""Drafts: a snapshot that follows another is what would have been compiled from nothing, and the other stays."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pbx.compiled import gone_row
from pbx.config_object import ObjectKey
from pbx.configuration import Configuration
from pbx.draft import Draft
from pbx.schema.compile import compile_object, compile_objects
from pbx.schema.loading import validate
from pbx.schema.references import check, dangling
from pbx.schema.tree import parse_tree
from pbx.snapshot import EMPTY
from tests.fakes.documents import documents


def objects_of(document: str) -> dict[ObjectKey, Any]:
    parsed, errors = validate([parse_tree(document, "f.yaml")])
    assert parsed is not None, errors
    assert not [*check(parsed.objects), *dangling(parsed.objects)]
    return parsed.objects


def rows_between(before: dict[ObjectKey, Any], after: dict[ObjectKey, Any]) -> list[Any]:
    rows = [compile_object(after, key) for key in after]
    return rows + [gone_row(key) for key in before if key not in after]


@settings(max_examples=60, deadline=None)
@given(documents(), documents(), st.randoms(use_true_random=False))
def test_a_draft_leads_to_what_was_written(first: str, second: str, rng: Any) -> None:
    before, after = objects_of(first), objects_of(second)
    base = compile_objects(before)
    untouched = compile_objects(before)
    draft = Draft(base)
    rows = rows_between(before, after)
    rng.shuffle(rows)
    for row in rows:
        draft.take(row)
    while draft.sift(2):
        pass
    swap = draft.finish("")
    assert swap.snapshot == compile_objects(after)
    assert base == untouched, "what calls hold does not change"
    had = {(tenant.key, name) for tenant in base.tenants.values() for name in tenant.devices}
    have = {
        (tenant.key, device.username)
        for tenant in swap.snapshot.tenants.values()
        for device in tenant.devices.values()
        if device.enabled and tenant.extensions[device.extension].enabled
    }
    assert set(swap.gone) >= had - {(t.key, n) for t in swap.snapshot.tenants.values() for n in t.devices}
    assert not set(swap.gone) & have


def test_a_view_keeps_what_it_began_with() -> None:
    objects = objects_of("tenants:\n- {key: acme, domain: acme.example, extensions: [{number: 11}]}\n")
    configuration = Configuration(EMPTY)
    draft = configuration.draft()
    for key in objects:
        draft.take(compile_object(objects, key))
    configuration.swap(draft.finish("1"))
    view = configuration.tenant("acme")
    assert view is not None
    draft = configuration.draft()
    draft.take(gone_row(ObjectKey("extension", "acme", "11")))
    configuration.swap(draft.finish("2"))
    assert view.extension("11") is not None
    later = configuration.tenant("acme")
    assert later is not None
    assert later.extension("11") is None
    assert (view.version, later.version) == ("1", "2")

"""Several files, one document: lists are joined, a tenant may be spread over files."""

from __future__ import annotations

from collections.abc import Sequence

from pbx.config_error import ConfigError
from pbx.schema.tree import Node


def merge_trees(trees: Sequence[Node]) -> tuple[Node, list[ConfigError]]:
    """One tree of all files, its nodes keeping their places, and what contradicts itself."""
    errors: list[ConfigError] = []
    merged: dict[str, Node] = {}
    for tree in trees:
        if not isinstance(tree.value, dict):
            errors.append(tree.error("the file must hold settings", "tenants, trunks, dids"))
            continue
        for key, node in tree.value.items():
            known = merged.get(key)
            merged[key] = node if known is None else _join(known, node, errors)
    root = Node(merged, trees[0].file if trees else "", 1, "")
    if (tenants := merged.get("tenants")) is not None:
        merged["tenants"] = _join_tenants(tenants, errors)
    return root, errors


def _join(first: Node, second: Node, errors: list[ConfigError]) -> Node:
    """Two values of one setting: lists are joined, equal ones are one."""
    if isinstance(first.value, list) and isinstance(second.value, list):
        return Node([*first.value, *second.value], first.file, first.line, first.path)
    if first.plain() != second.plain():
        errors.append(second.error(f"is set to something else in {first.file}:{first.line}"))
    return first


def _join_tenants(tenants: Node, errors: list[ConfigError]) -> Node:
    """Tenants of one key in different files become one; in one file that stays a duplicate."""
    if not isinstance(tenants.value, list):
        return tenants
    joined: list[Node] = []
    places: dict[str, int] = {}
    for node in tenants.value:
        key = node.child("key")
        name = key.value if key is not None and isinstance(key.value, str) else None
        place = places.get(name) if name is not None else None
        if place is None or joined[place].file == node.file:
            if name is not None:
                places.setdefault(name, len(joined))
            joined.append(node)
        else:
            joined[place] = _join_settings(joined[place], node, errors)
    return Node(joined, tenants.file, tenants.line, tenants.path)


def _join_settings(first: Node, second: Node, errors: list[ConfigError]) -> Node:
    assert isinstance(first.value, dict)
    if not isinstance(second.value, dict):
        return first
    settings = dict(first.value)
    for key, node in second.value.items():
        known = settings.get(key)
        settings[key] = node if known is None else _join(known, node, errors)
    return Node(settings, first.file, first.line, first.path)

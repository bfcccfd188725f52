"""Loading configuration documents: read from files, merged, validated, every error with its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pbx.config_error import ConfigError
from pbx.config_object import Fault, ObjectKey, Step
from pbx.schema.document import Document
from pbx.schema.kind import key_of, tenant_key
from pbx.schema.merge import merge_trees
from pbx.schema.references import check, dangling
from pbx.schema.seal import seal
from pbx.schema.tenant import Extension, TenantSettings
from pbx.schema.tree import Node, TreeError, join, parse_tree, read_tree
from pbx.schema.values import Model
from pbx.schema.wording import worded

Places = dict[ObjectKey, Node]


@dataclass(frozen=True, slots=True)
class Parsed:
    """Objects of documents, each in its own right, and where they stand; how they fit together is not checked."""

    objects: dict[ObjectKey, Model]
    places: Places

    def count(self, kind: str) -> int:
        """How many there are of a kind."""
        return sum(key.kind == kind for key in self.objects)


@dataclass(frozen=True, slots=True)
class Text:
    """A document before it is read; `name` stands for the file in errors."""

    name: str
    content: str


def load_documents(paths: Sequence[Path]) -> tuple[Parsed | None, list[ConfigError]]:
    """The configuration in `paths` as a whole, its passwords sealed, or None and everything that is wrong with it."""
    trees: list[Node] = []
    errors: list[ConfigError] = []
    for path in paths:
        try:
            trees.append(read_tree(path))
        except TreeError as error:
            errors.append(error.error)
    return (None, errors) if errors else validate(trees)


def parse_texts(texts: Sequence[Text]) -> tuple[Parsed | None, list[ConfigError]]:
    """The objects in texts of documents, or None and what is wrong with them taken alone."""
    trees: list[Node] = []
    errors: list[ConfigError] = []
    for text in texts:
        try:
            trees.append(parse_tree(text.content, text.name))
        except TreeError as error:
            errors.append(error.error)
    if errors:
        return None, errors
    parsed, errors = parse(trees)
    return (None, in_order(errors)) if parsed is None or errors else (parsed, [])


def parse(trees: Sequence[Node]) -> tuple[Parsed | None, list[ConfigError]]:
    """The objects in the trees of files with what is wrong with them; None where nothing can be made of them."""
    root, errors = merge_trees(trees)
    try:
        document = Document.model_validate(root.plain())
    except ValidationError as error:
        found = [worded(one, root, Document) for one in error.errors(include_url=False)]
        return None, in_order(errors + found)
    parsed = Parsed({}, {})
    for key, model, loc in split(document):
        if key in parsed.objects:
            errors.append(_twice(key, model, root, loc))
        else:
            parsed.objects[key], parsed.places[key] = model, placed(root, loc)[0]
    return parsed, errors


def validate(trees: Sequence[Node]) -> tuple[Parsed | None, list[ConfigError]]:
    """The configuration in the trees of files as a whole, or None and everything that is wrong with it."""
    parsed, errors = parse(trees)
    if parsed is None:
        return None, errors
    for key, model in parsed.objects.items():
        tenant = parsed.objects.get(tenant_key(key.tenant))
        if isinstance(model, Extension) and isinstance(tenant, TenantSettings):
            parsed.objects[key] = seal(tenant, model)
    faults = [*check(parsed.objects), *(fault for fault, _ in dangling(parsed.objects))]
    errors += [located(fault, parsed.places) for fault in faults]
    return (None, in_order(errors)) if errors else (parsed, [])


def split(document: Document) -> Iterator[tuple[ObjectKey, Model, tuple[Step, ...]]]:
    """The objects of a document and their places in it: tenants first, what belongs to them next."""
    for index, tenant in enumerate(document.tenants):
        values = {name: getattr(tenant, name) for name in TenantSettings.model_fields}
        yield tenant_key(tenant.key), TenantSettings.model_construct(**values), ("tenants", index)
    for index, tenant in enumerate(document.tenants):
        at: tuple[Step, ...] = ("tenants", index)
        for position, extension in enumerate(tenant.extensions):
            yield key_of("extension", tenant.key, extension), extension, (*at, "extensions", position)
        for position, entry in enumerate(tenant.numbers):
            yield key_of("number", tenant.key, entry), entry, (*at, "numbers", position)
    for index, trunk in enumerate(document.trunks):
        yield key_of("trunk", "", trunk), trunk, ("trunks", index)
    for index, did in enumerate(document.dids):
        yield key_of("did", "", did), did, ("dids", index)


def in_order(errors: list[ConfigError]) -> list[ConfigError]:
    """Errors as they follow each other in the files, each once."""
    return sorted(dict.fromkeys(errors), key=lambda error: (error.file, error.line))


def located(fault: Fault, places: Places) -> ConfigError:
    """A fault with the line of the document that it stands in; the object's name where it is in none."""
    place = places.get(fault.object)
    if place is None:
        field = f"{fault.object}: {fault.field}" if fault.path else str(fault.object)
        return ConfigError("", 0, field, fault.message, fault.allowed)
    node, path = placed(place, fault.path)
    return ConfigError(node.file, node.line, path, fault.message, fault.allowed)


def placed(root: Node, loc: tuple[Step, ...]) -> tuple[Node, str]:
    """The node at `loc`, or the nearest above it, and the whole path as text."""
    node, path = root, root.path
    for step in loc:
        child = node.child(step) if path == node.path else None
        node, path = (node, join(path, step)) if child is None else (child, child.path)
    return node, path


_NAMES = {"tenant": "key", "trunk": "name"}


def _twice(key: ObjectKey, model: Model, root: Node, loc: tuple[Step, ...]) -> ConfigError:
    """The second of two objects of one name."""
    node, path = placed(root, (*loc, _NAMES.get(key.kind, "number")))
    name, holder = key.key, f"{key.kind} {key.key}"
    if key.kind == "did":
        name, holder = key.key.replace("@", " by trunk "), f"tenant {getattr(model, 'tenant', '')}"
    return ConfigError(node.file, node.line, path, f"{name} belongs to {holder} already", "each once")

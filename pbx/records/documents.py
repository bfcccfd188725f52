"""Documents against the store: apply them, at once or once per content, and say what is wrong in their own lines."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pbx.config_error import ConfigError
from pbx.config_object import Applied, Outcome
from pbx.records.configurator import Configurator
from pbx.records.plan import Author, Plan
from pbx.schema.kind import KINDS
from pbx.schema.loading import Text, in_order, located, parse_texts, validate
from pbx.schema.tree import Node, TreeError, parse_tree, read_text


def apply_texts(
    configurator: Configurator,
    texts: Sequence[Text],
    author: Author,
    *,
    prune: bool = False,
    dry_run: bool = False,
    files: Sequence[tuple[str, str]] = (),
) -> Applied:
    """Make everything that the documents name what they say; `prune` deletes what they do not name.

    Raises StoreAway.
    """
    state = configurator.state
    parsed, errors = parse_texts(texts)
    if parsed is None:
        return Applied(outcome=Outcome(version=state.version), errors=tuple(errors))
    plan = Plan(upserts=dict(parsed.objects), files=files)
    if prune:
        plan.deletes = {key: None for key in state.rows if KINDS[key.kind].document and key not in parsed.objects}
    outcome = configurator.change(plan, author, dry_run=dry_run)
    if outcome.faults:
        errors = in_order([located(fault, parsed.places) for fault in outcome.faults])
    return Applied(outcome=outcome, errors=tuple(errors))


def check_texts(texts: Sequence[Text]) -> list[ConfigError]:
    """Everything that is wrong with documents taken as a whole, as `cordboard check` says it."""
    trees: list[Node] = []
    errors: list[ConfigError] = []
    for text in texts:
        try:
            trees.append(parse_tree(text.content, text.name))
        except TreeError as error:
            errors.append(error.error)
    return errors or validate(trees)[1]


def apply_files(configurator: Configurator, paths: Sequence[Path], author: Author) -> Applied:
    """Apply the files that were not applied before with this very content. Raises StoreAway.

    Files that share a tenant count as one: what one of them says of it is not the whole.
    """
    texts: list[Text] = []
    errors: list[ConfigError] = []
    for path in paths:
        try:
            texts.append(Text(str(path), read_text(path)))
        except TreeError as error:
            errors.append(error.error)
    if errors:
        return Applied(outcome=Outcome(version=configurator.state.version), errors=tuple(errors))
    names = {text.name: str(Path(text.name).absolute()) for text in texts}
    hashes = {text.name: hashlib.sha256(text.content.encode()).hexdigest() for text in texts}
    known = set(configurator.applied().values())
    fresh = {text.name for text in texts if hashes[text.name] not in known}
    wanted = _with_relatives(texts, fresh)
    chosen = [text for text in texts if text.name in wanted]
    skipped = tuple(text.name for text in texts if text.name not in wanted)
    if not chosen:
        return Applied(outcome=Outcome(version=configurator.state.version), skipped=skipped)
    files = [(names[text.name], hashes[text.name]) for text in chosen]
    applied = apply_texts(configurator, chosen, author, files=files)
    return Applied(outcome=applied.outcome, errors=applied.errors, skipped=skipped)


def _with_relatives(texts: Sequence[Text], fresh: set[str]) -> set[str]:
    """Fresh files, and all that share a tenant with one of these, directly or by way of others."""
    if len(fresh) in (0, len(texts)):
        return fresh
    tenants = {text.name: _tenants(text) for text in texts}
    wanted = set(fresh)
    while True:
        touched = {tenant for name in wanted for tenant in tenants[name]}
        more = {name for name, found in tenants.items() if name not in wanted and touched & found}
        if not more:
            return wanted
        wanted |= more


def _tenants(text: Text) -> set[str]:
    """The tenants that a file describes; none where it cannot be read, which is told when it is applied."""
    parsed, _ = parse_texts([text])
    return set() if parsed is None else {key.key for key in parsed.objects if key.kind == "tenant"}

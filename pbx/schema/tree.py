"""A YAML file as a tree of nodes that know their line and their path.

Scalars stay text: `1001` and `"1001"` are the same, leading zeros survive, and only the models decide
what is a number. Refused are duplicate keys, anchors and aliases, tags, second documents, and whatever is
larger or deeper than a configuration can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from pbx.config_error import ConfigError

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 16
MAX_NODES: Final = 4_000_000
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN_TAGS: Final = frozenset({None, "!", "tag:yaml.org,2002:str"})
# libyaml where the wheel has it: ten times as fast.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Node:
    """A value: None, text, a list of nodes or nodes by key. `path` is like `tenants[0].domain`."""

    value: str | list[Node] | dict[str, Node] | None
    file: str
    line: int
    path: str

    def plain(self) -> Any:
        """The value without the places."""
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return self.value

    def child(self, step: str | int) -> Node | None:
        """The node under a key or an index, None when there is none."""
        if isinstance(self.value, dict) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def error(self, message: str, allowed: str | None = None, *, step: str | None = None) -> ConfigError:
        """An error at this node, or at its missing or unknown key `step`."""
        path = self.path if step is None else join(self.path, step)
        return ConfigError(self.file, self.line, path, message, allowed)


class TreeError(Exception):
    """The file cannot be read as a tree; `error` says where."""

    def __init__(self, error: ConfigError) -> None:
        super().__init__(str(error))
        self.error = error


def join(path: str, step: str | int) -> str:
    """A path with one more step."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def read_tree(path: Path) -> Node:
    """The tree of a YAML file. Raises TreeError for anything that cannot be one."""
    return parse_tree(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a file. Raises TreeError where it cannot be read, is too large or is not UTF-8."""
    name = str(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise TreeError(ConfigError(name, 0, "", f"file of {size} bytes is over the limit of {MAX_BYTES}"))
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TreeError(ConfigError(name, 0, "", f"cannot be read: {error.strerror or error}")) from error
    except UnicodeDecodeError as error:
        raise TreeError(ConfigError(name, 0, "", f"is not UTF-8 text (byte {error.start})")) from error


def parse_tree(text: str, name: str) -> Node:
    """The tree of YAML text; `name` stands for the file in errors. Raises TreeError."""
    try:
        return _Builder(name, yaml.parse(text, Loader=_LOADER)).build()
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        line = mark.line + 1 if mark is not None else 0
        raise TreeError(ConfigError(name, line, "", f"is not YAML: {problem}")) from error


class _Builder:
    """Builds nodes from parser events; its depth is bounded, so no file can exhaust the stack."""

    def __init__(self, name: str, events: Iterator[Any]) -> None:
        self._name = name
        self._events = events
        self._count = 0

    def build(self) -> Node:
        """The only document of the file; an empty file is an empty mapping."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self._refuse(event, "", "a second document begins; use one file for each")
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event, "", 0)
        if root is None or root.value is None:
            return Node({}, self._name, 1, "")
        return root

    def _node(self, event: Any, path: str, depth: int) -> Node:
        self._check(event, path, depth)
        line = _line(event)
        if isinstance(event, yaml.ScalarEvent):
            plain_null = event.style in (None, "") and event.value in _NULLS
            return Node(None if plain_null else event.value, self._name, line, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(following, join(path, len(items)), depth + 1))
            return Node(items, self._name, line, path)
        return Node(self._mapping(path, depth), self._name, line, path)

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self._refuse(key, path, "a key must be text")
            self._check(key, path, depth)
            place = join(path, key.value)
            if key.value in found:
                first = found[key.value].line
                raise self._refuse(key, place, f"is given twice (first in line {first})")
            node = self._node(next(self._events), place, depth + 1)
            node.line = _line(key)
            found[key.value] = node
        return found

    def _check(self, event: Any, path: str, depth: int) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._refuse(event, path, f"the file has more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise self._refuse(event, path, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._refuse(event, path, "anchors and aliases are not supported; write the value out")
        if event.tag not in _PLAIN_TAGS:
            raise self._refuse(event, path, f"tag {event.tag} is not supported")

    def _refuse(self, event: Any, path: str, message: str) -> TreeError:
        return TreeError(ConfigError(self._name, _line(event), path, message))


def _line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line

"""A YAML file as data, with the line of every value in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Document", "Place", "UnreadableDocument", "read_document"]

Place = tuple[str | int, ...]
"""Where in a document: keys and indices from the outside in."""

_LARGEST_BYTES = 256 * 1024
_DEEPEST = 32


class UnreadableDocument(ValueError):
    """The file is no document we read. `line` is counted from 1, None where no line is to blame."""

    def __init__(self, message: str, hint: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.message, self.hint, self.line = message, hint, line


@dataclass(frozen=True, slots=True)
class Document:
    """`data` as YAML reads it. `lines` holds the line of each key and item, `repeated` the keys that occur again."""

    data: dict[str, Any]
    lines: Mapping[Place, int]
    repeated: Sequence[Place] = ()

    def line(self, place: Place) -> int:
        """The line of a place, counted from 1; of what is not there, the line of what it would be in."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def at(self, *place: str | int) -> Any:
        """The value at a place; None where there is nothing."""
        value: Any = self.data
        for step in place:
            known = (
                isinstance(step, str) if isinstance(value, dict) else isinstance(value, list) and isinstance(step, int)
            )
            try:
                value = value[step] if known else None
            except (KeyError, IndexError):
                return None
        return value


def read_document(path: Path) -> Document:
    """Read a file that holds one mapping.

    Aliases are refused, so that a small file cannot stand for a huge document.

    Raises:
        UnreadableDocument: the file is not there, too large, no YAML, or no mapping.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        raise UnreadableDocument(
            f"{path.name} cannot be read: {(error.strerror or str(error)).lower()}",
            f"Put a {path.name} into the module's folder; `lumina plugin init` writes one.",
        ) from error
    if len(raw) > _LARGEST_BYTES:
        raise UnreadableDocument(f"{path.name} is larger than {_LARGEST_BYTES:,} bytes", "Shorten it.")
    reader = _Reader()
    try:
        node = _compose(raw.decode("utf-8"))
        data = reader.value(node, ()) if node is not None else None
    except UnicodeDecodeError as error:
        raise UnreadableDocument(f"{path.name} is not UTF-8: byte {error.start}", "Save it as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark  # two classes, one of them C's
        raise UnreadableDocument(
            f"{path.name} is no YAML: {error.problem or error}",
            "Mind the indentation, and put texts that hold ': ' or begin with one of @`{[*&!%|> into quotes.",
            line=mark.line + 1 if mark else None,
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, UnreadableDocument):
            raise
        raise UnreadableDocument(f"{path.name} is no YAML: {error}", "Write it as plain YAML.") from error
    if not isinstance(data, dict):
        raise UnreadableDocument(f"{path.name} holds no keys", "Write `name: my-module` and so on.", line=1)
    return Document(data, reader.lines, tuple(reader.repeated))


def _compose(text: str) -> yaml.Node | None:
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise UnreadableDocument(
                "the manifest has an alias, *" + str(event.anchor),
                "Write the value out where the alias stands.",
                line=event.start_mark.line + 1 if event.start_mark else None,
            )
    return yaml.compose(text, Loader=yaml.SafeLoader)


class _Reader:
    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self.repeated: list[Place] = []
        self._scalars = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, place: Place) -> Any:
        if len(place) > _DEEPEST:
            raise UnreadableDocument(
                f"values are nested more than {_DEEPEST} deep", "Flatten them.", line=node.start_mark.line + 1
            )
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        return self._scalars.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            # YAML 1.1 reads `on:` as true and `1:` as a number; a key is the text that stands there.
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            inner = (*place, key)
            if key in data:
                self.repeated.append(inner)
            self.lines[inner] = key_node.start_mark.line + 1
            data[key] = self.value(value_node, inner)
        return data

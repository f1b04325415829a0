"""Names and versions that travel: of modules, streams, queues and collections."""

from __future__ import annotations

import re
from typing import Annotated

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["CORE_DEPENDENCIES", "DependencyText", "SemVer", "Slug", "StreamName"]

CORE_DEPENDENCIES = ("lumina-core", "lumina-hub", "lumina-sdk")
"""What a module may depend on beside other modules."""

_SLUG = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_STREAM = r"^[a-z][a-z0-9_-]*(:[a-z0-9_-]+)*$"
_SEMVER = (
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-((0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?$"
)
_LONGEST_SLUG = 40  # it is part of a Unix socket's path, and those end at 107 bytes
_LONGEST_STREAM = 100


def _slug(text: str) -> str:
    if len(text) > _LONGEST_SLUG or not re.fullmatch(_SLUG, text):
        raise PydanticCustomError(
            "slug",
            "{text} is no name of a module",
            {
                "text": repr(text),
                "hint": "Lower-case letters and digits, words joined by single dashes, at most 40 in all: my-module.",
            },
        )
    if canonicalize_name(text) in CORE_DEPENDENCIES:
        raise PydanticCustomError(
            "slug", "{text} is a name of Lumina's own", {"text": repr(text), "hint": "Choose another name."}
        )
    return text


def _stream(text: str) -> str:
    if len(text) > _LONGEST_STREAM or not re.fullmatch(_STREAM, text):
        raise PydanticCustomError(
            "stream",
            "{text} is no name of a stream",
            {"text": repr(text), "hint": "Lower-case words joined by ':', at most 100 characters: graph:add."},
        )
    return text


def _semver(text: str) -> str:
    if not re.fullmatch(_SEMVER, text):
        raise PydanticCustomError(
            "semver",
            "{text} is no SemVer version",
            {"text": repr(text), "hint": "Three numbers with dots, such as 0.1.0; before a release 0.2.0-rc.1."},
        )
    try:
        Version(text)
    except InvalidVersion as error:
        raise PydanticCustomError(
            "semver",
            "{text} cannot be compared with others: as a Python package it would have no version",
            {"text": repr(text), "hint": "Name a pre-release -alpha.N, -beta.N or -rc.N."},
        ) from error
    return text


def _dependency(text: str) -> str:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise PydanticCustomError(
            "dependency",
            "{text} is no dependency as PEP 508 writes one: {reason}",
            {
                "text": repr(text),
                "reason": str(error).splitlines()[0],
                "hint": "A name and the versions that will do: lumina-core >= 0.1.0.",
            },
        ) from error
    if requirement.url or requirement.extras or requirement.marker:
        raise PydanticCustomError(
            "dependency",
            "{text} has more than a name and versions",
            {
                "text": repr(text),
                "hint": "Name Lumina's own packages and other modules here; Python packages go into pyproject.toml.",
            },
        )
    name = canonicalize_name(requirement.name)
    if name not in CORE_DEPENDENCIES and not re.fullmatch(_SLUG, requirement.name):
        raise PydanticCustomError(
            "dependency",
            "{text} names neither a module nor a part of Lumina",
            {"text": repr(text), "hint": f"A module's name is in lower case with dashes: {name}."},
        )
    return text


Slug = Annotated[
    str,
    AfterValidator(_slug),
    WithJsonSchema({"type": "string", "pattern": _SLUG, "maxLength": _LONGEST_SLUG, "examples": ["my-module"]}),
]
"""A module's unique name, equal to its folder's."""

StreamName = Annotated[
    str,
    AfterValidator(_stream),
    WithJsonSchema({"type": "string", "pattern": _STREAM, "maxLength": _LONGEST_STREAM, "examples": ["graph:add"]}),
]
"""A stream of events. Modules name their own `<slug>:<word>`."""

SemVer = Annotated[
    str,
    AfterValidator(_semver),
    WithJsonSchema({"type": "string", "pattern": _SEMVER, "examples": ["0.1.0", "0.2.0-rc.1"]}),
]
"""A version as https://semver.org writes it, of those that PEP 440 can order too."""

DependencyText = Annotated[
    str,
    AfterValidator(_dependency),
    WithJsonSchema({"type": "string", "minLength": 1, "examples": ["lumina-core >= 0.1.0", "other-module >= 0.2.0"]}),
]
"""What must be there first, as PEP 508 writes it: a name and versions."""

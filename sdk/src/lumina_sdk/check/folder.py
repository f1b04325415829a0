"""A module's folder as the rules see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from lumina_sdk.check.document import Document, Place
from lumina_sdk.check.rule import Code
from lumina_sdk.contract.finding import ModuleFinding
from lumina_sdk.contract.inspection import Inspection
from lumina_sdk.contract.manifest import DeclaredScope, Endpoint, Manifest, ScheduleEntry, inconsistencies
from lumina_sdk.contract.names import DependencyText
from lumina_sdk.contract.scope import ScopeText

__all__ = ["MANIFEST", "ModuleFolder"]

MANIFEST = "manifest.yml"
_T = TypeVar("_T")


@dataclass(frozen=True)
class ModuleFolder:
    """What a rule may look at. Parts of the manifest that are wrong are left out of everything but `errors`.

    `taken` maps paths that others have to who has them. `inspection` is what the code declares; None where it was not
    looked at, or could not be.
    """

    path: Path
    document: Document
    inspection: Inspection | None
    taken: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name the manifest gives, else the folder's."""
        name = self.document.at("name")
        return name if isinstance(name, str) else self.path.name

    @cached_property
    def errors(self) -> tuple[ErrorDetails, ...]:
        """Everything pydantic has against the manifest."""
        return _errors(self)

    @cached_property
    def endpoints(self) -> dict[int, Endpoint]:
        """The endpoints that are well-formed, by their index in the manifest."""
        return self._sound(Endpoint, "endpoints")

    @cached_property
    def schedule(self) -> dict[int, ScheduleEntry]:
        return self._sound(ScheduleEntry, "schedule")

    @cached_property
    def declared_scopes(self) -> dict[int, DeclaredScope]:
        return self._sound(DeclaredScope, "scopes")

    @cached_property
    def permissions(self) -> dict[int, str]:
        return self._sound(ScopeText, "permissions")

    @cached_property
    def dependencies(self) -> dict[int, str]:
        return self._sound(DependencyText, "dependencies")

    def streams(self, what: str) -> dict[int, str]:
        """What is in `events`, `what` being `publishes` or `subscribes`."""
        return self._sound(str, "events", what)

    def finding(self, code: Code, place: Place, message: str, hint: str) -> ModuleFinding:
        """A finding about a place in the manifest."""
        return self.finding_in(code, MANIFEST, self.document.line(place), message, hint)

    def finding_in(self, code: Code, file: str, line: int | None, message: str, hint: str) -> ModuleFinding:
        """A finding about another file of the module."""
        return ModuleFinding(
            code=code.name, severity=code.severity, path=file, line=line, message=_sentence(message), hint=hint
        )

    def relative(self, file: str) -> str:
        """A file's path as findings give it: relative to the module's folder where it lies in it."""
        path = Path(file)
        return path.relative_to(self.path).as_posix() if path.is_relative_to(self.path) else file

    def found(self, code: Code, *types: str) -> Iterator[ModuleFinding]:
        """Findings for the errors of these types, in pydantic's and the contract's own words."""
        for error in self.errors:
            if error["type"] in types:
                yield self.finding(
                    code, error["loc"], error["msg"], error.get("ctx", {}).get("hint", "See the schema.")
                )

    def _sound(self, kind: Any, *place: str) -> dict[int, Any]:
        values = self.document.at(*place)
        sound: dict[int, Any] = {}
        for index, value in enumerate(values if isinstance(values, list) else ()):
            try:
                sound[index] = _adapter(kind).validate_python(value, strict=kind is str)
            except ValidationError:
                continue
        return sound


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _errors(module: ModuleFolder) -> tuple[ErrorDetails, ...]:
    try:
        Manifest.model_validate(module.document.data)
        return ()
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    places = {item["loc"] for item in found}
    # A list one of whose items is wrong is also "too short": that is the same mistake.
    found = [
        item
        for item in found
        if item["type"] != "too_short"
        or not any(len(at) > len(item["loc"]) and at[: len(item["loc"])] == item["loc"] for at in places)
    ]
    if any(item["type"] not in _BETWEEN_PARTS for item in found):
        # Pydantic did not come to comparing the parts.
        details = list(
            inconsistencies(
                module.name,
                module.endpoints,
                module.schedule,
                module.declared_scopes,
                places=sum(module.document.at(key) is not None for key in ("entrypoint", "url")),
            )
        )
        if details:
            found += ValidationError.from_exception_data("Manifest", details).errors(
                include_url=False, include_input=False
            )
    return tuple(found)


_BETWEEN_PARTS = frozenset({"entrypoint", "twice", "own_scope"})


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."

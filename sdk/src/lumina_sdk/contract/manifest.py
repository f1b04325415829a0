"""`manifest.yml`: what a module declares, and all the hub reads before it runs anything.

Unknown keys are refused, so that a misspelt one is not silently without effect; keys that begin with `x-` are yours.
What is wrong is reported at once, each with its place: `ValidationError.errors()` holds for every error `loc`, `type`
(the checker's code), `msg` and, for those defined here, `ctx["hint"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from packaging.requirements import Requirement
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from lumina_sdk.contract.names import DependencyText, SemVer, Slug, StreamName
from lumina_sdk.contract.schedule import CronLine, Interval
from lumina_sdk.contract.scope import ScopeText, parse_scope
from lumina_sdk.contract.scopes import ScopeSet

__all__ = [
    "API_VERSION",
    "DeclaredScope",
    "Endpoint",
    "Limits",
    "Manifest",
    "ManifestEvents",
    "Method",
    "PathTemplate",
    "ScheduleEntry",
    "inconsistencies",
    "manifest_schema",
    "parameters_of",
    "path_shape",
]

API_VERSION = "1.0"
"""The contract this SDK speaks. A manifest of another major version is refused, one of a later minor too."""

PREFIX = "/api/v1/"
ENTRYPOINT_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
SCHEMA_URL = "urn:lumina:schema:manifest:1.0"
"""The schema's name. Every hub serves it at `/api/v1/schemas/manifest.json`."""

_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")
_PARAMETER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class ManifestModel(BaseModel):
    """Frozen; unknown keys are refused, those that begin with `x-` passed over."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"patternProperties": {"^x-": True}}, validate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _without_extensions(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if not (isinstance(key, str) and key.startswith("x-"))}


class Method(StrEnum):
    """How an endpoint is called. HEAD and OPTIONS are the hub's to answer."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


def _path(text: str) -> str:
    def refuse(reason: str, hint: str) -> PydanticCustomError:
        return PydanticCustomError(
            "path", "{text} is no path of an endpoint: {reason}", {"text": repr(text), "reason": reason, "hint": hint}
        )

    if not text.startswith(PREFIX) or text == PREFIX:
        raise refuse(f"it does not begin with {PREFIX}", f"Write {PREFIX} and the name of your feature.")
    if text.startswith(PREFIX + "{"):
        raise refuse("its first part would be anybody's", f"Write {PREFIX} and the name of your feature.")
    for segment in text.removeprefix(PREFIX).split("/"):
        if segment in ("", ".", ".."):
            raise refuse("it has an empty part", "Leave out the extra slash, also one at the end.")
        if not _LITERAL.fullmatch(segment) and not _PARAMETER.fullmatch(segment):
            raise refuse(
                f"{segment!r} is neither plain nor a parameter",
                "A part is letters, digits and '-._~', or one parameter in braces: {item_id}.",
            )
    names = parameters_of(text)
    if len(set(names)) != len(names):
        raise refuse("a parameter is there twice", "Give each parameter a name of its own.")
    return text


def _api_version(text: str) -> str:
    major, minor = (int(part) for part in API_VERSION.split("."))
    theirs = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,4})", text)
    if theirs is None or int(theirs[1]) != major or int(theirs[2]) > minor:
        raise PydanticCustomError(
            "api_version",
            "the contract {text} is not spoken here",
            {"text": repr(text), "hint": f'Write api_version: "{API_VERSION}", in quotes.'},
        )
    return text


PathTemplate = Annotated[
    str,
    AfterValidator(_path),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^/api/v1/[A-Za-z0-9._~-]+(/([A-Za-z0-9._~-]+|\{[a-z_][a-z0-9_]*\}))*$",
            "examples": ["/api/v1/my-feature", "/api/v1/my-feature/{item_id}"],
        }
    ),
]
"""A path under /api/v1/. Its parts are plain, or a parameter in braces that stands for one part; the first is plain."""


def parameters_of(path: str) -> tuple[str, ...]:
    """The names of a template's parameters, from left to right."""
    return tuple(_PARAMETER.findall(path))


def path_shape(path: str) -> str:
    """A template without its parameters' names: two endpoints of one shape and method collide."""
    return _PARAMETER.sub("{}", path)


class Endpoint(ManifestModel):
    """One route of a module. The same entry is the route, its OpenAPI operation, an MCP tool and the scopes needed."""

    path: PathTemplate
    method: Method
    description: str = Field(min_length=1, max_length=500, description="What it does, in a sentence, for API readers.")
    scopes: tuple[ScopeText, ...] = Field(
        min_length=1,
        description="What a caller must be granted, all of them: of the module's permissions or own scopes.",
    )
    mcp: bool = Field(default=False, description="Offer it as a tool to MCP clients too.")
    timeout_s: float = Field(
        default=30, gt=0, le=3600, description="How long the hub waits for the answer, or the first byte of a stream."
    )
    stream: bool = Field(
        default=False,
        description="The answer may go on after `timeout_s`, as server-sent events do; it is never cut off.",
    )
    websocket: bool = Field(default=False, description="It is a WebSocket; the method is then GET.")
    body_limit_bytes: int | None = Field(
        default=None, ge=0, description="The largest request passed on. Unset: the hub's `max_body_bytes`."
    )
    max_concurrency: int | None = Field(
        default=None, ge=1, le=10_000, description="Requests at one time; more are refused with 503. Unset: the hub's."
    )
    rate_limit_per_min: int | None = Field(
        default=None, ge=1, description="Requests a caller may make in a minute; more are refused with 429."
    )

    @model_validator(mode="after")
    def _websocket_opens_with_get(self) -> Self:
        if self.websocket and self.method is not Method.GET:
            raise PydanticCustomError("websocket", "a WebSocket is opened with GET", {"hint": "Write method: GET."})
        return self


class ManifestEvents(ManifestModel):
    """The streams a module writes to and those it is given events of."""

    publishes: tuple[StreamName, ...] = ()
    subscribes: tuple[StreamName, ...] = ()


class ScheduleEntry(ManifestModel):
    """What the hub starts at set times, by `cron` or `every`; not again while a run is still going on."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$", description="The job's name, unique in this module.")
    cron: CronLine | None = None
    every: Interval | None = None
    timeout_s: float = Field(default=300, gt=0, le=86_400, description="How long one run may take.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.cron is None) == (self.every is None):
            raise PydanticCustomError(
                "schedule",
                "a schedule entry needs either cron or every",
                {"hint": "Write every: 10m, or cron: '0 3 * * *', and not both."},
            )
        return self


class DeclaredScope(ManifestModel):
    """A scope of the module's own, which its endpoints may ask for."""

    name: ScopeText
    description: str = Field(min_length=1, max_length=200, description="What it allows, in a sentence, for people.")


class Limits(ManifestModel):
    """How much of the machine the module's process may use. Unset: the hub's own limits."""

    memory_mb: int | None = Field(default=None, ge=16, description="Memory, in MiB.")
    processes: int | None = Field(default=None, ge=1, le=1024, description="Processes and threads at one time.")
    open_files: int | None = Field(default=None, ge=32, le=65_536, description="Open files and sockets.")
    cpu_percent: int | None = Field(
        default=None, ge=1, le=6400, description="Processor time, in percent of one core; 200 is two cores."
    )
    disk_mb: int | None = Field(default=None, ge=1, description="The data directory's size, in MiB.")


class Manifest(ManifestModel):
    """A module, described. Exactly one of `entrypoint` and `url` says where it runs."""

    schema_url: str | None = Field(default=None, alias="$schema", description="For editors; the hub passes over it.")
    name: Slug = Field(description="The module's unique name, equal to its folder's.")
    version: SemVer
    description: str = Field(min_length=1, max_length=500, description="What the module is for, in a sentence.")
    api_version: Annotated[str, AfterValidator(_api_version)] = Field(
        description="The contract the module was written for.", examples=[API_VERSION]
    )
    dependencies: tuple[DependencyText, ...] = Field(
        default=(), description="Parts of Lumina and other modules that must be there, with their versions."
    )
    endpoints: tuple[Endpoint, ...] = ()
    permissions: tuple[ScopeText, ...] = Field(
        default=(), description="What the module asks to be allowed; the owner grants it, or not."
    )
    scopes: tuple[DeclaredScope, ...] = Field(default=(), description="Scopes of the module's own.")
    events: ManifestEvents = ManifestEvents()
    schedule: tuple[ScheduleEntry, ...] = ()
    config_schema: dict[str, JsonValue] = Field(
        default_factory=dict, description="JSON Schema (2020-12) of the module's settings; the UI draws a form from it."
    )
    limits: Limits = Limits()
    entrypoint: str | None = Field(
        default=None,
        pattern=ENTRYPOINT_PATTERN,
        description="Where the module's `Module` is: the Python file and the name in it.",
        examples=["lumina_my_module.app:module"],
    )
    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="Where a module that runs elsewhere answers.",
        examples=["https://modules.example.org/my-module"],
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        errors = list(
            inconsistencies(
                self.name,
                dict(enumerate(self.endpoints)),
                dict(enumerate(self.schedule)),
                dict(enumerate(self.scopes)),
                places=(self.entrypoint is not None) + (self.url is not None),
            )
        )
        if errors:
            raise ValidationError.from_exception_data("Manifest", errors)
        return self

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """`dependencies`, taken apart."""
        return tuple(Requirement(text) for text in self.dependencies)

    @property
    def permission_set(self) -> ScopeSet:
        """All the module may ever do: its permissions and the scopes it declares itself."""
        return ScopeSet((*self.permissions, *self.own_scopes))

    @property
    def own_scopes(self) -> tuple[str, ...]:
        """The names of the scopes it declares itself."""
        return tuple(scope.name for scope in self.scopes)


def inconsistencies(
    name: str,
    endpoints: Mapping[int, Endpoint],
    schedule: Mapping[int, ScheduleEntry],
    scopes: Mapping[int, DeclaredScope],
    *,
    places: int,
) -> Iterator[InitErrorDetails]:
    """What is wrong between parts that are each right, by their place in the manifest.

    `places` is how many of `entrypoint` and `url` there are. A manifest some of whose parts are wrong can be looked at
    too: leave those out.
    """
    if places != 1:
        yield _error(
            "entrypoint",
            "a module has either an entrypoint or a url" + (", not both" if places else ""),
            "Write entrypoint: lumina_<name>.app:module for one the hub starts, url: for one that runs elsewhere.",
            ("entrypoint",),
        )
    yield from _twice("endpoints", {i: f"{part.method} {path_shape(part.path)}" for i, part in endpoints.items()})
    yield from _twice("schedule", {i: part.name for i, part in schedule.items()})
    yield from _twice("scopes", {i: part.name for i, part in scopes.items()})
    for index, scope in scopes.items():
        resource = parse_scope(scope.name).resource
        if resource != name and not resource.startswith(f"{name}."):
            yield _error(
                "own_scope",
                f"{scope.name!r} is not the module's to declare",
                f"Its own scopes end with its name, or its name, a dot and more: read:{name}.",
                ("scopes", index, "name"),
            )


def _twice(field: str, keys: Mapping[int, str]) -> Iterator[InitErrorDetails]:
    seen: set[str] = set()
    for index, key in keys.items():
        if key in seen:
            yield _error("twice", f"{key!r} is declared twice", "Remove one, or rename it.", (field, index))
        seen.add(key)


def _error(code: str, message: str, hint: str, place: tuple[str | int, ...]) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError(code, "{message}", {"message": message, "hint": hint}), loc=place, input=None
    )


def manifest_schema() -> dict[str, Any]:
    """The manifest's JSON Schema (2020-12), as editors read it."""
    schema = Manifest.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_URL,
        **schema,
        "title": "Lumina module manifest",
        "oneOf": [{"required": ["entrypoint"]}, {"required": ["url"]}],
    }

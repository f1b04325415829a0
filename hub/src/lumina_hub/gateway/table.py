"""Which endpoint of which module a path belongs to. Compiled once, read by every request, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lumina_core.errors import Conflict
from lumina_sdk.contract import ScopeSet
from lumina_sdk.contract.manifest import Endpoint

__all__ = ["WEBSOCKET", "ModuleRoutes", "Route", "RouteTable", "overlap"]


@dataclass(frozen=True, slots=True)
class ModuleRoutes:
    """A module's endpoints and where it listens: a Unix socket, or the URL of one that runs elsewhere.

    `scopes` is what the module may do for a caller who may do everything: its manifest ∩ the operator's grant.
    """

    slug: str
    address: Path | str
    endpoints: tuple[Endpoint, ...]
    scopes: ScopeSet = field(default_factory=ScopeSet)


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint in a table; `index` counts the routes of that table from 0. A WebSocket's `method` is `WEBSOCKET`."""

    index: int
    module: ModuleRoutes
    endpoint: Endpoint
    method: str


WEBSOCKET = "WEBSOCKET"
_Methods = dict[str, Route]


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    methods: _Methods | None = None


class RouteTable:
    """Finding a route costs one look-up for a path without parameters, else a walk along its segments.

    Where several templates match, the one whose literal segments come first wins, method by method. The number of
    modules does not matter.
    """

    def __init__(self, modules: Iterable[ModuleRoutes] = (), *, reserved: Iterable[str] = ()) -> None:
        """
        Args:
            modules: In any order.
            reserved: Path templates that are not theirs to take: the hub's own routes.

        Raises:
            Conflict: two templates of different modules, or one and a reserved template, could match the same path;
                or a module has the same path and method twice.
        """
        self.modules = tuple(modules)
        self.routes: tuple[Route, ...] = tuple(_numbered(self.modules))
        self._root = _Node()
        self._literal: dict[str, _Methods] = {}
        reserved = tuple(reserved)
        for route in self.routes:
            self._add(route, reserved)
        for route in self.routes:
            if "{" not in route.endpoint.path:  # a dict of its own, completed with what templates say of the same path
                path = route.endpoint.path
                self._literal[path] = dict(
                    pair for methods in reversed([*self._walk(path)]) for pair in methods.items()
                )

    def match(self, method: str, path: str) -> Route | str | None:
        """The route; or, where only the method is wrong, the value of `Allow`; or None where nothing lives there.

        `path` is decoded and canonical (see `paths.py`).
        """
        methods = self._literal.get(path)
        if methods is not None:
            found = methods.get(method)
            if found is None and method == "HEAD":
                found = methods.get("GET")
            return found or _allow(methods)
        allowed: _Methods = {}
        for methods in self._walk(path):
            found = methods.get(method)
            if found is None and method == "HEAD":
                found = methods.get("GET")
            if found is not None:
                return found
            allowed |= methods
        return _allow(allowed) if allowed else None

    def _add(self, route: Route, reserved: tuple[str, ...]) -> None:
        path, slug = route.endpoint.path, route.module.slug
        segments = path.split("/")[1:]
        for taken in reserved:
            if overlap(path, taken):
                raise Conflict(
                    f"the module {slug!r} wants {path}, which is the hub's own {taken}", hint="Choose another path."
                )
        for other in self._overlapping(self._root, segments, 0):
            if other.module.slug != slug:
                raise Conflict(
                    f"the modules {other.module.slug!r} and {slug!r} both want paths such as {path}",
                    hint="Disable one of them, or change its path.",
                )
        node = self._root
        for segment in segments:
            if _is_parameter(segment):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        node.methods = {} if node.methods is None else node.methods
        if route.method in node.methods:
            raise Conflict(f"the module {slug!r} declares {route.method} {path} twice", hint="Remove one of them.")
        node.methods[route.method] = route

    def _overlapping(self, node: _Node, segments: list[str], at: int) -> Iterator[Route]:
        """Routes that could match a path this template matches too."""
        if at == len(segments):
            yield from (node.methods or {}).values()
            return
        nexts: Iterable[_Node] = node.literal.values()
        if not _is_parameter(segments[at]):
            nexts = [node.literal[segments[at]]] if segments[at] in node.literal else []
        for following in nexts:
            yield from self._overlapping(following, segments, at + 1)
        if node.parameter is not None:
            yield from self._overlapping(node.parameter, segments, at + 1)

    def _walk(self, path: str) -> Iterator[_Methods]:
        """The methods of every template that matches, literal segments first. Each node is visited once at most."""
        segments = path.split("/")[1:]
        last = len(segments)
        waiting = [(self._root, 0)]
        while waiting:
            node, at = waiting.pop()
            if at == last:
                if node.methods is not None:
                    yield node.methods
                continue
            segment = segments[at]
            if node.parameter is not None and segment:
                waiting.append((node.parameter, at + 1))
            following = node.literal.get(segment)
            if following is not None:
                waiting.append((following, at + 1))


def overlap(template: str, other: str) -> bool:
    """Whether some path matches both templates. `{rest:path}` matches any number of segments."""
    mine, theirs = template.split("/"), other.split("/")
    for one, another in zip(mine, theirs, strict=False):
        if one.endswith(":path}") or another.endswith(":path}"):
            return True
        if one != another and not (_is_parameter(one) or _is_parameter(another)):
            return False
    return len(mine) == len(theirs)


def _numbered(modules: tuple[ModuleRoutes, ...]) -> Iterator[Route]:
    pairs = ((module, endpoint) for module in modules for endpoint in module.endpoints)
    for index, (module, endpoint) in enumerate(pairs):
        yield Route(index, module, endpoint, WEBSOCKET if endpoint.websocket else str(endpoint.method))


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _allow(methods: _Methods) -> str:
    names = {name for name in methods if name != WEBSOCKET} | ({"HEAD"} if "GET" in methods else set())
    return ", ".join(sorted(names))

"""The streams the module writes to and reads."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import Requirement

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.events import CoreStream
from lumina_sdk.contract.finding import ModuleFinding
from lumina_sdk.contract.scope import Scope
from lumina_sdk.contract.scopes import ScopeSet

__all__ = ["RULE"]

BAD = Code("bad-stream", "A stream's name is not lower-case words joined by `:`.")
UNKNOWN = Code("unknown-stream", "A stream is neither Lumina's, nor the module's own, nor of a module it depends on.")
MISSING = Code("missing-event-permission", "The module uses a stream it does not ask permission for.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "stream")
    allowed = ScopeSet(module.permissions.values())
    others = [Requirement(text).name for text in module.dependencies.values()]
    for what, scope in (("publishes", Scope.WRITE_EVENTS), ("subscribes", Scope.READ_EVENTS)):
        owners = [module.name] if what == "publishes" else [module.name, *others]
        for index, stream in module.streams(what).items():
            place = ("events", what, index)
            if any(error["loc"] == place for error in module.errors):
                continue
            if stream not in set(CoreStream) and stream.partition(":")[0] not in owners:
                yield module.finding(
                    UNKNOWN,
                    place,
                    f"{stream!r} is not a stream the module can have to do with",
                    f"Its own begin with its name, {module.name}:done; it can read those of its dependencies. "
                    f"Lumina's are {', '.join(CoreStream)}.",
                )
            if not allowed.covers(narrowed := scope.narrowed(stream)):
                yield module.finding(
                    MISSING,
                    place,
                    f"the module {what} {stream!r} and does not ask for {narrowed!r}",
                    f"Add {narrowed!r} to permissions, or {str(scope)!r} for every stream.",
                )


RULE = Rule((BAD, UNKNOWN, MISSING), check)

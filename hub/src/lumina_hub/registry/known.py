"""What the registry knows of a module: where it is, what it says of itself, and what keeps it from running."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lumina_hub.registry.discovery import Found, discover
from lumina_hub.registry.examination import Examined, examine
from lumina_hub.registry.records import ModuleRecord
from lumina_hub.registry.resolution import Candidate, Obstacle, Resolution, resolve
from lumina_sdk.contract.manifest import Manifest

__all__ = ["Known", "Shelf"]

_Sign = tuple[Found, int, int]


@dataclass(frozen=True, slots=True)
class Known:
    """A module. `examined` is None until somebody looked at it."""

    found: Found
    examined: Examined | None = None
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def manifest(self) -> Manifest | None:
        return self.examined.manifest if self.examined is not None else None

    @property
    def faults(self) -> tuple[str, ...] | None:
        """Why it cannot run, in sentences; None where nobody has looked yet."""
        if self.examined is None:
            return None
        said = tuple(f"{it.message.rstrip('.')} ({it.path}:{it.line or 1})" for it in self.examined.errors)
        if self.examined.manifest is None and not said:
            said = ("its manifest cannot be used",)
        return (*said, *map(str, self.obstacles))


@dataclass(slots=True)
class Shelf:
    """Every module there is.

    Args:
        folders: Holds modules as folders.
        state: Holds what the hub keeps of each module.
        core: The versions of Lumina's own parts, by distribution name.
    """

    folders: Path
    state: Path
    core: Mapping[str, str]
    modules: dict[str, Known] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    _signs: dict[str, _Sign] = field(default_factory=dict)

    def look(self, records: Mapping[str, ModuleRecord], *, running: Mapping[str, Manifest] = {}) -> None:
        """Find what there is, look at what is new or has changed, and see what can run. Reads files: call it in a
        thread.

        Args:
            records: What people decided.
            running: Those that run, with the manifests they run by: these hold until they are started anew.
        """
        taken = {
            endpoint.path: f"the module {slug!r}"
            for slug, manifest in running.items()
            for endpoint in manifest.endpoints
        }
        examined: dict[str, tuple[Found, Examined | None]] = {}
        for slug, found in discover(self.folders, self.state, records).items():
            before = self.modules.get(slug)
            if slug in running and before is not None:
                examined[slug] = (before.found, before.examined)
                continue
            sign = _sign(found)
            if before is None or before.examined is None or self._signs.get(slug) != sign:
                others = {path: owner for path, owner in taken.items() if owner != f"the module {slug!r}"}
                examined[slug] = (found, examine(found, others))
                self._signs[slug] = sign
            else:
                examined[slug] = (found, before.examined)
        self._resolve(examined)

    def put(self, known: Known) -> None:
        """Take up another version of a module."""
        self._signs.pop(known.found.slug, None)
        every = {slug: (it.found, it.examined) for slug, it in self.modules.items()}
        self._resolve({**every, known.found.slug: (known.found, known.examined)})

    def obstacles_with(self, known: Known) -> Mapping[str, tuple[Obstacle, ...]]:
        """What would keep which modules from running if this version were there."""
        every = {slug: (it.found, it.examined) for slug, it in self.modules.items()}
        return self._resolution({**every, known.found.slug: (known.found, known.examined)}).obstacles

    def _resolution(self, examined: Mapping[str, tuple[Found, Examined | None]]) -> Resolution:
        candidates = list(_candidates(examined))
        return resolve(candidates, self.core, examined.keys() - {it.slug for it in candidates})

    def _resolve(self, examined: Mapping[str, tuple[Found, Examined | None]]) -> None:
        resolution = self._resolution(examined)
        self.order = resolution.order
        self.modules = {
            slug: Known(found, seen, resolution.obstacles.get(slug, ())) for slug, (found, seen) in examined.items()
        }

    def needs(self, slug: str) -> tuple[str, ...]:
        """The modules a module names as dependencies, by name."""
        manifest = self.modules[slug].manifest if slug in self.modules else None
        names = {it.name for it in manifest.requirements} if manifest is not None else set()
        return tuple(sorted(names & self.modules.keys()))

    def needed_by(self, slug: str) -> tuple[str, ...]:
        """The modules that name a module as a dependency, by name."""
        return tuple(sorted(other for other in self.modules if slug in self.needs(other)))


def _candidates(examined: Mapping[str, tuple[Found, Examined | None]]) -> Iterable[Candidate]:
    """Those whose manifests can be used."""
    for slug, (_, seen) in examined.items():
        if seen is not None and seen.manifest is not None and not seen.errors:
            yield Candidate(slug, seen.manifest.version, seen.manifest.requirements)


def _sign(found: Found) -> _Sign:
    """Changes when the manifest does."""
    try:
        state = found.manifest.stat() if found.manifest is not None else None
    except OSError:
        state = None
    return (found, state.st_mtime_ns, state.st_size) if state is not None else (found, 0, 0)

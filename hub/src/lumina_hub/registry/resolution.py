"""Which modules can run together, in which order they start, and what keeps the others from it."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["Blocked", "Candidate", "Cycle", "Obstacle", "Resolution", "Unmet", "resolve"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A module that wants to run. `version` is one that PEP 440 can order."""

    slug: str
    version: str
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmet:
    """What it needs is not there (`found` is None), or there in another version."""

    requirement: Requirement
    found: str | None

    def __str__(self) -> str:
        there = "which is not there" if self.found is None else f"and {self.found} is there"
        return f"it needs {_written(self.requirement)}, {there}"


@dataclass(frozen=True, slots=True)
class Cycle:
    """It needs itself. `slugs` begins and ends with it; each one needs the next."""

    slugs: tuple[str, ...]

    def __str__(self) -> str:
        return f"it needs itself: {' → '.join(self.slugs)}"


@dataclass(frozen=True, slots=True)
class Blocked:
    """It needs a module that is there, and cannot run itself."""

    slug: str

    def __str__(self) -> str:
        return f"it needs {self.slug}, which cannot run itself"


Obstacle = Unmet | Cycle | Blocked


@dataclass(frozen=True, slots=True)
class Resolution:
    """`order` holds those that can run, each after all it needs; ties are broken by name. `obstacles` holds the others,
    each with everything that keeps it from running. Every candidate is in exactly one of the two."""

    order: tuple[str, ...]
    obstacles: Mapping[str, tuple[Obstacle, ...]]


def resolve(
    candidates: Iterable[Candidate], core: Mapping[str, str], broken: Collection[str] = frozenset()
) -> Resolution:
    """Order modules by what they need.

    Args:
        candidates: Every module that could run, in any order, each slug once.
        core: The versions of Lumina's own parts, by distribution name.
        broken: Modules that are there and cannot run, whatever they need.
    """
    known = {candidate.slug: candidate for candidate in candidates}
    versions = {**{slug: candidate.version for slug, candidate in known.items()}, **core}
    needs = {slug: sorted({_name(it) for it in known[slug].requirements} & known.keys()) for slug in known}

    obstacles: dict[str, tuple[Obstacle, ...]] = {}
    for slug, candidate in known.items():
        found: list[Obstacle] = [
            Blocked(_name(it)) if _name(it) in broken else Unmet(it, versions.get(_name(it)))
            for it in candidate.requirements
            if not _is_met(it, versions)
        ]
        cycle = _way_back(slug, needs)
        if cycle is not None:
            found.append(Cycle(cycle))
        if found:
            obstacles[slug] = tuple(found)

    order = _sorted({slug: needed for slug, needed in needs.items() if slug not in obstacles})
    for slug in sorted(known.keys() - obstacles.keys() - set(order)):
        stuck = [needed for needed in needs[slug] if needed not in order]
        obstacles[slug] = tuple(Blocked(needed) for needed in stuck)
    return Resolution(order, obstacles)


def _is_met(requirement: Requirement, versions: Mapping[str, str]) -> bool:
    version = versions.get(_name(requirement))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _way_back(slug: str, needs: Mapping[str, list[str]]) -> tuple[str, ...] | None:
    """The shortest way from a module to itself; of several the alphabetically first."""
    ways: deque[tuple[str, ...]] = deque([(slug,)])
    seen: set[str] = set()
    while ways:
        way = ways.popleft()
        for needed in needs[way[-1]]:
            if needed == slug:
                return (*way, slug)
            if needed not in seen:
                seen.add(needed)
                ways.append((*way, needed))
    return None


def _sorted(needs: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Those all of whose needs are there too, each after what it needs (Kahn 1962)."""
    waiting = {slug: len(needed) for slug, needed in needs.items()}
    needed_by: dict[str, list[str]] = {}
    for slug, needed in needs.items():
        for other in needed:
            needed_by.setdefault(other, []).append(slug)
    ready = [slug for slug, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        slug = heapq.heappop(ready)
        order.append(slug)
        for other in needed_by.get(slug, ()):
            waiting[other] -= 1
            if waiting[other] == 0:
                heapq.heappush(ready, other)
    return tuple(order)


def _name(requirement: Requirement) -> str:
    return str(canonicalize_name(requirement.name))


def _written(requirement: Requirement) -> str:
    return f"{requirement.name} {requirement.specifier}".strip()

"""Where the module's endpoints live."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding
from lumina_sdk.contract.manifest import PREFIX
from lumina_sdk.contract.reserved import RESERVED_PARTS

__all__ = ["RULE", "overlap"]

BAD = Code("bad-path", "A path is not made of plain parts and parameters under `/api/v1/`.")
RESERVED = Code("reserved-path", "A path lies where the core's own routes live.")
TAKEN = Code("taken-path", "A path is somebody else's already.")
COLLISION = Code("path-collision", "Two endpoints of the module could answer to one request.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "path", "websocket")
    for index, endpoint in module.endpoints.items():
        place = ("endpoints", index, "path")
        first = endpoint.path.removeprefix(PREFIX).partition("/")[0]
        if first in RESERVED_PARTS:
            yield module.finding(
                RESERVED,
                place,
                f"{endpoint.path} lies under {PREFIX}{first}, which is the core's",
                f"Begin it with the module's name: {PREFIX}{module.name}.",
            )
        for other, owner in module.taken.items():
            if overlap(endpoint.path, other):
                yield module.finding(
                    TAKEN,
                    place,
                    f"{endpoint.path} could answer to a request for {other} of {owner}",
                    f"Choose another path, such as {PREFIX}{module.name}.",
                )
    for (_, former), (index, latter) in combinations(module.endpoints.items(), 2):
        if former.method == latter.method and _ambiguous(former.path, latter.path):
            yield module.finding(
                COLLISION,
                ("endpoints", index, "path"),
                f"a request could be for {former.path} as well as for {latter.path}",
                "Give them different plain parts.",
            )


def overlap(one: str, other: str) -> bool:
    """Whether some request's path fits both templates."""
    ours, theirs = one.split("/"), other.split("/")
    return len(ours) == len(theirs) and all(
        mine == yours or "{" in mine or "{" in yours for mine, yours in zip(ours, theirs, strict=True)
    )


def _ambiguous(one: str, other: str) -> bool:
    """Whether two templates overlap and neither is the more particular one: then no rule says which wins."""
    if not overlap(one, other):
        return False
    pairs = list(zip(one.split("/"), other.split("/"), strict=True))
    first_wins = any("{" not in mine and "{" in yours for mine, yours in pairs)
    second_wins = any("{" in mine and "{" not in yours for mine, yours in pairs)
    return first_wins and second_wins


RULE = Rule((BAD, RESERVED, TAKEN, COLLISION), check)

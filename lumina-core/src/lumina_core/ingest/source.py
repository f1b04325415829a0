"""The seam between us and wherever documents come from.

A source is read once, front to back, and yields items: `Article` and `Redirect` are to be stored, `Unchanged` and
`Skipped` are to be counted. Drivers are found through stevedore, group `lumina.sources`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import structlog
from stevedore import ExtensionManager

from lumina_core.documents import Article, Redirect
from lumina_core.errors import InvalidInput

__all__ = [
    "Article",
    "Item",
    "Known",
    "Redirect",
    "Skipped",
    "Source",
    "SourceDriver",
    "Unchanged",
    "never_known",
    "open_source",
    "source_kinds",
]

_GROUP = "lumina.sources"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A document that cannot be taken in. `reason` is a clause a person understands, without a full stop."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document whose revision is already known; it was not parsed."""

    title: str


Item: TypeAlias = Article | Redirect | Skipped | Unchanged

Known: TypeAlias = Callable[[str, str, str], bool]
"""`(source, title, revision)` to whether that revision is already stored."""


def never_known(source: str, title: str, revision: str) -> bool:
    """The `Known` of an empty store."""
    return False


class Source(Protocol):
    """Documents from one place."""

    @property
    def name(self) -> str:
        """What every `Article.source` from here says; part of the article ids, so it must stay the same."""

    @property
    def total_bytes(self) -> int | None:
        """Size of what is read, as it lies on the disk (compressed); None where nobody can say beforehand."""

    @property
    def position_bytes(self) -> int:
        """How much of `total_bytes` has been read; never falls. May be read from another thread."""

    def items(self, *, known: Known = never_known) -> Iterator[Item]:
        """Read from the start.

        Raises:
            UnreadableSource: the source is damaged; whatever stood complete before the damage was yielded first.
        """


class SourceDriver(Protocol):
    """What an entry point of the group `lumina.sources` names: usually the class of the source itself."""

    def accepts(self, spec: str) -> bool:
        """Say, from the spec and a look at the first bytes, whether this driver reads it. Never raises."""

    def open(self, spec: str, *, allow_private: bool = False) -> Source:
        """Open it; `UnreadableSource` where that can be known before reading everything. Only with `allow_private` may
        a driver that reads from the network begin at an address of this machine or a private network."""


_ORDER = ("url", "mediawiki-dump", "folder")


def source_kinds() -> tuple[str, ...]:
    """Names of the installed drivers, in the order they are asked."""
    return tuple(_drivers())


def open_source(spec: str, kind: str | None = None, *, allow_private: bool = False) -> Source:
    """Open what `spec` names: a URL, a dump, a folder or a file.

    Args:
        spec: A path or a URL.
        kind: A driver's name; without it, the drivers are asked in turn.
        allow_private: Whether a URL may be on this machine or a private network.

    Raises:
        InvalidInput: no such kind, or nobody reads this.
        UnreadableSource: it is there and is not what it claims to be.
    """
    drivers = _drivers()
    if not spec.strip():
        raise InvalidInput("the source is empty", hint="Give a dump, a folder, a file or a URL.")
    if kind is not None:
        if kind not in drivers:
            raise InvalidInput(f"there is no source kind {kind!r}", hint=f"Installed kinds: {', '.join(drivers)}.")
        return drivers[kind].open(spec, allow_private=allow_private)
    for driver in drivers.values():
        if driver.accepts(spec):
            return driver.open(spec, allow_private=allow_private)
    if not Path(spec).exists():
        raise InvalidInput(
            f"there is no file or folder {spec!r}", hint="Check the path; a web page's address begins with https://."
        )
    raise InvalidInput(
        f"nothing here reads {spec!r}",
        hint="Give an existing MediaWiki dump (.xml, .xml.bz2, .xml.gz), a folder or file of Markdown, text or HTML, "
        "or an http(s) URL.",
    )


def _drivers() -> dict[str, SourceDriver]:
    found: dict[str, SourceDriver] = {}
    extensions: ExtensionManager[Any] = ExtensionManager(_GROUP, invoke_on_load=False, on_load_failure_callback=_report)
    for extension in extensions:
        found[extension.name] = cast("SourceDriver", extension.plugin)
    return {name: found[name] for name in sorted(found, key=_rank)}


def _rank(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else -1, name)


def _report(manager: object, entry_point: EntryPoint, error: BaseException) -> None:
    """One driver that cannot be loaded takes nothing from the others."""
    _log.warning("source_driver_broken", kind=entry_point.name, error=f"{type(error).__name__}: {error}")

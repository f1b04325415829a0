"""The XML of a MediaWiki dump as a stream of pages.

Expat hands us the text in pieces, so a page over the limit is passed over without ever being in memory, and a
document type declaration (the only way to an entity bomb) is refused where it begins.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from xml.parsers import expat

from lumina_core.errors import UnreadableSource
from lumina_core.ingest.compressed import CompressedFile

__all__ = ["DumpPage", "DumpReader", "DumpRevision", "checked_blocks"]

_BLOCKS_UNTIL_CHECKSUM = 16
_CAPTURED = frozenset({"title", "ns", "id", "timestamp", "text", "model", "format", "sitename", "base", "dbname"})


@dataclass(slots=True)
class DumpRevision:
    id: str = ""
    timestamp: str = ""
    model: str = ""
    text: str | None = None
    text_bytes: int = 0

    def order(self) -> tuple[str, int]:
        return self.timestamp, int(self.id) if self.id.isdigit() else 0


@dataclass(slots=True)
class DumpPage:
    title: str = ""
    ns: str | None = None
    redirect: bool = False
    redirect_title: str | None = None
    revision: DumpRevision | None = None


@dataclass(slots=True)
class DumpSite:
    sitename: str = ""
    dbname: str = ""
    base: str = ""
    language: str = ""
    namespaces: dict[int, str] = field(default_factory=dict)


class DumpReader:
    """Expat's handlers: bytes go in through `feed`, complete pages come out of `pages`."""

    def __init__(self, max_page_bytes: int) -> None:
        self.site = DumpSite()
        self.pages: deque[DumpPage] = deque()
        self.page: DumpPage | None = None
        self._max = max_page_bytes
        self._path: list[str] = []
        self._revision: DumpRevision | None = None
        self._capture: list[str] | None = None
        self._captured = 0
        self._namespace: int | None = None
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, block: bytes, final: bool = False) -> None:
        self._parser.Parse(block, final)

    def _doctype(self, *_: object) -> None:
        raise UnreadableSource(
            "the XML declares a document type, which no MediaWiki dump does; its entities could be a bomb",
            hint="Use a dump as MediaWiki exports it.",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        path = self._path
        if not path:
            if name != "mediawiki":
                raise UnreadableSource(
                    f"not a MediaWiki dump: its outermost element is {name[:60]!r}, not 'mediawiki'",
                    hint="Give a file from Special:Export or a pages-articles dump.",
                )
            self.site.language = attributes.get("xml:lang", "")
        path.append(name)
        if name == "page" and len(path) == 2:
            self.page = DumpPage()
        elif name == "revision" and len(path) == 3:
            self._revision = DumpRevision()
        elif name == "redirect" and self.page is not None:
            self.page.redirect = True
            self.page.redirect_title = attributes.get("title")
        elif name == "namespace":
            key = attributes.get("key", "")
            self._namespace = int(key) if re.fullmatch(r"-?\d+", key) else None
            self._capture, self._captured = [], 0
        elif name in _CAPTURED and len(path) <= 4:
            self._capture, self._captured = [], 0

    def _characters(self, piece: str) -> None:
        if self._capture is not None:
            self._captured += len(piece) if piece.isascii() else len(piece.encode())
            if self._captured <= self._max:
                self._capture.append(piece)
            else:
                self._capture.clear()

    def _end(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._capture is not None and (name in _CAPTURED or name == "namespace"):
            value, size = "".join(self._capture), self._captured
            self._capture = None
            self._keep(name, self._path[-1] if self._path else "", value, size)
        if name == "revision" and depth == 3 and self.page is not None and self._revision is not None:
            latest = self.page.revision
            if latest is None or self._revision.order() >= latest.order():
                self.page.revision = self._revision
            self._revision = None
        elif name == "page" and depth == 2 and self.page is not None:
            self.pages.append(self.page)
            self.page = None

    def _keep(self, name: str, parent: str, value: str, size: int) -> None:
        if parent == "revision" and self._revision is not None:
            if name == "text":
                self._revision.text, self._revision.text_bytes = value, size
            elif name in {"id", "timestamp", "model"}:
                setattr(self._revision, name, value.strip())
        elif parent == "page" and self.page is not None:
            if name == "title":
                self.page.title = value
            elif name == "ns":
                self.page.ns = value.strip()
        elif parent == "siteinfo":
            setattr(self.site, name, value.strip())
        elif parent == "namespaces" and self._namespace is not None:
            self.site.namespaces[self._namespace] = value.strip()


def checked_blocks(file: CompressedFile, reader: DumpReader) -> Iterator[bytes]:
    """Feed the reader block by block, and say in our words what is wrong with the file."""
    started = False
    blocks = file.blocks()
    try:
        for block in blocks:
            if not started and block.strip():
                started = True
                if not block.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or b"\0" in block[:256]:
                    raise UnreadableSource(
                        f"{file.path.name!r} is not a MediaWiki dump: it does not begin with UTF-8 XML",
                        hint="Give an .xml, .xml.bz2 or .xml.gz file in UTF-8, as MediaWiki exports it.",
                    )
            reader.feed(block)
            yield block
        if not started:
            raise UnreadableSource(f"{file.path.name!r} is empty", hint="Download the dump again.")
        reader.feed(b"", final=True)
    except expat.ExpatError as error:
        for _ in islice(blocks, _BLOCKS_UNTIL_CHECKSUM):
            pass  # compressed data shows its damage only at the next checksum, and is then what to blame
        where = f" in the page {reader.page.title!r}" if reader.page is not None and reader.page.title else ""
        reason = expat.ErrorString(error.code)
        at = f"line {error.lineno:,}"
        if reason in {"no element found", "unclosed token", "unclosed CDATA section"}:
            raise UnreadableSource(
                f"{file.path.name!r} is truncated: its XML ends early, {at}{where}",
                hint="Download it again; every page before that one has been kept.",
            ) from error
        raise UnreadableSource(
            f"{file.path.name!r} is not well-formed UTF-8 XML: {reason}, {at}{where}",
            hint="Use the dump as MediaWiki exports it (UTF-8); every page before the damage has been kept.",
        ) from error

"""MediaWiki XML dumps, export schemas 0.3 to 0.11, as a stream of articles and redirects.

Expat feeds us the text in pieces, so a page over the limit is passed over without ever being in memory, and a
document type declaration (the only way to an entity bomb) is refused where it begins.
"""

from __future__ import annotations

import calendar
import re
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit
from xml.parsers import expat

from lumina_core.documents import Article, Redirect, article_id, fingerprint, normalise_title
from lumina_core.errors import UnreadableSource
from lumina_core.ingest.compressed import CompressedFile
from lumina_core.ingest.source import Item, Known, Skipped, Unchanged, never_known
from lumina_core.ingest.wikitext import WikiNames, parse_wikitext, redirect_target

__all__ = ["MAX_PAGE_BYTES", "MediaWikiDump"]

MAX_PAGE_BYTES = 16 << 20
"""Wikitext over this many bytes is reported and passed over. MediaWiki's own limit is 2 MiB."""

_HEAD_BYTES = 1 << 22
_BLOCKS_UNTIL_CHECKSUM = 16
_CAPTURED = frozenset({"title", "ns", "id", "timestamp", "text", "model", "format", "sitename", "base", "dbname"})
_TEXT_MODELS = frozenset({"", "wikitext", "text"})


@dataclass(slots=True)
class _Revision:
    id: str = ""
    timestamp: str = ""
    model: str = ""
    text: str | None = None
    text_bytes: int = 0

    def order(self) -> tuple[str, int]:
        return self.timestamp, int(self.id) if self.id.isdigit() else 0


@dataclass(slots=True)
class _Page:
    title: str = ""
    ns: str | None = None
    redirect: bool = False
    redirect_title: str | None = None
    revision: _Revision | None = None


@dataclass(slots=True)
class _Site:
    sitename: str = ""
    dbname: str = ""
    base: str = ""
    language: str = ""
    namespaces: dict[int, str] = field(default_factory=dict)


class MediaWikiDump:
    """One dump file. `ignored` counts the pages of other namespaces, by namespace, as `items` goes along."""

    def __init__(
        self,
        path: Path,
        *,
        namespaces: frozenset[int] = frozenset({0}),
        max_page_bytes: int = MAX_PAGE_BYTES,
    ) -> None:
        """Read as far as the first page, to learn the site's name and to refuse what is no dump."""
        self._file = CompressedFile(path)
        self._wanted = namespaces
        self._max_page_bytes = max_page_bytes
        self.ignored: Counter[int] = Counter()
        head = _Reader(max_page_bytes)
        read_bytes = 0
        try:
            for block in _checked(self._file, head):
                read_bytes += len(block)
                if head.pages or head.page is not None or read_bytes > _HEAD_BYTES:
                    break
        except UnreadableSource:
            if not head.pages and head.page is None:
                raise  # nothing can come of it; damage further on is told after the pages before it
        self._site = head.site
        self._prefix = _article_prefix(head.site.base)
        self._names = WikiNames.from_namespaces(head.site.namespaces, language=head.site.language)
        self._name = urlsplit(head.site.base).hostname or head.site.dbname or path.name.split(".")[0]
        self._file.position_bytes = 0

    @classmethod
    def accepts(cls, spec: str) -> bool:
        path = Path(spec)
        try:
            if not path.is_file():
                return False
            if path.suffix.lower() in {".bz2", ".gz", ".xml"}:
                return True
            with path.open("rb") as file:
                return b"<mediawiki" in file.read(4096)
        except (OSError, ValueError):
            return False

    @classmethod
    def open(cls, spec: str) -> Self:
        return cls(Path(spec))

    @property
    def name(self) -> str:
        return self._name

    @property
    def total_bytes(self) -> int:
        return self._file.total_bytes

    @property
    def position_bytes(self) -> int:
        return self._file.position_bytes

    def items(self, *, known: Known = never_known) -> Iterator[Item]:
        self.ignored = Counter()
        reader = _Reader(self._max_page_bytes)
        damage: UnreadableSource | None = None
        blocks = _checked(self._file, reader)
        while damage is None:
            try:
                if next(blocks, None) is None:
                    break
            except UnreadableSource as error:
                damage = error
            while reader.pages:
                item = self._item(reader.pages.popleft(), known)
                if item is not None:
                    yield item
        if damage is not None:
            raise damage

    def _item(self, page: _Page, known: Known) -> Item | None:
        namespace = self._namespace(page)
        if namespace not in self._wanted:
            self.ignored[namespace] += 1
            return None
        title = normalise_title(page.title)
        revision = page.revision
        if not title:
            return Skipped("(no title)", "the page has no title")
        if revision is None:
            return Skipped(title, "the page holds no revision")
        if known(self._name, title, revision.id):
            return Unchanged(title)
        if revision.text_bytes > self._max_page_bytes:
            size, limit = revision.text_bytes / (1 << 20), self._max_page_bytes / (1 << 20)
            return Skipped(title, f"its text is {size:.1f} MiB long, over the limit of {limit:.1f} MiB")
        if not revision.text:
            return Skipped(title, "the dump holds no text for it (a stub dump, or the text was deleted)")
        if revision.model not in _TEXT_MODELS:
            return Skipped(title, f"its content is {revision.model!r}, not wikitext")
        try:
            return self._parsed(title, page, revision, revision.text)
        except Exception as error:  # one bad page never ends a run, whatever is wrong with it
            return Skipped(title, f"its wikitext could not be parsed: {type(error).__name__}: {error}")

    def _parsed(self, title: str, page: _Page, revision: _Revision, wikitext: str) -> Item:
        ts = _epoch(revision.timestamp)
        target = redirect_target(wikitext)
        if target is None and page.redirect:
            target = page.redirect_title
        if target is not None:
            target = normalise_title(target.partition("#")[0])
            if not target:
                return Skipped(title, "it redirects to nowhere")
            return Redirect(title, target, self._name, revision.id, ts)
        parsed = parse_wikitext(wikitext, title=title, names=self._names)
        if not parsed.text:
            return Skipped(title, "nothing is left of it without tables and templates")
        return Article(
            id=article_id(self._name, title),
            title=title,
            url=self._prefix + quote(title.replace(" ", "_"), safe="/:(),!*'@;~-._")
            if self._prefix
            else self._local(title),
            source=self._name,
            revision=revision.id,
            ts=ts,
            text=parsed.text,
            summary=parsed.summary,
            fingerprint=fingerprint(parsed.text),
            sections=parsed.sections,
            links=parsed.links,
            categories=parsed.categories,
            wikidata=parsed.wikidata,
        )

    def _local(self, title: str) -> str:
        return f"{self._file.path.resolve().as_uri()}#{quote(title.replace(' ', '_'))}"

    def _namespace(self, page: _Page) -> int:
        if page.ns is not None and re.fullmatch(r"-?\d+", page.ns):
            return int(page.ns)
        prefix, colon, _ = page.title.partition(":")
        return self._names.namespace(prefix) if colon else 0


class _Reader:
    """Expat's handlers: bytes go in through `feed`, complete pages come out of `pages`."""

    def __init__(self, max_page_bytes: int) -> None:
        self.site = _Site()
        self.pages: deque[_Page] = deque()
        self.page: _Page | None = None
        self._max = max_page_bytes
        self._path: list[str] = []
        self._revision: _Revision | None = None
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
            self.page = _Page()
        elif name == "revision" and len(path) == 3:
            self._revision = _Revision()
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


def _checked(file: CompressedFile, reader: _Reader) -> Iterator[bytes]:
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


def _article_prefix(base: str) -> str:
    """Turn the main page's URL into the part of an article's URL that stands before its title."""
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    root = f"{parts.scheme}://{parts.netloc}"
    if "title" in parse_qs(parts.query):
        return f"{root}{parts.path}?title="
    return f"{root}{parts.path.rpartition('/')[0]}/"


def _epoch(timestamp: str) -> float:
    """`2016-04-22T10:19:33Z` to epoch seconds; 0.0 where there is none."""
    try:
        return float(calendar.timegm(time.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return 0.0

"""MediaWiki XML dumps, export schemas 0.3 to 0.11, as a stream of articles and redirects."""

from __future__ import annotations

import calendar
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit

from lumina_core.documents import Article, Redirect, article_id, fingerprint, normalise_title
from lumina_core.errors import UnreadableSource
from lumina_core.ingest.compressed import CompressedFile
from lumina_core.ingest.dump_reader import DumpPage, DumpReader, DumpRevision, checked_blocks
from lumina_core.ingest.source import Item, Known, Skipped, Unchanged, never_known
from lumina_core.ingest.wikitext import WikiNames, parse_wikitext, redirect_target

__all__ = ["MAX_PAGE_BYTES", "MediaWikiDump"]

MAX_PAGE_BYTES = 16 << 20
"""Wikitext over this many bytes is reported and passed over. MediaWiki's own limit is 2 MiB."""

_HEAD_BYTES = 1 << 22
_TEXT_MODELS = frozenset({"", "wikitext", "text"})


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
        head = DumpReader(max_page_bytes)
        read_bytes = 0
        try:
            for block in checked_blocks(self._file, head):
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
    def open(cls, spec: str, *, allow_private: bool = False) -> Self:
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
        reader = DumpReader(self._max_page_bytes)
        damage: UnreadableSource | None = None
        blocks = checked_blocks(self._file, reader)
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

    def _item(self, page: DumpPage, known: Known) -> Item | None:
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

    def _parsed(self, title: str, page: DumpPage, revision: DumpRevision, wikitext: str) -> Item:
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

    def _namespace(self, page: DumpPage) -> int:
        if page.ns is not None and re.fullmatch(r"-?\d+", page.ns):
            return int(page.ns)
        prefix, colon, _ = page.title.partition(":")
        return self._names.namespace(prefix) if colon else 0


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

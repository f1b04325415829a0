"""What Lumina knows, before it is indexed: articles, redirects and the chunks they are cut into."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import NewType

__all__ = [
    "Article",
    "ArticleId",
    "Chunk",
    "ChunkId",
    "Redirect",
    "Section",
    "article_id",
    "fingerprint",
    "normalise_title",
]

ArticleId = NewType("ArticleId", str)
ChunkId = NewType("ChunkId", str)

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the span of `Article.text` that stands under it, up to the next heading of any level.

    `heading` is "" for the lead. `path` names the enclosing headings, outermost first, ending in `heading`.
    `start` and `end` are offsets into `Article.text` in code points, half open, without the heading's own line.
    """

    heading: str
    level: int
    path: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article:
    """One revision of a document, as plain text.

    `text` holds paragraphs separated by one blank line; headings stand in it as paragraphs of their own, outside
    every section's span. `revision` is whatever the source calls this state (a MediaWiki revision id, a file's hash).
    `ts` is when that revision was made, epoch seconds. `links` are the titles it links to, in order, without repeats.
    """

    id: ArticleId
    title: str
    url: str
    source: str
    revision: str
    ts: float
    text: str
    summary: str
    fingerprint: str
    sections: tuple[Section, ...] = ()
    links: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    wikidata: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """A title that stands for another. `source` is the same name an `Article` of that source carries."""

    title: str
    target: str
    source: str
    revision: str
    ts: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of one section of an article: the unit that is indexed.

    `text == article.text[start:end]`. `sentences` are half-open spans relative to `text`, in order, not overlapping.
    """

    id: ChunkId
    article_id: ArticleId
    ordinal: int
    title: str
    url: str
    section: str
    start: int
    end: int
    text: str
    sentences: tuple[tuple[int, int], ...]
    ts: float


def normalise_title(title: str) -> str:
    """Fold a title the way links fold it: NFC, underscores as spaces, first letter upper case."""
    folded = _SPACE.sub(" ", unicodedata.normalize("NFC", title).replace("_", " ")).strip()
    return folded[:1].upper() + folded[1:]


def article_id(source: str, name: str) -> ArticleId:
    """Name an article for good: `art_` and 12 hex digits of SHA-256 over its source and its name there.

    `name` is what stays the same between revisions: the normalised title in a wiki, the path in a folder, the URL.
    """
    return ArticleId("art_" + hashlib.sha256(f"{source}\n{name}".encode()).hexdigest()[:12])


def fingerprint(text: str) -> str:
    """SHA-256, in hex, of the text in NFC with white space folded: equal for equal words, whatever the process."""
    folded = _SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()
    return hashlib.sha256(folded.encode()).hexdigest()

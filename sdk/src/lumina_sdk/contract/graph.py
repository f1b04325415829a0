"""Articles, their revisions and links, and recovery points."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from lumina_sdk.contract._model import RequestModel, WireModel

__all__ = [
    "AddArticles",
    "AddedArticle",
    "ArticleDetail",
    "ArticleDiff",
    "ArticleLinks",
    "ArticleRevision",
    "ArticleRevisions",
    "ArticleSection",
    "ArticleSummary",
    "Articles",
    "ArticlesAdded",
    "GraphChange",
    "GraphChanges",
    "GraphLogEntries",
    "GraphLogEntry",
    "LinkOut",
    "LogKind",
    "NewArticle",
    "PutLinks",
    "RecoveryPoint",
    "RecoveryPointRequest",
    "RecoveryPoints",
    "RestoreArticleRequest",
    "RestoreResult",
    "RestoreToPointRequest",
]


class ArticleSummary(WireModel):
    """An article as lists show it, in its newest revision."""

    id: str
    title: str
    url: str
    source: str
    revision: str
    ts: float
    wikidata: str | None = None
    pagerank: float | None = None


class Articles(WireModel):
    """By id; or, asked for by title, the one of exactly that title first, then those that begin so, by title.

    `after` is the cursor for the page after this one, None on the last page.
    """

    articles: tuple[ArticleSummary, ...]
    after: str | None = None


class ArticleSection(WireModel):
    """A heading and the span of the article's text under it; `heading` is "" for the lead."""

    heading: str
    level: int
    path: tuple[str, ...]
    start: int
    end: int


class ArticleDetail(ArticleSummary):
    """An article in one revision, with its text."""

    summary: str
    fingerprint: str
    text: str
    sections: tuple[ArticleSection, ...] = ()
    links: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class ArticleRevision(WireModel):
    """A state of an article, or its end (`event` is then `delete`). Times are epoch seconds: `ts` is when the source
    made it, `at` when it was added. A restored revision appears again, under its old name."""

    revision: str
    ts: float
    current: bool = False
    event: Literal["article", "delete"] = "article"
    title: str = ""
    at: float | None = None


class ArticleRevisions(WireModel):
    """In the order they were added, newest last."""

    article: str
    revisions: tuple[ArticleRevision, ...]


class LinkOut(WireModel):
    """A link's other end. `id` is None where no article of that title is known."""

    id: str | None
    title: str
    relations: tuple[str, ...] = ("page_link",)


class ArticleLinks(WireModel):
    """Links from and to an article."""

    article: str
    links_from: tuple[LinkOut, ...] = Field(description="What this article links to.")
    links_to: tuple[LinkOut, ...] = Field(description="What links to this article.")


class GraphChange(WireModel):
    """What one article, redirect or set of links was in two states; None where it was not there."""

    kind: Literal["added", "changed", "removed"]
    what: str
    id: str | None
    title: str
    before: str | None
    after: str | None


class GraphChanges(WireModel):
    """What leads from one state to the other; `complete` is false where there was more than the limit."""

    changes: tuple[GraphChange, ...]
    complete: bool = True


class ArticleDiff(WireModel):
    """Two revisions of one article as a unified diff of their texts."""

    article: str
    from_revision: str
    to_revision: str
    diff: str


class RestoreArticleRequest(RequestModel):
    """The revision to bring back. It becomes the newest; nothing is lost."""

    revision: str = Field(min_length=1)


class RecoveryPointRequest(RequestModel):
    """A name for the state as it is now."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.:-]*$")


class RecoveryPoint(WireModel):
    """A named state of the graph one can go back to. `automatic` ones were made by Lumina itself."""

    name: str
    ts: float
    automatic: bool = False


class RecoveryPoints(WireModel):
    """Oldest first."""

    points: tuple[RecoveryPoint, ...]


class RestoreToPointRequest(RequestModel):
    """The recovery point to go back to."""

    point: str = Field(min_length=1)


class RestoreResult(WireModel):
    """How many articles, redirects and sets of links were brought back to another state, and how many were removed.

    `undo` names the recovery point made of the state before; None where there was nothing to do, or for one article.
    """

    restored: int
    deleted: int = 0
    undo: str | None = None


class LogKind(StrEnum):
    """The parts of the graph log that `read:graph` may read; chat has routes and scopes of its own."""

    ARTICLES = "articles"
    LINKS = "links"
    RECOVERY = "recovery"


class GraphLogEntry(WireModel):
    """One event. `day` and `offset` say where its line ends in the log, `ts` when it was added, epoch seconds.

    `title` is, of a recovery point, its name; `revision`, of a redirect, what it leads to.
    """

    kind: LogKind
    day: str
    offset: int
    event: str
    id: str | None = None
    title: str | None = None
    revision: str | None = None
    ts: float | None = None


class GraphLogEntries(WireModel):
    """Newest first."""

    entries: tuple[GraphLogEntry, ...]


class NewArticle(RequestModel):
    """A state of a document to keep, as plain text with a blank line between paragraphs.

    `name` is what stays the same between revisions: a wiki's title, a path, an address; with the source it makes the
    article's id. `revision` None is the fingerprint of the text, `ts` None is now; `ts` is when the revision was made.
    The source is the caller itself, as `module:almanac`, or `module:almanac.<source>`.
    """

    name: str = Field(min_length=1, max_length=1024)
    title: str = Field(min_length=1, max_length=512)
    text: str = Field(min_length=1)
    url: str = Field(default="", max_length=4096)
    source: str = Field(default="", max_length=64, pattern=r"^[a-z0-9_.-]*$")
    revision: str | None = Field(default=None, min_length=1, max_length=128)
    ts: float | None = None
    summary: str = Field(default="", max_length=4000)
    links: tuple[str, ...] = Field(default=(), max_length=10_000)
    categories: tuple[str, ...] = Field(default=(), max_length=1000)
    wikidata: str | None = Field(default=None, pattern=r"^Q[1-9][0-9]*$")


class AddArticles(RequestModel):
    """Articles to add; one whose revision is there already is passed over."""

    articles: tuple[NewArticle, ...] = Field(min_length=1, max_length=100)


class AddedArticle(WireModel):
    """An article that was sent, and whether this revision is new."""

    id: str
    revision: str
    new: bool


class ArticlesAdded(WireModel):
    """In the order sent. They are on disk; they are found once the index has followed."""

    articles: tuple[AddedArticle, ...]


class PutLinks(RequestModel):
    """All an article is related to by one relation; it replaces what was there, and no titles remove the relation."""

    relation: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["semantic"])
    targets: tuple[str, ...] = Field(default=(), max_length=10_000, description="Titles, of the article's own source.")

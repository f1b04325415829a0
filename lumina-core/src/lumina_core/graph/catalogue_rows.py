"""What the catalogue answers with."""

from __future__ import annotations

from dataclasses import dataclass

from lumina_core.documents import ArticleId

__all__ = ["ArticleRow", "Counts", "Link", "Problem", "RevisionRow"]


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """What is known of a live article without reading its text. `pagerank` is None until it has been computed.
    `at` is when this state was appended, epoch seconds; its line lies at `[start, end)` in the file of `day`.
    `replaced` names the revision that was deliberately given up for this one by a restore."""

    id: ArticleId
    title: str
    url: str
    source: str
    revision: str
    ts: float
    at: float | None
    fingerprint: str
    summary: str
    wikidata: str | None
    day: str
    start: int
    end: int
    replaced: str | None
    pagerank: float | None


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One event in an article's life, `article` or `delete`. A restored revision appears again, with its old name."""

    number: int
    event: str
    title: str
    revision: str
    fingerprint: str
    ts: float
    at: float | None
    day: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Link:
    """A link out of `source` or into `target`. `target` is None where no article stands behind `title`."""

    source: ArticleId
    target: ArticleId | None
    title: str
    relations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """`changes` counts every event on articles, redirects and links: it grows with each and never falls."""

    articles: int
    redirects: int
    links: int
    revisions: int
    changes: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A line of the log that was passed over, and why."""

    stream: str
    day: str
    start: int
    reason: str

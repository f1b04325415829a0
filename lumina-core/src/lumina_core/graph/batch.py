"""Deciding which of the articles and redirects that arrive are news."""

from __future__ import annotations

from lumina_core.documents import Article, ArticleId, Redirect, normalise_title
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.catalogue_rows import ArticleRow
from lumina_core.graph.records import Deletion, Event

__all__ = ["Batch"]


class Batch:
    """The events one batch comes to, in order. What came earlier in the batch counts as being there."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.events: list[Event] = []
        self.added = 0
        self.changed = 0
        self.redirects = 0
        self.unchanged = 0
        self._catalogue = catalogue
        self._articles: dict[ArticleId, Article | None] = {}
        self._redirects: dict[tuple[str, str], Redirect | None] = {}

    def article(self, article: Article) -> None:
        row = self._catalogue.get(article.id)
        present = self._articles.get(article.id, row)
        name = (article.source, normalise_title(article.title))
        redirect = self._redirect(*name)
        if (present is not None and not _is_news(article, present, row)) or (
            redirect is not None and _is_older(article.revision, redirect.revision)
        ):
            self.unchanged += 1
            return
        if present is None:
            self.added += 1
        else:
            self.changed += 1
        self._articles[article.id] = article
        self._redirects[name] = None
        self.events.append(article)

    def redirect(self, redirect: Redirect) -> None:
        name = normalise_title(redirect.title)
        target = normalise_title(redirect.target)
        present = self._redirect(redirect.source, name)
        occupants = self._occupants(redirect.source, name)
        if (
            name == target
            or (present is not None and normalise_title(present.target) == target)
            or any(_is_older(redirect.revision, other.revision) for other in (present, *occupants) if other is not None)
        ):
            self.unchanged += 1
            return
        for occupant in occupants:  # said aloud, so that an index need not work it out
            self.events.append(Deletion(occupant.title, occupant.source, occupant.id))
            self._articles[occupant.id] = None
        self._redirects[redirect.source, name] = redirect
        self.redirects += 1
        self.events.append(redirect)

    def _redirect(self, source: str, name: str) -> Redirect | None:
        if (source, name) in self._redirects:
            return self._redirects[source, name]
        return self._catalogue.redirect_named(source, name)

    def _occupants(self, source: str, name: str) -> list[Article | ArticleRow]:
        stored = [row for row in self._catalogue.articles_named(source, name) if row.id not in self._articles]
        arrived = [
            article
            for article in self._articles.values()
            if article is not None and (article.source, normalise_title(article.title)) == (source, name)
        ]
        return [*stored, *arrived]


def _is_news(article: Article, present: Article | ArticleRow, row: ArticleRow | None) -> bool:
    if article.title == present.title:
        if article.revision == present.revision:
            return False
        if (article.fingerprint, article.wikidata) == (present.fingerprint, present.wikidata):
            return False
    replaced = row.replaced if row is not None and present is row else None
    if replaced is not None and (article.revision == replaced or _is_older(article.revision, replaced)):
        return False
    return not _is_older(article.revision, present.revision)


def _is_older(revision: str, other: str) -> bool:
    """Whether both are numbers, as in a wiki, and the first is the lower; hashes have no order."""
    return revision.isdecimal() and other.isdecimal() and int(revision) < int(other)

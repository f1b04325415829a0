"""From a batch of chunks to points. Runs in the embedding threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.vector_store import Point
from lumina_core.errors import DependencyDown
from lumina_core.indexing.plan import Batch, Piece
from lumina_core.indexing.progress import Problem
from lumina_core.indexing.ranks import UNRANKED, RankBook
from lumina_core.indexing.write import Encoded
from lumina_core.retrieval.encoding import encode_article, encode_chunks

__all__ = ["Encoder"]

_log = structlog.get_logger(__name__)


class Encoder:
    """Embeds all chunks of a batch in one call, whatever articles they are of: short articles cost no padding."""

    def __init__(self, embedder: Embedder, book: RankBook) -> None:
        self._embedder = embedder
        self._book = book

    def encode(self, batch: Batch) -> Encoded:
        """Encode a batch; an article that cannot be encoded becomes a problem, and what the store has of it stays.

        Raises:
            EmbedderDown: the whole batch can be tried again.
        """
        pieces = [item for item in batch.work if isinstance(item, Piece)]
        try:
            return Encoded(batch, *self._encode(pieces), batch.problems)
        except DependencyDown:
            raise
        except Exception:  # find out which article it is
            return self._encode_apart(batch, pieces)

    def _encode_apart(self, batch: Batch, pieces: Sequence[Piece]) -> Encoded:
        chunks: list[Point] = []
        articles: list[Point] = []
        problems = list(batch.problems)
        work = list(batch.work)
        for piece in pieces:
            try:
                of_chunks, of_articles = self._encode([piece])
            except DependencyDown:
                raise
            except Exception as error:
                _log.exception("article_not_encoded", article=piece.article.id)
                problems.append(Problem(piece.article.title, f"{type(error).__name__}: {error}"))
                work.remove(piece)
            else:
                chunks += of_chunks
                articles += of_articles
        return Encoded(replace(batch, work=tuple(work)), tuple(chunks), tuple(articles), tuple(problems))

    def _encode(self, pieces: Sequence[Piece]) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
        articles = {piece.article.id: piece.article for piece in pieces}
        ranks = {article_id: self._book.rank(article_id) for article_id in articles}
        of_chunks = encode_chunks(
            [chunk for piece in pieces for chunk in piece.chunks],
            self._embedder,
            source="",
            wikidata=None,
            revision="",
            pagerank=UNRANKED,
        )
        chunks = []
        for point in of_chunks:  # of several articles: now each gets its own's fields
            article = articles[point.payload["article"]]
            own = {
                "source": article.source,
                "wikidata": article.wikidata,
                "revision": article.revision,
                "pagerank": ranks[article.id],
            }
            chunks.append(replace(point, payload={**point.payload, **own}))
        of_articles = [
            encode_article(piece.article, self._embedder, ranks[piece.article.id]) for piece in pieces if piece.is_last
        ]
        return tuple(chunks), tuple(of_articles)

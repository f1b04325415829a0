"""Search results as hypothesis would have them: chunks of real articles with any scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import strategies as st

from lumina_core.documents import Article, ArticleId, ChunkId, article_id, fingerprint
from lumina_core.ingest.blocks import Block, assemble
from lumina_core.retrieval.hits import Hit, QuerySignals, SearchResult, SentenceScore
from lumina_core.text.chunking import chunk_article

_SENTENCES = [
    "The lighthouse of Alexandria stood for 1,500 years.",
    "It was built by Sostratus of Cnidus.",
    "Ships saw its fire from far away,\nand steered by it.",
    "An earthquake in 1303 damaged it badly.",
    "Łódź and Zürich never had one 🦉.",
    "Nobody knows what it looked like.",
    "In 1994 divers found blocks of it in the harbour.",
    "Its fire burned at night.  Smoke\u00a0rose by day.",
]
MakeHit = Callable[..., Hit]
ArticleAndResult = tuple[dict[ArticleId, Article], SearchResult]
cosine = st.floats(-1, 1)
share = st.floats(0, 1)
_paragraph = st.lists(st.sampled_from(_SENTENCES), min_size=1, max_size=5).map(" ".join)


def make_hit(
    text: str,
    sentences: Sequence[tuple[int, int, float]],
    *,
    chunk_id: str = "art_0123456789ab#0",
    title: str = "Lighthouse",
    section: str = "",
    start: int = 0,
    score: float = 10.0,
    wikidata: str | None = None,
    lexical: float = 0.0,
) -> Hit:
    """A hit whose sentences are `(start, end, cosine)`."""
    return Hit(
        chunk_id=ChunkId(chunk_id),
        article_id=ArticleId(chunk_id.partition("#")[0]),
        title=title,
        section=section,
        url="https://library.example/Lighthouse",
        source="library",
        revision="7",
        wikidata=wikidata,
        start=start,
        end=start + len(text),
        text=text,
        ts=0.0,
        pagerank=1.0,
        score=score,
        contributions={"dense": score},
        sentences=tuple(SentenceScore(begin, end, dense, lexical, 0.0, 0.0) for begin, end, dense in sentences),
    )


@pytest.fixture(name="make_hit")
def make_hit_fixture() -> MakeHit:
    return make_hit


@st.composite
def results(draw: st.DrawFn) -> ArticleAndResult:
    """Articles by id, and a result with chunks of them in any order and with any scores."""
    articles: dict[ArticleId, Article] = {}
    hits: list[Hit] = []
    for number in range(draw(st.integers(0, 4))):
        paragraphs = draw(
            st.lists(
                st.lists(st.sampled_from(_SENTENCES), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=3
            )
        )
        text, sections = assemble(
            [Block("" if place == 0 else f"Part {place}", 2, [words]) for place, words in enumerate(paragraphs)]
        )
        made = Article(
            id=article_id("library", f"Article {number}"),
            title=f"Article {number}",
            url="",
            source="library",
            revision="3",
            ts=0.0,
            text=text,
            summary="",
            fingerprint=fingerprint(text),
            sections=sections,
            wikidata=draw(st.sampled_from([None, "Q42"])),
        )
        articles[made.id] = made
        hits += [
            make_hit(
                chunk.text,
                [(start, end, draw(cosine)) for start, end in chunk.sentences] if draw(st.booleans()) else [],
                chunk_id=chunk.id,
                title=chunk.title,
                section=chunk.section,
                start=chunk.start,
                score=draw(st.floats(-5, 40)),
                wikidata=made.wikidata,
                lexical=draw(share),
            )
            for chunk in chunk_article(made)
        ]
    hits.sort(key=lambda hit: (-hit.score, hit.chunk_id))
    idf = draw(st.dictionaries(st.sampled_from(["alexandria", "ships", "fire", "wombat"]), st.floats(0.1, 9)))
    unknown = tuple(word for word in idf if draw(st.booleans()))
    return articles, SearchResult("question", tuple(hits), QuerySignals(term_idf=idf, unknown_terms=unknown), {})


@pytest.fixture(scope="session")
def any_result() -> st.SearchStrategy[ArticleAndResult]:
    return results()

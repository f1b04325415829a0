"""What a search brings back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lumina_core.documents import ArticleId, ChunkId

__all__ = ["Hit", "QuerySignals", "SearchResult", "SentenceScore"]


@dataclass(frozen=True, slots=True)
class SentenceScore:
    """One sentence of a hit: its span in `Hit.text` and how well it fits the question.

    `dense` is its cosine to the question, `lexical` the share of the question's term weight found in it, in [0, 1],
    where a term that only the title holds counts in part; `context` the share that neither holds but one of the two
    sentences before it does; `pairs` the share on words that stand beside each other both here and in the question.
    """

    start: int
    end: int
    dense: float
    lexical: float
    context: float
    pairs: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. `start` and `end` are offsets of the chunk in its article's text.

    `contributions` says how the score came about: one entry a signal, and they sum to `score`.
    `dense` is the chunk's own cosine to the question and `coverage` the share of the question's term weight that
    stands in the chunk or its title. `sentences` is empty, and `coverage` 0, for hits beyond the second stage.
    """

    chunk_id: ChunkId
    article_id: ArticleId
    title: str
    section: str
    url: str
    source: str
    revision: str
    wikidata: str | None
    start: int
    end: int
    text: str
    ts: float
    pagerank: float
    score: float
    contributions: Mapping[str, float]
    dense: float = 0.0
    coverage: float = 0.0
    sentences: tuple[SentenceScore, ...] = ()


@dataclass(frozen=True, slots=True)
class QuerySignals:
    """What the question looks like from the index, beside its hits.

    `term_idf` maps each topical word of the question to its inverse document frequency; `unknown_terms` are those that
    no chunk holds. The others are the best values any candidate reached: cosine of a chunk, cosine of a sentence,
    and coverage.
    """

    term_idf: Mapping[str, float] = field(default_factory=dict)
    unknown_terms: tuple[str, ...] = ()
    best_dense: float = 0.0
    best_sentence: float = 0.0
    best_coverage: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits by falling score, what was asked, and how long each stage took (stage name to seconds)."""

    query: str
    hits: tuple[Hit, ...]
    signals: QuerySignals
    took_s: Mapping[str, float]

"""From text to terms: what BM25 counts, in chunks, sentences, turns and questions alike."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from functools import lru_cache

import numpy as np
import Stemmer

from lumina_core.drivers.vector_store import SparseVector

__all__ = ["ANALYSIS_VERSION", "STOPWORDS", "bm25_document", "bm25_query", "stem", "term_id", "terms", "words"]

ANALYSIS_VERSION = 1
"""Raised when equal texts give other terms or weights than before: an index made with another one is rebuilt."""

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[^\W_]+")
_POSSESSIVE = re.compile(r"['’](?:s|S)$|['’]$")

STOPWORDS = frozenset(
    """a about after all also am an and any are as at be because been before being between both but by can could did
    do does doing during each for from had has have having he her here hers him his how i if in into is it its itself
    just me more most my no nor not of off on once only or other our out over own s same she should so some such t
    than that the their theirs them themselves then there these they this those through to too under until up very
    was we were what when where which while who whom whose why will with would you your""".split()
)
"""English words that carry no topic. They are left out of BM25, never out of what is embedded."""

K1 = 1.2
B = 0.75
AVERAGE_TERMS = 90.0
"""Terms in a typical chunk after stop words: a constant, so that a chunk's weights do not change when others come."""
TITLE_WEIGHT = 1.0
HEADING_WEIGHT = 0.5


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english", 0)


def words(text: str) -> list[str]:
    """Lower-case words in order: accents folded, possessives cut, digit groups joined (`1,000` gives `1000`)."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    found = []
    for word in _WORD.findall(text.lower()):
        if word[0].isdigit():
            found.append(word.replace(",", ""))
        elif not word.isalnum():
            found.append(_POSSESSIVE.sub("", word).replace("'", "").replace("’", ""))
        else:
            found.append(word)
    return found


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The English Snowball stem of a lower-case word."""
    return str(_stemmer().stemWord(word))


def terms(text: str) -> list[str]:
    """Stems of the words that are not stop words, in order, with repeats."""
    return [stem(word) for word in words(text) if word not in STOPWORDS]


@lru_cache(maxsize=65_536)
def term_id(term: str) -> int:
    """A term's number in sparse vectors: CRC-32 of its UTF-8, the same in every process. Collisions are harmless."""
    return zlib.crc32(term.encode())


def bm25_document(title: str, heading: str, text: str) -> SparseVector:
    """Weights of a chunk's terms, all of BM25 but the IDF, which the store multiplies in.

    Title and heading count as fields of their own (BM25F): a term there adds `TITLE_WEIGHT` or `HEADING_WEIGHT` to
    its frequency, without making the text longer.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, equations 3.15 and 3.20.
    """
    body = terms(text)
    frequency: Counter[str] = Counter(body)
    length = len(body)
    weighted: dict[str, float] = {term: float(count) for term, count in frequency.items()}
    for field, weight in ((title, TITLE_WEIGHT), (heading, HEADING_WEIGHT)):
        for term in set(terms(field)):
            weighted[term] = weighted.get(term, 0.0) + weight
    norm = K1 * (1.0 - B + B * length / AVERAGE_TERMS)
    return _sparse({term: tf * (K1 + 1.0) / (tf + norm) for term, tf in weighted.items()})


def bm25_query(text: str) -> SparseVector:
    """One weight of 1 for each distinct term of a question. Only stop words in it: then they are its terms."""
    return _sparse(dict.fromkeys(terms(text) or [stem(word) for word in words(text)], 1.0))


def _sparse(weights: dict[str, float]) -> SparseVector:
    by_id: dict[int, float] = {}
    for term, weight in weights.items():
        key = term_id(term)
        by_id[key] = by_id.get(key, 0.0) + weight
    ordered = sorted(by_id.items())
    return SparseVector(
        indices=np.array([key for key, _ in ordered], dtype=np.uint32),
        values=np.array([weight for _, weight in ordered], dtype=np.float32),
    )

"""A data directory of 100,000 chunks, without embedding 100,000 texts: for the benchmarks of the whole hub.

    python -m bench.home [--chunks N] [--optimise]

Real articles (the development dump beside the checkout; generated ones where that is absent) are embedded once, a
sentence at a time. Further articles recombine two of them: the sections and most sentences of one, some sentences of
another, under both titles. A sentence's vector is its real one moved in a direction that the new article's sentences
share and in one of its own, so that copies of a sentence are as near to each other as related sentences are (cosine
about .7) and neighbours stay what they are between topics; a chunk's is the mean of its sentences'. Terms and sentence
spans come from the text as ever. Log, catalogue, index and cursor agree: the hub opens the home as up to date.

What is made is kept in `$LUMINA_BENCH_CACHE`, by default `~/.cache/lumina-bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from bench.ingest import DUMP, generated, read
from numpy.typing import NDArray

from lumina_core.documents import Article, Section, article_id, fingerprint
from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.drivers.vector_store import Point
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import GraphLog
from lumina_core.indexing.cursor import Cursor, Phase, Space, save_cursor
from lumina_core.indexing.write import ensure_collections
from lumina_core.retrieval.encoding import ENCODING_VERSION, dense_text, encode_article, encode_chunks
from lumina_core.text.chunking import CHUNKING_VERSION, chunk_article

SOURCE = "bench"
ARTICLE_SHIFT, SENTENCE_SHIFT, CHUNK_SHIFT = 0.5, 0.4, 0.15
EPOCH_S = 1_600_000_000.0
VERSION = 2
Floats = NDArray[np.float32]


def cache_folder() -> Path:
    folder = Path(os.environ.get("LUMINA_BENCH_CACHE", Path.home() / ".cache" / "lumina-bench"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a real article: its section, its sentences and where their vectors begin in the table."""

    section: str
    sentences: tuple[str, ...]
    row: int


@dataclass(frozen=True, slots=True)
class Base:
    """The real articles by title, and the vectors of all their sentences."""

    articles: tuple[tuple[str, tuple[Passage, ...]], ...]
    vectors: Floats


def load_base() -> Base:
    """Read the real articles and embed their sentences, or take them from the cache."""
    path = cache_folder() / f"base-v{VERSION}.npz"
    articles: list[tuple[str, tuple[Passage, ...]]] = []
    texts: list[str] = []
    items = read(None, None) if DUMP.exists() else [each for each, _ in zip(generated(), range(400), strict=False)]
    for article in items:
        if not isinstance(article, Article):
            continue
        passages = []
        for chunk in chunk_article(article):
            sentences = tuple(chunk.text[start:end] for start, end in chunk.sentences)
            passages.append(Passage(chunk.section, sentences, len(texts)))
            texts += [dense_text(article.title, "", sentence) for sentence in sentences]
        if passages:
            articles.append((article.title, tuple(passages)))
    if path.exists():
        vectors = np.load(path)["vectors"].astype(np.float32)
        if len(vectors) == len(texts):
            return Base(tuple(articles), unit(vectors))
    print(f"embedding {len(texts)} real sentences, once …", file=sys.stderr)
    embedder = OnnxEmbedder.load(cache_folder() / "models")
    vectors = np.concatenate([embedder.embed(texts[start : start + 512]) for start in range(0, len(texts), 512)])
    embedder.close()
    np.savez(path, vectors=vectors.astype(np.float16))
    return Base(tuple(articles), unit(vectors))


def unit(rows: NDArray[np.floating]) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


class Lookup:
    """An embedder that knows the vectors of the texts it will be asked for."""

    def __init__(self, known: dict[str, Floats], info: EmbedderInfo) -> None:
        self.info = info
        self._known = known

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._known[text] for text in texts])

    def embed_query(self, text: str) -> Vectors:
        raise NotImplementedError

    def close(self) -> None:
        pass


class Corpus:
    """Articles without end, and their points. The same number always gives the same article."""

    def __init__(self, base: Base, info: EmbedderInfo) -> None:
        self.base = base
        self.info = info

    def article(self, number: int) -> tuple[Article, list[Point], Point]:
        """The article, the points of its chunks, and its own."""
        rng = np.random.default_rng([VERSION, number])
        count = len(self.base.articles)
        turn, first = divmod(number, count)
        second = (first + 1 + turn) % count
        title, passages = self.base.articles[first]
        other_title, others = self.base.articles[second]
        around = rng.standard_normal(self.base.vectors.shape[1])
        around /= np.linalg.norm(around)
        vectors: dict[str, Floats] = {}
        paragraphs: list[tuple[str, str]] = []
        for passage in passages:
            guest = others[rng.integers(len(others))]
            kept = []
            for position, sentence in enumerate(passage.sentences):
                row = passage.row + position
                if rng.random() < 0.3:
                    borrowed = int(rng.integers(len(guest.sentences)))
                    sentence, row = guest.sentences[borrowed], guest.row + borrowed
                own = rng.standard_normal(len(around)) * (SENTENCE_SHIFT / np.sqrt(len(around)))
                vectors[sentence] = unit(self.base.vectors[row] + ARTICLE_SHIFT * around + own)
                kept.append(sentence)
            paragraphs.append((passage.section, " ".join(kept)))
        name = f"{title} and {other_title}" + (f" ({turn // count + 1})" if turn >= count else "")
        article = _assemble(name, paragraphs, EPOCH_S + number)
        return article, *self._points(article, vectors, around, rng)

    def _points(
        self, article: Article, vectors: dict[str, Floats], around: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[list[Point], Point]:
        chunks = chunk_article(article)
        known: dict[str, Floats] = {}
        middle = unit(np.mean(list(vectors.values()), axis=0))
        for chunk in chunks:
            rows = []
            for start, end in chunk.sentences or ((0, len(chunk.text)),):
                sentence = chunk.text[start:end]
                # The splitter may cut otherwise than it did in the original: such a sentence lies near its article.
                vector = vectors.get(sentence)
                if vector is None:
                    vector = unit(middle + 0.8 * unit(rng.standard_normal(len(middle))))
                rows.append(vector)
                known[dense_text(chunk.title, "", sentence)] = vector
            own = CHUNK_SHIFT * unit(rng.standard_normal(len(middle)))
            known[dense_text(chunk.title, chunk.section, chunk.text)] = unit(unit(np.mean(rows, axis=0)) + own)
        known[dense_text(article.title, "", article.summary)] = middle
        embedder = Lookup(known, self.info)
        pagerank = float(np.exp(rng.normal(-0.5, 1.0)))
        points = encode_chunks(
            chunks, embedder, source=SOURCE, wikidata=None, revision=article.revision, pagerank=pagerank
        )
        return points, encode_article(article, embedder, pagerank)


def _assemble(title: str, paragraphs: Sequence[tuple[str, str]], ts: float) -> Article:
    text = ""
    sections = []
    for heading, group in groupby(paragraphs, key=lambda each: each[0]):
        if heading:
            text += heading + "\n\n"
        start = len(text)
        text += "\n\n".join(paragraph for _, paragraph in group)
        sections.append(Section(heading, 2 if heading else 1, (heading,) if heading else (), start, len(text)))
        text += "\n\n"
    text = text.rstrip()
    summary = paragraphs[0][1][:300]
    url = "https://example.org/" + title.replace(" ", "_")
    name = article_id(SOURCE, title)
    return Article(name, title, url, SOURCE, "1", ts, text, summary, fingerprint(text), tuple(sections))


def articles_until(corpus: Corpus, chunks: int, first: int = 0) -> Iterator[tuple[Article, list[Point], Point]]:
    """Articles in order, until they have that many chunks together."""
    number, total = first, 0
    while total < chunks:
        made = corpus.article(number)
        yield made
        total += len(made[1])
        number += 1


async def build(home: Path, chunks: int, corpus: Corpus) -> None:
    """Log, catalogue, collections and cursor of a home that is up to date; the index not optimised."""
    log = GraphLog.open(home / "graphs")
    graph = KnowledgeGraph(log, Catalogue.open(home / "catalogue.sqlite", home / "graphs"))
    store = await EdgeStore.start(home / "index" / "edge")
    await ensure_collections(store, dim=corpus.info.dim)
    began, written, articles = time.perf_counter(), 0, 0
    batch: list[tuple[Article, list[Point], Point]] = []

    async def write() -> None:
        nonlocal written, articles
        graph.add([article for article, _, _ in batch])
        await store.upsert("chunks", [point for _, points, _ in batch for point in points])
        await store.upsert("articles", [point for _, _, point in batch])
        written += sum(len(points) for _, points, _ in batch)
        articles += len(batch)
        print(f"{written} chunks, {time.perf_counter() - began:.0f} s", file=sys.stderr)
        batch.clear()

    for made in articles_until(corpus, chunks):
        batch.append(made)
        if len(batch) == 50:
            await write()
    await write()
    await store.flush("chunks")
    await store.close()
    info = corpus.info
    space = Space(info.name, info.model, info.dim, CHUNKING_VERSION, ENCODING_VERSION)
    save_cursor(
        home / "index" / "indexer.json",
        Cursor(space, Phase.FOLLOWING, graph.position, reason="bench", articles=articles, chunks=written),
    )
    graph.catalogue.close()
    log.close()
    (home / "bench.json").write_text(json.dumps({"chunks": written, "articles": articles}))


async def optimise(home: Path) -> float:
    """Returns how long it took."""
    store = await EdgeStore.start(home / "index" / "edge")
    began = time.perf_counter()
    await store.optimise("chunks")
    await store.optimise("articles")
    took_s = time.perf_counter() - began
    await store.close()
    return took_s


def settle(home: Path) -> None:
    """Let a hub do what it does once: learn its own documentation, rank the articles."""
    from bench.hub import hub_on

    with hub_on(home) as hub:
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 5:
            time.sleep(0.5)
            _, status, _ = hub.call("GET", "/api/v1/status")
            indexer = status["indexer"]
            if indexer["state"] != "idle" or indexer.get("activity"):
                quiet_since = time.monotonic()


def models_folder() -> Path:
    """The converted model, shared by all homes of the cache."""
    folder = cache_folder() / "models"
    OnnxEmbedder.load(folder).close()
    return folder


def make_corpus() -> Corpus:
    embedder = OnnxEmbedder.load(cache_folder() / "models")
    info = embedder.info
    embedder.close()
    return Corpus(load_base(), info)


def home_of(chunks: int, *, optimised: bool) -> Path:
    """The home of that size in the cache, made if it is not there. Benchmarks work on a copy: see `copy_of`."""
    plain = cache_folder() / f"home-{chunks}-v{VERSION}-{ENCODING_VERSION}"
    if not (plain / "bench.json").exists():
        shutil.rmtree(plain, ignore_errors=True)
        plain.mkdir(mode=0o700)
        models = models_folder()
        asyncio.run(build(plain, chunks, make_corpus()))
        shutil.copytree(models, plain / "models")
    if not optimised:
        return plain
    done = plain.with_name(plain.name + "-optimised")
    if not (done / "bench.json").exists():
        shutil.rmtree(done, ignore_errors=True)
        half = copy_of(plain, done.with_name(done.name + ".part"))
        print(f"optimised in {asyncio.run(optimise(half)):.0f} s", file=sys.stderr)
        settle(half)
        half.rename(done)
    return done


def copy_of(home: Path, target: Path) -> Path:
    """A copy to work on; holes in files stay holes."""
    from lumina_core.drivers.vector_stores.edge_copy import copy_tree

    shutil.rmtree(target, ignore_errors=True)
    copy_tree(home, target)
    target.chmod(0o700)
    return target


def questions(base: Base, count: int, seed: int = 3) -> list[str]:
    """Questions about the real articles, no two alike."""
    rng = np.random.default_rng(seed)
    forms = (
        "What is {title}?",
        "What do we know about {words}?",
        "When did {words}?",
        "Who was said to have {words}?",
        "How does {title} relate to {words}?",
        "Why {words}?",
    )
    made: dict[str, None] = {}
    while len(made) < count:
        title, passages = base.articles[rng.integers(len(base.articles))]
        passage = passages[rng.integers(len(passages))]
        sentence = passage.sentences[rng.integers(len(passage.sentences))].split()
        start = int(rng.integers(max(1, len(sentence) - 6)))
        words = " ".join(sentence[start : start + 6]).strip(".,;:()")
        made[forms[rng.integers(len(forms))].format(title=title, words=words)] = None
    return list(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--optimise", action="store_true", help="make the optimised one, too")
    arguments = parser.parse_args()
    print(home_of(arguments.chunks, optimised=arguments.optimise))


if __name__ == "__main__":
    main()

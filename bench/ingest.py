"""Ingest and indexing against the embedder alone, and what searches notice of it.

    python -m bench.ingest [SOURCE] [--limit N] [--niceness N] [--autogroup N] [--json]

SOURCE is a dump, folder or URL; the development dump beside the checkout unless given, or generated articles where
that is absent. One run measures, on the same articles and one after the other: the embedder alone on exactly the texts
the index wants; appending and indexing all of them; the embedder alone once more; and searches at a steady rate before
and during an ingest. `share_of_embedder` is the ingest's rate to the mean of the embedder's two. Beside the wall clock
it counts CPU seconds. `--autogroup` favours all that is measured where others use the machine, the indexer included,
which then does not give way to searches: leave it out to see what they notice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from bench.hub import favour

from lumina_core.documents import Article, Redirect, article_id, fingerprint
from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import GraphLog
from lumina_core.indexing.indexer import Indexer
from lumina_core.indexing.progress import EmbedderSpec, StoreSpec, WorkerSettings
from lumina_core.ingest.source import open_source
from lumina_core.retrieval.encoding import encode_article, encode_chunks
from lumina_core.retrieval.search import Searcher
from lumina_core.text.chunking import chunk_article

DUMP = Path(__file__).parents[2] / "shared" / "data" / "enwiki-2016-excerpt.xml.bz2"
QUESTIONS = ("What is anarchism?", "Who wrote Atlas Shrugged?", "What is the capital of Alabama?", "When did he die?")
SEARCH_EVERY_S = 0.1
IDLE_S = 10.0
BATCH_CHUNKS = 48


class Recorder:
    """An embedder that keeps what it was asked and answers with zeros."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.info = EmbedderInfo("recorder", "none", 384, "none")

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return np.zeros((len(texts), 384), np.float32)

    def embed_query(self, text: str) -> Vectors:
        return np.zeros(384, np.float32)

    def close(self) -> None:
        pass


def read(source: str | None, limit: int | None) -> list[Article | Redirect]:
    if source is None and not DUMP.exists():
        return list(islice(generated(), limit or 200))
    items = open_source(source or str(DUMP), None).items(known=lambda *_: False)
    return list(islice((item for item in items if isinstance(item, Article | Redirect)), limit))


def generated() -> Iterator[Article]:
    words = ("river", "church", "bridge", "market", "valley", "school", "harbour", "castle", "garden", "railway")
    number = 0
    while True:
        number += 1
        name = f"Village {number}"
        text = "\n\n".join(
            " ".join(
                f"The {words[(number * part + each) % 10]} of {name} was built in {1200 + number * each % 800}."
                for each in range(1, 9)
            )
            for part in range(1, 9)
        )
        yield Article(article_id("bench", name), name, "", "bench", "1", 0.0, text, text[:120], fingerprint(text))


def embedder_alone(items: Sequence[Article | Redirect], models: Path) -> dict[str, float]:
    """The same texts, in batches of the same chunks, as many at once as there are cores."""
    recorder = Recorder()
    batches: list[list[str]] = []
    chunks = 0
    for article in items:
        if not isinstance(article, Article):
            continue
        cut = chunk_article(article)
        chunks += len(cut)
        encode_chunks(cut, recorder, source="", wikidata=None, revision="", pagerank=1.0)
        encode_article(article, recorder, 1.0)
        while len(recorder.texts) > BATCH_CHUNKS * 6:
            batches.append(recorder.texts[: BATCH_CHUNKS * 6])
            del recorder.texts[: BATCH_CHUNKS * 6]
    batches.append(recorder.texts)
    embedder = OnnxEmbedder.load(models)
    embedder.embed(batches[0][:32])
    began, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        list(threads.map(embedder.embed, batches))
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    embedder.close()
    return {"chunks": chunks, "texts": sum(map(len, batches)), "wall_s": wall_s, "cpu_s": cpu_s}


async def searches(searcher: Searcher, until: asyncio.Event, indexer: Indexer) -> list[float]:
    """Latencies in ms of a search every `SEARCH_EVERY_S`."""
    took: list[float] = []
    number = 0
    while not until.is_set():
        number += 1
        indexer.note_search()
        began = time.perf_counter()
        await searcher.search(f"{QUESTIONS[number % len(QUESTIONS)]} {number}")
        took.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(SEARCH_EVERY_S)
    return took


async def whole(
    items: list[Article | Redirect], models: Path, home: Path, niceness: int, autogroup: int | None, search: bool
) -> dict[str, Any]:
    """Append and index everything; with `search`, while questions are asked all the time."""
    log = GraphLog.open(home / "graphs")
    graph = KnowledgeGraph(log, Catalogue.open(home / "catalogue.sqlite", home / "graphs"))
    store = await EdgeStore.start(home / "index" / "edge")
    settings = WorkerSettings(
        log_root=home / "graphs",
        catalogue=home / "catalogue.sqlite",
        cursor=home / "index" / "indexer.json",
        store=StoreSpec(socket=store.socket),
        embedder=EmbedderSpec(options={"models_dir": models}),
        niceness=niceness,
        batch_chunks=BATCH_CHUNKS,
    )
    indexer = await Indexer.start(settings)
    await indexer.wait_for(lambda progress: progress.state == "idle")
    processes = [psutil.Process(pid) for pid in (indexer.pid, store.pid) if pid]
    if autogroup is not None:
        for process in processes:
            favour(process.pid, autogroup)
    answer: dict[str, Any] = {}
    half = len(items) // 4 if search else 0
    try:
        await indexer.wait_until(graph.add(items[:half]).position if half else None)
        await indexer.wait_for(lambda progress: progress.state == "idle")
        searcher = Searcher(store, OnnxEmbedder.load(models))
        if search:
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(IDLE_S, stop.set)
            answer["idle_ms"] = await searches(searcher, stop, indexer)
        before = indexer.progress.chunks
        cpu = [sum(process.cpu_times()[:2]) for process in processes]
        began = time.perf_counter()
        stop = asyncio.Event()
        asking = asyncio.create_task(searches(searcher, stop, indexer)) if search else None
        for start in range(half, len(items), 64):
            result = await asyncio.to_thread(graph.add, items[start : start + 64])
            indexer.poke()
        await indexer.wait_until(result.position)
        answer["wall_s"] = time.perf_counter() - began
        answer["chunks"] = indexer.progress.chunks - before
        answer["indexer_cpu_s"], answer["store_cpu_s"] = (
            sum(process.cpu_times()[:2]) - then for process, then in zip(processes, cpu, strict=True)
        )
        stop.set()
        if asking is not None:
            answer["busy_ms"] = await asking
    finally:
        await indexer.stop()
        await store.close()
        graph.catalogue.close()
        log.close()
    return answer


def percentiles(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 2), "p95": round(cuts[94], 2), "n": len(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--niceness", type=int, default=19)
    parser.add_argument("--autogroup", type=int, help="share of the processor among sessions, -20 to 19; needs root")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.autogroup is not None:
        os.setsid()
        favour(os.getpid(), arguments.autogroup)
    began = time.perf_counter()
    items = read(arguments.source, arguments.limit)
    parse_s = time.perf_counter() - began
    with tempfile.TemporaryDirectory(prefix="lumina-bench-") as name:
        home = Path(name)
        models, given = home / "models", (arguments.niceness, arguments.autogroup)
        alone = embedder_alone(items, models)
        quiet = asyncio.run(whole(items, models, home / "quiet", *given, search=False))
        again = embedder_alone(items, models)
        asked = asyncio.run(whole(items, models, home / "asked", *given, search=True))
    rate = quiet["chunks"] / quiet["wall_s"]
    alone_rates = [run["chunks"] / run["wall_s"] for run in (alone, again)]
    alone_cpu_s = statistics.fmean([alone["cpu_s"], again["cpu_s"]])
    idle, busy = percentiles(asked["idle_ms"]), percentiles(asked["busy_ms"])
    answer = {
        "items": len(items),
        "chunks": quiet["chunks"],
        "texts": alone["texts"],
        "parse_s": round(parse_s, 2),
        "embedder_chunks_per_s": [round(each, 1) for each in alone_rates],
        "ingest_chunks_per_s": round(rate, 1),
        "share_of_embedder": round(rate / statistics.fmean(alone_rates), 3),
        "embedder_cpu_s": round(alone_cpu_s, 1),
        "indexer_cpu_s": round(quiet["indexer_cpu_s"], 1),
        "store_cpu_s": round(quiet["store_cpu_s"], 1),
        "cpu_share_of_embedder": round(alone_cpu_s / (quiet["indexer_cpu_s"] + quiet["store_cpu_s"]), 3),
        "asked_chunks_per_s": round(asked["chunks"] / asked["wall_s"], 1),
        "search_idle_ms": idle,
        "search_busy_ms": busy,
        "p95_ratio": round(busy["p95"] / idle["p95"], 2),
        "load": os.getloadavg()[0],
    }
    if arguments.json:
        print(json.dumps(answer))
        return
    for key, value in answer.items():
        print(f"{key:24} {value}", file=sys.stdout)


if __name__ == "__main__":
    main()

"""Search and chat over HTTP with 100,000 chunks: at rest, during a bulk ingest, and while the index is optimised.

    python -m bench.search [--chunks N] [--searches N] [--autogroup N] [--without-chroma] [--json FILE]

One client asks one question after the other, no two alike, over one connection, and takes the time from the request to
the last byte of the response. Beside it, in the same run and with the same texts and vectors: chromadb, dense search in
its own process, in an environment of its own in the cache; and the plain hybrid most people build, reciprocal rank
fusion of a dense and a BM25 search, on our own store. `--autogroup` gives what is measured another share of the
processor than other sessions have: for machines that are used for other things meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench.home import cache_folder, copy_of, home_of, load_base, questions
from bench.hub import Hub, favour, hub_on, percentiles
from bench.ingest import DUMP, generated

from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.drivers.vector_store import Query
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.text.analysis import bm25_query

PAUSE_S = 0.05
RRF_K = 60


def paced(ask: Callable[[str], float], asked: Iterator[str], until: Callable[[], bool], least: int) -> list[float]:
    """Ask every `PAUSE_S` until it is over."""
    took: list[float] = []
    while len(took) < least or not until():
        took.append(ask(next(asked)))
        time.sleep(PAUSE_S)
        if len(took) >= 5000:
            break
    return took


def at_rest(hub: Hub, asked: Iterator[str], searches: int) -> dict[str, Any]:
    for _ in range(50):
        hub.search(next(asked))
    return {
        "search_idle_ms": percentiles([hub.search(next(asked)) for _ in range(searches)]),
        "chat_idle_ms": percentiles([hub.chat(next(asked)) for _ in range(max(50, searches // 3))]),
    }


def during_ingest(hub: Hub, asked: Iterator[str], folder: Path, searches: int) -> dict[str, Any]:
    """Search while the hub reads, embeds and indexes new articles."""
    source = str(DUMP) if DUMP.exists() else str(_written(folder))
    status, job, _ = hub.call("POST", "/api/v1/ingest", {"source": source})
    assert status == 202, job
    before = hub.call("GET", "/api/v1/status")[1]["chunks"]
    began = time.perf_counter()

    took: list[float] = []
    while len(took) < searches:
        took.append(hub.search(next(asked)))
        time.sleep(PAUSE_S)
    seconds = time.perf_counter() - began
    after = hub.call("GET", "/api/v1/status")[1]["chunks"]
    state = hub.call("GET", f"/api/v1/ingest/jobs/{job['id']}")[1]["state"]
    return {
        "search_during_ingest_ms": percentiles(took),
        "chunks_per_s_meanwhile": round((after - before) / seconds, 1),
        "ingest_still_running": state in ("running", "indexing"),
    }


def _written(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for number, article in zip(range(400), generated(), strict=False):
        (folder / f"{number}.md").write_text(f"# {article.title}\n\n{article.text}\n")
    return folder


def during_optimise(home: Path, asked: Iterator[str], searches: int, autogroup: int | None) -> dict[str, Any]:
    """Search while an index in which nothing was ever optimised is: the longest that happens."""
    with hub_on(home, autogroup=autogroup) as hub:
        for _ in range(50):
            hub.search(next(asked))
        unindexed = [hub.search(next(asked)) for _ in range(min(100, searches))]
        socket = home / "index" / "edge" / "edge.sock"
        work = subprocess.Popen([sys.executable, "-c", _OPTIMISE, str(socket)], start_new_session=True)
        began = time.perf_counter()
        took = paced(hub.search, asked, lambda: work.poll() is not None, searches)
        return {
            "search_unindexed_ms": percentiles(unindexed),
            "search_during_optimise_ms": percentiles(took),
            "optimise_s": round(time.perf_counter() - began, 1),
            "search_after_optimise_ms": percentiles([hub.search(next(asked)) for _ in range(searches)]),
        }


_OPTIMISE = """
import asyncio, sys
from pathlib import Path
from lumina_core.drivers.vector_stores.edge import EdgeStore
async def main():
    store = await EdgeStore.connect(Path(sys.argv[1]))
    info = await store.info("chunks")
    while info.points - info.indexed > 1000:  # the indexer may have begun it already: then the call returns at once
        await store.optimise("chunks")
        await asyncio.sleep(0.5)
        info = await store.info("chunks")
asyncio.run(main())
"""


async def on_the_store(home: Path, asked: list[str], autogroup: int | None) -> tuple[dict[str, Any], Any, Any]:
    """Recall of the ANN search, and the plain hybrid: embedding, two searches in one call, fusion, ten payloads."""
    store = await EdgeStore.start(home / "index" / "edge")
    embedder = OnnxEmbedder.load(home / "models")
    try:
        if autogroup is not None and store.pid:
            favour(store.pid, autogroup)
        vectors = np.stack([embedder.embed_query(question) for question in asked])
        near = await store.query("chunks", [Query("dense", vector, 10) for vector in vectors])
        exact = await store.query("chunks", [Query("dense", vector, 10, exact=True) for vector in vectors])
        recall = [len({h.id for h in a} & {h.id for h in b}) / 10 for a, b in zip(near, exact, strict=True)]
        dense, hybrid, embedding = [], [], []
        for number, question in enumerate(asked):
            began = time.perf_counter()
            await store.query("chunks", [Query("dense", vectors[number], 100)])
            dense.append((time.perf_counter() - began) * 1e3)
            fresh = f"{question} {number}"  # not in the embedder's cache
            began = time.perf_counter()
            vector = embedder.embed_query(fresh)
            embedding.append((time.perf_counter() - began) * 1e3)
            found = await store.query("chunks", [Query("dense", vector, 100), Query("bm25", bm25_query(fresh), 100)])
            fused: Counter[str] = Counter()
            for hits in found:
                for rank, hit in enumerate(hits, 1):
                    fused[hit.id] += 1 / (RRF_K + rank)  # type: ignore[assignment]
            await store.retrieve("chunks", [name for name, _ in fused.most_common(10)])
            hybrid.append((time.perf_counter() - began) * 1e3)
        figures = {
            "recall_at_10": round(float(np.mean(recall)), 4),
            "store_dense_100_ms": percentiles(dense),
            "store_rrf_hybrid_ms": percentiles(hybrid),
            "of_that_embedding_ms": percentiles(embedding),
        }
        return figures, vectors, await _everything(store)
    finally:
        embedder.close()
        await store.close()


async def _everything(store: EdgeStore) -> tuple[list[str], list[str], Any]:
    """Ids, texts and dense vectors of all chunks."""
    ids: list[str] = []
    texts: list[str] = []
    rows = []
    after: str | None = None
    while True:
        page, after = await store.scroll("chunks", limit=1000, after=after, payload=("text",))
        ids += [record.id for record in page]
        texts += [str(record.payload["text"]) for record in page]
        full = await store.retrieve("chunks", [record.id for record in page], payload=(), vectors=("dense",))
        rows.append(np.stack([record.dense for record in full if record.dense is not None]))
        if after is None:
            return ids, texts, np.concatenate(rows)


_CHROMA = """
import json, sys, time, numpy as np, chromadb
from chromadb.config import Settings
folder = sys.argv[1]
ids, texts = json.load(open(folder + "/chunks.json"))
vectors, asked = np.load(folder + "/vectors.npy"), np.load(folder + "/asked.npy")
client = chromadb.PersistentClient(folder + "/chroma", Settings(anonymized_telemetry=False))
hnsw = {"space": "cosine", "M": 16, "construction_ef": 128, "search_ef": 128}
chunks = client.get_or_create_collection("chunks", metadata={"hnsw:" + key: value for key, value in hnsw.items()})
began = time.perf_counter()
if chunks.count() != len(ids):
    for s in range(0, len(ids), 1000):
        chunks.add(ids=ids[s:s + 1000], embeddings=vectors[s:s + 1000], documents=texts[s:s + 1000])
build_s = time.perf_counter() - began
took, took_ten, found = [], [], []
for q in list(asked[:20]) + list(asked):
    began = time.perf_counter()
    answer = chunks.query(query_embeddings=[q], n_results=100, include=["distances"])
    took.append((time.perf_counter() - began) * 1e3)
    began = time.perf_counter()
    chunks.query(query_embeddings=[q], n_results=10, include=["distances", "documents"])
    took_ten.append((time.perf_counter() - began) * 1e3)
    best = np.argpartition(-(vectors @ q), 10)[:10]
    found.append(len(set(answer["ids"][0][:10]) & {ids[i] for i in best}) / 10)
def p(values):
    return {f"p{n}": round(float(np.percentile(values[20:], n)), 2) for n in (50, 95, 99)} | {"n": len(values) - 20}
print(json.dumps({"chroma_version": chromadb.__version__, "chroma_build_s": round(build_s, 1),
    "chroma_dense_100_ms": p(took), "chroma_dense_10_with_texts_ms": p(took_ten),
    "chroma_recall_at_10": round(float(np.mean(found[20:])), 4)}))
"""


def chroma(asked: Any, everything: Any, autogroup: int | None) -> dict[str, Any]:
    """Search the same vectors with chromadb; its environment is made in the cache the first time."""
    folder = cache_folder()
    python = folder / "chroma-venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "chroma-venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "chromadb"], check=True)
    ids, texts, vectors = everything
    (folder / "chunks.json").write_text(json.dumps([ids, texts]))
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "asked.npy", asked)
    started = subprocess.Popen(
        [str(python), "-c", _CHROMA, str(folder)], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    if autogroup is not None:
        favour(started.pid, autogroup)
    said, _ = started.communicate()
    if started.returncode:
        return {"chroma": f"failed with {started.returncode}"}
    return dict(json.loads(said.strip().splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--autogroup", type=int, help="share of the processor among sessions, -20 to 19; needs root")
    parser.add_argument("--without-chroma", action="store_true")
    parser.add_argument("--without-optimise", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    answer: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}

    def report(figures: dict[str, Any]) -> None:
        for name, value in figures.items():
            print(f"{name:32} {json.dumps(value)}", flush=True)
        answer.update(figures)

    made = home_of(arguments.chunks, optimised=True)
    home = copy_of(made, made.with_name("search"))
    asked = iter(questions(load_base(), 8 * arguments.searches + 6_000))
    store_asked = [next(asked) for _ in range(arguments.searches)]
    figures, vectors, everything = asyncio.run(on_the_store(home, store_asked, arguments.autogroup))
    report(figures)
    with hub_on(home, autogroup=arguments.autogroup) as hub:
        report(at_rest(hub, asked, arguments.searches))
        report(during_ingest(hub, asked, cache_folder() / "new", arguments.searches))
    if not arguments.without_chroma:
        report(chroma(vectors, everything, arguments.autogroup))
    if not arguments.without_optimise:
        plain = copy_of(home_of(arguments.chunks, optimised=False), made.with_name("unoptimised"))
        report(during_optimise(plain, asked, arguments.searches, arguments.autogroup))
    answer["load_after"] = os.getloadavg()[0]
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()

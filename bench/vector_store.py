"""Qdrant Edge in its own process at 100,000 chunks: building, optimising, searching meanwhile, memory and disk.

    nice .venv/bin/python bench/vector_store.py [--points 100000] [--chroma-python PATH] [--json FILE]

The vectors are synthetic but shaped like real ones: a mixture of 500 Gaussians, so that neighbours mean something and
the ANN index has the clusters it meets in practice; five sentence vectors a chunk lie around the chunk's own; terms
follow Zipf's law. `--chroma-python` names the interpreter of an environment that has chromadb: it then gets the same
dense vectors and payloads, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from lumina_core.drivers.vector_store import CollectionSpec, Filter, Match, Point, Query, SparseVector
from lumina_core.drivers.vector_stores.edge import EdgeStore

DIM, CLUSTERS, SENTENCES, TERMS = 384, 500, 5, 60
SPEC = CollectionSpec("chunks", DIM, sentences=True, keyword_fields=("article", "source"), number_fields=("ts",))
WORDS = np.array([f"word{number}" for number in range(5000)])


class Corpus:
    """The same points for the same seed, made a batch at a time."""

    def __init__(self, seed: int = 11) -> None:
        rng = np.random.default_rng(seed)
        self.centres = rng.standard_normal((CLUSTERS, DIM)).astype(np.float32)

    def vectors(self, start: int, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        rng = np.random.default_rng([1, start])
        noise = rng.standard_normal((count, DIM)).astype(np.float32)
        return unit(self.centres[rng.integers(0, CLUSTERS, count)] + noise)

    def queries(self, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return self.vectors(10**9, count)

    def terms(self, rng: np.random.Generator, count: int) -> SparseVector:
        indices = np.unique(rng.zipf(1.3, count) % 100_000).astype(np.uint32)
        return SparseVector(indices, rng.uniform(0.5, 2, len(indices)).astype(np.float32))

    def points(self, start: int, count: int) -> list[Point]:
        rng = np.random.default_rng([2, start])
        dense = self.vectors(start, count)
        around = rng.standard_normal((count, SENTENCES, DIM)).astype(np.float32)
        sentences = unit(dense[:, None, :] * np.sqrt(DIM).astype(np.float32) + around)
        return [
            Point(
                f"art_{(start + i) // 8:012x}#{(start + i) % 8}",
                dense[i],
                {
                    "article": f"art_{(start + i) // 8:012x}",
                    "ordinal": (start + i) % 8,
                    "title": "A title of some words",
                    "source": "bench",
                    "ts": float(start + i),
                    "text": " ".join(rng.choice(WORDS, 110)),
                },
                sentences[i],
                self.terms(rng, TERMS),
            )
            for i in range(count)
        ]


def unit(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


async def latencies(
    search: Callable[[int], Awaitable[Any]],
    times: int | None,
    until: asyncio.Event | None = None,
    pid: int | None = None,
) -> str:
    """Wall clock of each search; with a pid also the CPU time of that process, which other load hardly moves."""
    taken: list[float] = []
    cpu_before = cpu_s(pid)
    while (len(taken) < times) if times is not None else not (until and until.is_set()):
        start = time.perf_counter()
        await search(len(taken))
        taken.append((time.perf_counter() - start) * 1e3)
        if times is None:
            await asyncio.sleep(0.01)
    p50, p95, p99 = np.percentile(taken, (50, 95, 99))
    cpu = f"  CPU {(cpu_s(pid) - cpu_before) / len(taken) * 1e3:.2f} ms" if pid else ""
    return f"p50 {p50:.2f}  p95 {p95:.2f}  p99 {p99:.2f}  max {max(taken):.0f} ms{cpu}  (n={len(taken)})"


def cpu_s(pid: int | None) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory(pid: int | None) -> str:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return "  ".join(f"{key} {int(status[key].split()[0]) // 1024} MiB" for key in ("VmRSS", "RssAnon", "RssFile"))


async def bench_edge(path: Path, corpus: Corpus, points: int, report: Callable[[str, Any], None]) -> None:
    store = await EdgeStore.start(path)
    await store.ensure(SPEC)
    sending = 0.0
    for start in range(0, points, 1000):
        batch = corpus.points(start, min(1000, points - start))
        begun = time.perf_counter()
        await store.upsert("chunks", batch)
        sending += time.perf_counter() - begun
    report("edge build s (upserts alone)", round(sending, 1))
    report("edge memory after build", memory(store.pid))
    report("edge asks to be optimised", await store.needs_optimising("chunks"))
    asked = corpus.queries(400)
    rng = np.random.default_rng(5)
    terms = [corpus.terms(rng, 6) for _ in range(400)]

    async def hybrid(i: int) -> None:
        queries = [Query("dense", asked[i % 400], 100), Query("bm25", terms[i % 400], 100)]
        await store.query("chunks", queries)

    report("edge hybrid, nothing indexed", await latencies(hybrid, 40, pid=store.pid))
    done = asyncio.Event()
    searching = asyncio.create_task(latencies(hybrid, None, done))
    begun = time.perf_counter()
    await store.optimise("chunks")
    report("edge optimise s (niced)", round(time.perf_counter() - begun, 1))
    done.set()
    report("edge hybrid during optimise", await searching)
    report("edge memory after optimise", memory(store.pid))

    report("edge hybrid idle", await latencies(hybrid, 400, pid=store.pid))
    report(
        "edge dense 100",
        await latencies(lambda i: store.query("chunks", [Query("dense", asked[i], 100)]), 400, pid=store.pid),
    )
    report(
        "edge dense 10",
        await latencies(lambda i: store.query("chunks", [Query("dense", asked[i], 10)]), 400, pid=store.pid),
    )
    report(
        "edge bm25 100",
        await latencies(lambda i: store.query("chunks", [Query("bm25", terms[i], 100)]), 400, pid=store.pid),
    )
    ones = [SparseVector(np.array([i], np.uint32), np.ones(1, np.float32)) for i in range(1, 9)]
    report(
        "edge 8 one-term searches",
        await latencies(lambda _: store.query("chunks", [Query("bm25", one, 1) for one in ones]), 200, pid=store.pid),
    )
    candidates = [
        tuple(hit.id for hit in hits)
        for hits in await store.query("chunks", [Query("dense", asked[i], 200) for i in range(50)])
    ]
    report(
        "edge MaxSim of 200",
        await latencies(
            lambda i: store.query("chunks", [Query("sentences", asked[i], 200, Filter(ids=candidates[i]))]),
            50,
            pid=store.pid,
        ),
    )
    report(
        "edge retrieve 40 with sentences",
        await latencies(
            lambda i: store.retrieve("chunks", candidates[i][:40], vectors=("sentences",)), 50, pid=store.pid
        ),
    )
    one_source = Filter(must=(Match("source", ("bench",)),))
    report(
        "edge dense 100 filtered",
        await latencies(
            lambda i: store.query("chunks", [Query("dense", asked[i], 100, one_source)]), 100, pid=store.pid
        ),
    )
    near = await store.query("chunks", [Query("dense", vector, 10) for vector in asked])
    exact = await store.query("chunks", [Query("dense", vector, 10, exact=True) for vector in asked])
    found = [len({h.id for h in a} & {h.id for h in e}) / 10 for a, e in zip(near, exact, strict=True)]
    report("edge recall@10", round(float(np.mean(found)), 4))

    done = asyncio.Event()
    searching = asyncio.create_task(latencies(hybrid, None, done))
    begun = time.perf_counter()
    for start in range(points, points + 4000, 50):
        await store.upsert("chunks", corpus.points(start, 50))
        await asyncio.sleep(0.25)  # the pace of an embedder: 200 chunks/s
    report("edge upsert pace during search, per s", round(4000 / (time.perf_counter() - begun)))
    done.set()
    report("edge hybrid during ingest", await searching)

    info = await store.info("chunks")
    report("edge disk bytes per chunk", round(info.disk_bytes / info.points))
    report("edge info", str(info))
    await store.close()
    begun = time.perf_counter()
    store = await EdgeStore.start(path)
    report("edge start s", round(time.perf_counter() - begun, 2))
    report("edge memory at rest", memory(store.pid))
    report("edge hybrid after start", await latencies(hybrid, 400, pid=store.pid))
    report("edge memory after 400 searches", memory(store.pid))
    await store.close()


CHROMA = """
import sys, time, json, numpy as np, chromadb
from chromadb.config import Settings
vectors, asked = np.load(sys.argv[1]), np.load(sys.argv[2])
client = chromadb.PersistentClient(sys.argv[3], Settings(anonymized_telemetry=False))
hnsw = {"space": "cosine", "M": 16, "construction_ef": 128, "search_ef": 128}
c = client.create_collection("chunks", metadata={f"hnsw:{key}": value for key, value in hnsw.items()})
ids, text = [f"p{i}" for i in range(len(vectors))], "word " * 110
begun = time.perf_counter()
for s in range(0, len(ids), 1000):
    some = ids[s:s + 1000]
    c.add(ids=some, embeddings=vectors[s:s + 1000], documents=[text] * len(some), metadatas=[{"a": i} for i in some])
build = time.perf_counter() - begun
took, found = [], []
for q in asked:
    t = time.perf_counter()
    r = c.query(query_embeddings=[q], n_results=100, include=["distances"])
    took.append((time.perf_counter() - t) * 1e3)
    found.append(len(set(r["ids"][0][:10]) & {ids[i] for i in np.argpartition(-(vectors @ q), 10)[:10]}) / 10)
print(json.dumps({"build s": round(build, 1), "dense 100 p50 ms": round(float(np.percentile(took, 50)), 2),
  "dense 100 p95 ms": round(float(np.percentile(took, 95)), 2), "recall@10": round(float(np.mean(found)), 4),
  "version": chromadb.__version__}))
"""


def bench_chroma(python: str, folder: Path, corpus: Corpus, points: int, report: Callable[[str, Any], None]) -> None:
    np.save(folder / "vectors.npy", np.concatenate([corpus.vectors(s, 1000) for s in range(0, points, 1000)])[:points])
    np.save(folder / "asked.npy", corpus.queries(400))
    command = [python, "-c", CHROMA, str(folder / "vectors.npy"), str(folder / "asked.npy"), str(folder / "chroma")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        report("chromadb failed", ended.stderr.strip().splitlines()[-1])
        return
    for name, value in json.loads(ended.stdout.strip().splitlines()[-1]).items():
        report(f"chromadb {name}", value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--chroma-python", help="an interpreter that has chromadb")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, help="where to build; a temporary folder by default")
    args = parser.parse_args()
    figures: dict[str, Any] = {}

    def report(name: str, value: Any) -> None:
        figures[name] = value
        print(f"{name:45} {value}", flush=True)

    report("cores", psutil.cpu_count())
    report("load before", psutil.getloadavg()[0])
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder, corpus = Path(name), Corpus()
        asyncio.run(bench_edge(folder / "index", corpus, args.points, report))
        if args.chroma_python:
            bench_chroma(args.chroma_python, folder, corpus, args.points, report)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

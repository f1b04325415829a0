"""The packaged model converted once, a reference encoder in float64, and a server that gives real vectors."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from lumina_core.drivers.embedders.conversion import packaged_model
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.errors import EmbedderDown

Matrix = NDArray[np.float64]

TEXTS = (
    "Who wrote Atlas Shrugged?",
    "What is the capital of Alabama?",
    "Anarchism is a political philosophy that advocates self-governed societies based on voluntary institutions.",
    "hello world",
    "1914",
    "The treaty was signed on 28 June 1919, exactly five years after the assassination of Franz Ferdinand.",
    "ΑΒΓ αβγ, the first letters",
    "Zürich, São Paulo, Łódź and Reykjavík are cities.",
    "日本の首都は東京です。",
    "Москва является столицей России.",
    "العربية لغة سامية",
    "E = mc² → energy, ≤ ≥ ≠ ∑",
    "🦉 owls 🦉 are birds",
    "e\u0301cole and \u00e9cole",
    "non\u00a0breaking\u2003spaces\ttabs\nand lines",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "https://en.wikipedia.org/wiki/Graph_(discrete_mathematics)#Definitions",
    "def f(x):\n    return x ** 2  # square",
    "A",
    "The quick brown fox jumps over the lazy dog. " * 3,
    "In graph theory, a tree is an undirected graph in which any two vertices are connected by exactly one path. " * 2,
    "Photosynthesis converts light energy into chemical energy, which plants and algae store as carbohydrates. " * 4,
    "History records that the city was founded in the ninth century by settlers who came down the river. " * 20,
)


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    return TEXTS


@pytest.fixture(scope="session")
def packaged() -> Path:
    try:
        return packaged_model()
    except EmbedderDown as error:
        pytest.skip(f"{error.message}: {error.hint}")


@pytest.fixture(scope="session")
def models_dir(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def fp32(models_dir: Path) -> Iterator[OnnxEmbedder]:
    embedder = OnnxEmbedder.load(models_dir, precision="fp32", threads=2)
    yield embedder
    embedder.close()


@pytest.fixture(scope="session")
def int8(models_dir: Path) -> Iterator[OnnxEmbedder]:
    embedder = OnnxEmbedder.load(models_dir, precision="int8", threads=2)
    yield embedder
    embedder.close()


class ReferenceEncoder:
    """BERT as its paper says, straight from the safetensors, one text at a time in float64."""

    def __init__(self, directory: Path, *, heads: int, layers: int, max_tokens: int, pooling: str = "mean") -> None:
        tensors = load_file(directory / "model.safetensors")
        self._weights = {name: value.astype(np.float64) for name, value in tensors.items()}
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._heads, self._layers, self._pooling = heads, layers, pooling

    def __call__(self, text: str) -> Matrix:
        ids = self._tokenizer.encode(text).ids
        states = self._weights["embeddings.word_embeddings.weight"][ids]
        states = states + self._weights["embeddings.position_embeddings.weight"][: len(ids)]
        states = states + self._weights["embeddings.token_type_embeddings.weight"][0]
        states = self._norm("embeddings.LayerNorm", states)
        for layer in range(self._layers):
            prefix = f"encoder.layer.{layer}"
            attended = self._linear(f"{prefix}.attention.output.dense", self._attend(prefix, states))
            states = self._norm(f"{prefix}.attention.output.LayerNorm", attended + states)
            wide = self._linear(f"{prefix}.intermediate.dense", states)
            wide = wide * 0.5 * (1.0 + np.vectorize(math.erf)(wide / math.sqrt(2.0)))
            states = self._norm(f"{prefix}.output.LayerNorm", self._linear(f"{prefix}.output.dense", wide) + states)
        pooled: Matrix = states[0] if self._pooling == "cls" else states.mean(axis=0)
        return pooled / np.linalg.norm(pooled)

    def _attend(self, prefix: str, states: Matrix) -> Matrix:
        def split(part: str) -> Matrix:
            projected = self._linear(f"{prefix}.attention.self.{part}", states)
            return projected.reshape(len(states), self._heads, -1).transpose(1, 0, 2)

        query, key, value = (split(part) for part in ("query", "key", "value"))
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        joined: Matrix = (shares @ value).transpose(1, 0, 2).reshape(states.shape)
        return joined

    def _linear(self, name: str, states: Matrix) -> Matrix:
        product: Matrix = states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return product

    def _norm(self, name: str, states: Matrix) -> Matrix:
        centred = states - states.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        normed: Matrix = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normed


@pytest.fixture(scope="session")
def reference_encoder() -> type[ReferenceEncoder]:
    return ReferenceEncoder


@dataclass
class EmbeddingServer:
    """Speaks Ollama and OpenAI over HTTP, with `embed` behind it. `script` holds answers to give first."""

    embed: Callable[[list[str]], Any]
    url: str = ""
    script: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        if self.script:
            return self.script.pop(0)
        rows = [[float(value) for value in row] for row in self.embed(body["input"])]
        if path == "/api/embed":
            return 200, {}, {"embeddings": rows}
        if path == "/v1/embeddings":
            listed = [{"index": index, "embedding": row} for index, row in enumerate(rows)]
            return 200, {}, {"data": listed[::-1]}
        return 404, {}, {"error": "no such path"}


@pytest.fixture
def serve_embeddings() -> Iterator[Callable[[Callable[[list[str]], Any]], EmbeddingServer]]:
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def serve(embed: Callable[[list[str]], Any]) -> EmbeddingServer:
        served = EmbeddingServer(embed)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                served.requests.append((self.path, body, self.headers.get("authorization")))
                status, headers, answer = served.answer(self.path, body)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        served.url = f"http://127.0.0.1:{server.server_port}"
        return served

    yield serve
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()

"""Embeddings from ONNX Runtime on the processor: the default driver."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.embedders.conversion import ConvertedModel, ensure_model
from lumina_core.drivers.embedders.processor import choose_precision
from lumina_core.errors import EmbedderDown

__all__ = ["OnnxEmbedder", "QueryCache"]

TOKENS_PER_BATCH: Final = 2048
"""Padding included. Larger batches are no faster and take more memory."""

_CHARACTERS_PER_TOKEN: Final = 64
"""Texts are cut at `max_tokens` times this before they are tokenised: a megabyte would be read only to be dropped."""

_CACHE_BYTES: Final = 4 << 20


class OnnxEmbedder:
    """A converted BERT encoder. Threads share it; a text's vector does not depend on what it was batched with.

    Independent up to rounding: float32 vectors differ by at most 1e-5 in any element, int8 ones keep a cosine ≥ .999.
    """

    def __init__(
        self, model: ConvertedModel, precision: Literal["fp32", "int8"], *, threads: int | None = None
    ) -> None:
        """Open the graph. `threads` bounds what one call uses; None takes one per physical core.

        Raises:
            EmbedderDown: ONNX Runtime cannot load the file.
        """
        self._config = model.config
        self._info = EmbedderInfo("onnx", model.name, model.config.dim, precision)
        self._session: ort.InferenceSession | None = open_session(model, precision, threads)
        self._tokenizer = _load_tokenizer(model)
        self._cache = QueryCache(_CACHE_BYTES)

    @classmethod
    def load(
        cls,
        models_dir: Path,
        *,
        precision: Literal["auto", "fp32", "int8"] = "auto",
        threads: int | None = None,
        model: Path | None = None,
    ) -> OnnxEmbedder:
        """Convert the model if need be and open it.

        Args:
            models_dir: Where converted models are kept.
            precision: "auto" takes what this processor computes faster, measured once and remembered.
            threads: See `__init__`.
            model: Another BERT folder; see `ensure_model`.

        Raises:
            EmbedderDown: the weights are missing or cannot be loaded.
        """
        converted = ensure_model(models_dir, model=model)
        if precision == "auto":
            precision = choose_precision(converted)
        return cls(converted, precision, threads=threads)

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._embed([self._config.document_prefix + text for text in texts])

    def embed_query(self, text: str) -> Vectors:
        vector = self._cache.get(text)
        if vector is None:
            vector = self._embed([self._config.query_prefix + text])[0]
            self._cache.put(text, vector)
        return vector.copy()

    def close(self) -> None:
        self._session = None
        self._cache.clear()

    def _embed(self, texts: list[str]) -> Vectors:
        session = self._session
        if session is None:
            raise EmbedderDown("the embedder was closed", hint="Load it again.")
        vectors = np.empty((len(texts), self._config.dim), np.float32)
        tokens = self._tokenise(texts)
        for rows in batches([len(ids) for ids in tokens]):
            ids, mask = _pad([tokens[row] for row in rows])
            try:
                (vectors[rows],) = session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})
            except Exception as error:
                raise EmbedderDown(f"ONNX Runtime failed: {error}", hint="Start Lumina again.") from error
        return vectors

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        limit = self._config.max_tokens * _CHARACTERS_PER_TOKEN
        clean = [text[:limit].encode("utf-8", "replace").decode("utf-8") for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(clean)]


class QueryCache:
    """The vectors of the latest queries, the least recently used ones leaving first. Safe between threads."""

    _OVERHEAD_BYTES: Final = 300

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def get(self, text: str) -> Vectors | None:
        with self._lock:
            vector = self._vectors.get(text)
            if vector is not None:
                self._vectors.move_to_end(text)
            return vector

    def put(self, text: str, vector: Vectors) -> None:
        """Keep a vector, unless it alone is larger than the cache."""
        with self._lock:
            self._drop(text)
            if self._cost(text, vector) > self._limit_bytes:
                return
            self._vectors[text] = vector
            self._size_bytes += self._cost(text, vector)
            while self._size_bytes > self._limit_bytes:
                self._drop(next(iter(self._vectors)))

    def clear(self) -> None:
        with self._lock:
            self._vectors.clear()
            self._size_bytes = 0

    def _drop(self, text: str) -> None:
        vector = self._vectors.pop(text, None)
        if vector is not None:
            self._size_bytes -= self._cost(text, vector)

    def _cost(self, text: str, vector: Vectors) -> int:
        return 4 * len(text) + vector.nbytes + self._OVERHEAD_BYTES


def open_session(model: ConvertedModel, precision: str, threads: int | None) -> ort.InferenceSession:
    """Open one precision of a model; `EmbedderDown` when ONNX Runtime refuses it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    try:
        return ort.InferenceSession(str(model.graph(precision)), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise EmbedderDown(
            f"the converted model {model.name!r} ({precision}) cannot be loaded: {error}",
            hint=f"Delete {str(model.directory)!r}; it is made again at the next start.",
        ) from error


def batches(lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
    """Cut rows into batches of like length, longest first, each within `TOKENS_PER_BATCH` once padded.

    Every row appears once; a row longer than the budget stands alone. Longest first, so that memory peaks at once.
    """
    order = np.argsort(np.asarray(lengths, dtype=np.intp), kind="stable")[::-1]
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        stop = start + max(1, TOKENS_PER_BATCH // longest)
        yield order[start:stop]
        start = stop


def _pad(tokens: Sequence[Sequence[int]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    shape = (len(tokens), max(len(ids) for ids in tokens))
    ids = np.zeros(shape, np.int32)
    mask = np.zeros(shape, np.int32)
    for row, row_ids in enumerate(tokens):
        ids[row, : len(row_ids)] = row_ids
        mask[row, : len(row_ids)] = 1
    return ids, mask


def _load_tokenizer(model: ConvertedModel) -> Any:
    try:
        tokenizer = Tokenizer.from_file(str(model.tokenizer))
    except Exception as error:  # the tokenizers library raises bare exceptions
        raise EmbedderDown(
            f"the tokenizer of {model.name!r} cannot be read: {error}",
            hint=f"Delete {str(model.directory)!r}; it is made again at the next start.",
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(model.config.max_tokens)
    return tokenizer

"""Embeddings from ONNX Runtime on the processor: the default driver."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.embedders.allowance import Allowance
from lumina_core.drivers.embedders.bert_config import Precision
from lumina_core.drivers.embedders.conversion import ConvertedModel, ensure_model
from lumina_core.drivers.embedders.processor import choose_precision
from lumina_core.drivers.embedders.query_cache import QueryCache
from lumina_core.drivers.embedders.session import open_session
from lumina_core.errors import EmbedderDown

__all__ = ["OnnxEmbedder", "batches"]

TOKENS_PER_BATCH: Final = 256
"""Larger batches are no faster (a token costs the same from 16 to 512 of them) and take more memory."""

_QUERY_THREADS: Final = 2
"""A question of a dozen tokens gains little from more: an operator takes some 50 microseconds."""

_CHARACTERS_PER_TOKEN: Final = 64
"""Texts are cut at `max_tokens` times this before they are tokenised: a megabyte would be read only to be dropped."""


class OnnxEmbedder:
    """A converted BERT encoder. Threads share it.

    Texts are batched with texts of the very same number of tokens, so nothing is padded and a text's vector does not
    depend on its neighbours (but for the last bits, as a matrix product of another height may add in another order).
    Batches run on `threads` threads, each batch on one: on a busy machine nothing waits for the slowest thread. A
    question is one small batch somebody waits for: two threads share it, in a session opened with the first question.
    """

    def __init__(
        self,
        model: ConvertedModel,
        precision: Precision,
        *,
        threads: int | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        """Open the graph.

        Args:
            threads: Take the batches of all callers, who wait; None takes one per core we may use. What fits into one
                batch runs on its caller's thread.
            allowance: How many of the threads may work: it can be changed while they do.

        Raises:
            EmbedderDown: ONNX Runtime cannot load the file.
        """
        self._config = model.config
        self._info = EmbedderInfo("onnx", model.name, model.config.dim, precision)
        threads = threads or len(os.sched_getaffinity(0))
        self._allowance = allowance or Allowance(threads)
        self._session: ort.InferenceSession | None = open_session(model, precision)
        self._query_session: ort.InferenceSession | None = None
        self._open_query_session = partial(open_session, model, precision, threads=min(threads, _QUERY_THREADS))
        self._tokenizer = _load_tokenizer(model)
        self._cache = QueryCache()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")

    @classmethod
    def load(
        cls,
        models_dir: Path,
        *,
        precision: Precision | Literal["auto"] = "auto",
        threads: int | None = None,
        allowance: Allowance | None = None,
        model: Path | None = None,
    ) -> OnnxEmbedder:
        """Convert the model if need be and open it.

        Args:
            models_dir: Where converted models are kept.
            precision: "auto" takes what this processor computes faster, measured once and remembered.
            threads: See `__init__`.
            allowance: See `__init__`.
            model: Another BERT folder; see `ensure_model`.

        Raises:
            EmbedderDown: the weights are missing or cannot be loaded.
        """
        converted = ensure_model(models_dir, model=model)
        if precision == "auto":
            precision = choose_precision(converted)
        return cls(converted, precision, threads=threads, allowance=allowance)

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    def embed(self, texts: Sequence[str]) -> Vectors:
        session = self._still_open()
        vectors = np.empty((len(texts), self._config.dim), np.float32)
        tokens = self._tokenise([self._config.document_prefix + text for text in texts])

        def run(rows: NDArray[np.intp]) -> None:
            vectors[rows] = _run(session, [tokens[row] for row in rows])

        def run_if_allowed(rows: NDArray[np.intp]) -> None:
            with self._allowance:
                run(rows)

        todo = list(batches([len(ids) for ids in tokens]))
        if len(todo) == 1:
            run(todo[0])
        else:
            for _ in self._pool.map(run_if_allowed, todo):
                pass
        return vectors

    def embed_query(self, text: str) -> Vectors:
        return self._cache.get_or_embed(text, self._embed_query)

    def close(self) -> None:
        self._session = self._query_session = None
        self._cache.clear()
        self._pool.shutdown()

    def _still_open(self) -> ort.InferenceSession:
        if self._session is None:
            raise EmbedderDown("the embedder was closed", hint="Load it again.")
        return self._session

    def _embed_query(self, text: str) -> Vectors:
        self._still_open()
        if (session := self._query_session) is None:
            session = self._query_session = self._open_query_session()
        vector: Vectors = _run(session, self._tokenise([self._config.query_prefix + text]))[0]
        return vector

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        limit = self._config.max_tokens * _CHARACTERS_PER_TOKEN
        clean = [text[:limit].encode("utf-8", "replace").decode("utf-8") for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(clean)]


def _run(session: ort.InferenceSession, tokens: list[list[int]]) -> Vectors:
    try:
        vectors: Vectors = session.run(["embedding"], {"input_ids": np.array(tokens, np.int32)})[0]
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise EmbedderDown(f"the embedder failed: {error}", hint="Start Lumina again.") from error
    return vectors


def batches(lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
    """Cut rows into batches of one length each and of at most `TOKENS_PER_BATCH` tokens, longest first.

    Every row appears once; a row longer than the budget stands alone.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.intp), kind="stable")
    ordered = np.asarray(lengths, dtype=np.intp)[order]
    for group in np.split(order, np.flatnonzero(np.diff(ordered)) + 1):
        if not len(group):
            return
        height = max(1, TOKENS_PER_BATCH // max(1, lengths[group[0]]))
        for start in range(0, len(group), height):
            yield group[start : start + height]


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

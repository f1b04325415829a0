"""Embeddings from sentence-transformers on torch: an optional extra, for models the converter does not write."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.embedders.conversion import packaged_model
from lumina_core.errors import EmbedderDown

__all__ = ["SentenceTransformersEmbedder"]


class SentenceTransformersEmbedder:
    """A `SentenceTransformer`. One call at a time; others wait."""

    def __init__(self, encoder: Any, model: str) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._info = EmbedderInfo("sentence-transformers", model, int(encoder.get_embedding_dimension()), "fp32")

    @classmethod
    def load(cls, *, model: str | Path | None = None, device: str = "cpu") -> SentenceTransformersEmbedder:
        """Load a model folder, or the name of a model that library fetches; the packaged MiniLM-L6 if None.

        Raises:
            EmbedderDown: the library is not installed, or the model cannot be loaded.
        """
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise EmbedderDown(
                "sentence-transformers is not installed",
                hint="Run `pip install 'lumina-core[sentence-transformers]'`, or use the embedder onnx.",
            ) from error
        source = packaged_model() if model is None else model
        name = "all-MiniLM-L6-v2" if model is None else Path(model).name
        try:
            return cls(SentenceTransformer(str(source), device=device), name)
        except Exception as error:  # torch and its friends share no base class
            raise EmbedderDown(
                f"sentence-transformers cannot load {name!r}: {error}", hint="Check the model's name or folder."
            ) from error

    @property
    def info(self) -> EmbedderInfo:
        return self._info

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, "document")

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._encode([text], "query")[0]
        return vector

    def close(self) -> None:
        self._encoder = None

    def _encode(self, texts: Sequence[str], role: str) -> Vectors:
        if not texts:
            return np.empty((0, self._info.dim), np.float32)
        with self._lock:
            if self._encoder is None:
                raise EmbedderDown("the embedder was closed", hint="Load it again.")
            prompt = role if role in (self._encoder.prompts or {}) else None
            try:
                vectors = self._encoder.encode(
                    [text.encode("utf-8", "replace").decode() for text in texts],
                    prompt_name=prompt,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            except Exception as error:  # torch and its friends share no base class
                raise EmbedderDown(f"sentence-transformers failed: {error}", hint="Start Lumina again.") from error
        return np.ascontiguousarray(vectors, dtype=np.float32)

"""Texts to vectors, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np

from lumina_core.drivers.embedder import Embedder, EmbedderInfo, Vectors

__all__ = ["EmbeddingService"]


class EmbeddingService:
    """Embeds in `threads`, which questions share, so that a module's texts do not take more than their number."""

    def __init__(self, embedder: Embedder, threads: Executor) -> None:
        self._embedder = embedder
        self._threads = threads

    @property
    def info(self) -> EmbedderInfo:
        return self._embedder.info

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """Embed what is to be found: `(len(texts), dim)`, unit rows. Raises `EmbedderDown`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._embedder.embed, list(texts))

    async def queries(self, texts: Sequence[str]) -> Vectors:
        """Embed what is looked for. Shape and errors as of `passages`."""

        def embed() -> Vectors:
            return np.stack([self._embedder.embed_query(text) for text in texts])

        return await asyncio.get_running_loop().run_in_executor(self._threads, embed)

"""An embedder that computes a text once and keeps the vector on disk: the fit indexes the same texts often."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lumina_core.documents import fingerprint
from lumina_core.drivers.embedder import Embedder, EmbedderInfo, Vectors

__all__ = ["RememberingEmbedder"]

_BATCH = 512


class RememberingEmbedder:
    """Owns what it wraps. `save` writes what was computed since the file was read."""

    def __init__(self, inner: Embedder, path: Path) -> None:
        self.info: EmbedderInfo = inner.info
        self._inner = inner
        self._path = path
        self._known: dict[str, Vectors] = {}
        if path.exists():
            with np.load(path) as stored:
                self._known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
        self._read = len(self._known)

    def embed(self, texts: Sequence[str]) -> Vectors:
        keys = [fingerprint(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        todo = list(missing.items())
        for start in range(0, len(todo), _BATCH):
            part = todo[start : start + _BATCH]
            self._known.update(
                zip([key for key, _ in part], self._inner.embed([text for _, text in part]), strict=True)
            )
        return np.stack([self._known[key] for key in keys])

    def embed_query(self, text: str) -> Vectors:
        return self._inner.embed_query(text)

    def save(self) -> None:
        if len(self._known) > self._read:
            np.savez(self._path, keys=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))

    def close(self) -> None:
        self.save()
        self._inner.close()

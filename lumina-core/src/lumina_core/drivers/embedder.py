"""The seam between us and whatever turns text into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Embedder", "EmbedderInfo", "Vectors"]

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """What a driver is: `name` and `model` tell two embedding spaces apart, `precision` only how they are computed."""

    name: str
    model: str
    dim: int
    precision: str


class Embedder(Protocol):
    """Texts to unit vectors. Safe to call from several threads."""

    @property
    def info(self) -> EmbedderInfo: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed a batch of any size.

        Returns:
            `(len(texts), dim)`, float32, unit rows, in the order given. Texts over the model's limit are cut there.

        Raises:
            EmbedderDown: the model cannot be loaded or its server does not answer.
        """

    def embed_query(self, text: str) -> Vectors:
        """Embed one question, `(dim,)`, float32, unit length; answers are cached."""

    def close(self) -> None:
        """Release the model. Calling it twice is fine."""

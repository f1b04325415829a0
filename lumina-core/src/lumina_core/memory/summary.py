"""A summary without a language model: the sentences nearest to what all of them are about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lumina_core.drivers.embedder import Vectors

__all__ = ["central_sentences"]

_NOVELTY = 0.4
_SAME = 0.97


def central_sentences(sentences: Sequence[str], vectors: Vectors, *, max_chars: int = 600) -> list[str]:
    """Pick sentences that together say most of what all say.

    Each next one is the nearest to the centroid of all, less what it repeats of those already picked (maximal marginal
    relevance, the weight of novelty being 0.4).

    Args:
        sentences: In reading order.
        vectors: `(len(sentences), dim)`, unit rows.
        max_chars: Code points of all picked together; the first pick is taken whatever its length.

    Returns:
        The picked ones, in reading order; near-duplicates (cosine over 0.97) once.

    Source: Carbonell and Goldstein, SIGIR 1998; Radev and others, Centroid-based summarization, 2004.
    """
    if not sentences:
        return []
    centroid = vectors.mean(axis=0)
    norm = float(np.linalg.norm(centroid))
    relevance = vectors @ (centroid / norm) if norm > 0 else np.zeros(len(sentences))
    likeness = vectors @ vectors.T
    picked: list[int] = []
    used = 0
    left = set(range(len(sentences)))
    while left:
        repeats = likeness[:, picked].max(axis=1) if picked else np.zeros(len(sentences))
        left = {index for index in left if repeats[index] <= _SAME}
        fitting = [index for index in left if not picked or used + len(sentences[index]) <= max_chars]
        if not fitting:
            break
        best = max(fitting, key=lambda index: ((1 - _NOVELTY) * relevance[index] - _NOVELTY * repeats[index], -index))
        picked.append(best)
        left.discard(best)
        used += len(sentences[best])
    return [sentences[index] for index in sorted(picked)]

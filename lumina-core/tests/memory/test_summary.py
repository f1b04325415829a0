from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.drivers.embedder import Vectors
from lumina_core.memory.summary import central_sentences


def unit(*values: float) -> Vectors:
    row: Vectors = np.array(values, dtype=np.float32)
    row /= np.linalg.norm(row)
    return row


def test_the_sentence_all_others_are_about_is_picked_first() -> None:
    vectors = np.stack([unit(1, 0.6, 0), unit(1, 0, 0.1), unit(1, -0.6, 0), unit(0, 0, 1)])

    assert central_sentences(["a" * 50, "b" * 50, "c" * 50, "d" * 50], vectors, max_chars=50) == ["b" * 50]


def test_what_says_the_same_is_said_once() -> None:
    vectors = np.stack([unit(1, 0), unit(1, 0.01), unit(0, 1)])

    assert central_sentences(["x", "x again", "y"], vectors) in (["x", "y"], ["x again", "y"])


@given(st.integers(0, 12), st.integers(1, 200), st.integers(0, 99))
def test_a_summary_keeps_the_order_and_its_length(count: int, max_chars: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) if count else 1
    sentences = [f"{index:03d}" * int(rng.integers(1, 20)) for index in range(count)]

    picked = central_sentences(sentences, vectors, max_chars=max_chars)

    assert picked == sorted(picked, key=sentences.index)
    assert bool(picked) == bool(count)
    assert len(picked) <= 1 or sum(map(len, picked)) <= max_chars

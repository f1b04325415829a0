"""What every embedder promises, whichever driver it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.embedders.loading import load_embedder
from lumina_core.errors import EmbedderDown

DRIVERS = ("onnx-fp32", "onnx-int8", "ollama", "openai", "sentence-transformers")


@pytest.fixture(params=DRIVERS)
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    name: str = request.param
    options: dict[str, Any] = {}
    if name.startswith("onnx"):
        name, precision = name.split("-")
        options = {"models_dir": request.getfixturevalue("models_dir"), "precision": precision, "threads": 2}
    elif name == "sentence-transformers":
        pytest.importorskip("sentence_transformers", reason="the extra lumina-core[sentence-transformers] is not here")
    else:
        serve: Callable[..., Any] = request.getfixturevalue("serve_embeddings")
        options = {"url": serve(request.getfixturevalue("fp32").embed).url, "model": "all-minilm"}
    loaded = load_embedder(name, **options)
    yield loaded
    loaded.close()


def test_texts_become_unit_rows_in_the_order_given(embedder: Embedder, texts: tuple[str, ...]) -> None:
    forward = embedder.embed(texts)
    backward = embedder.embed(texts[::-1])

    assert forward.shape == (len(texts), embedder.info.dim)
    assert forward.dtype == np.float32
    assert np.linalg.norm(forward, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (forward * backward[::-1]).sum(axis=1).min() > 0.9999


def test_no_texts_become_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.info.dim)


def test_the_empty_text_has_one_vector_of_its_own(embedder: Embedder) -> None:
    alone, beside = embedder.embed([""])[0], embedder.embed(["", "a text"])[0]

    assert np.linalg.norm(alone) == pytest.approx(1.0, abs=1e-5)
    assert alone @ beside > 0.9999


def test_a_query_is_embedded_like_a_text_of_the_same_words(embedder: Embedder) -> None:
    question = "Who wrote Atlas Shrugged?"

    assert embedder.embed_query(question) @ embedder.embed([question])[0] > 0.9999


def test_what_a_caller_does_to_a_query_vector_stays_with_the_caller(embedder: Embedder) -> None:
    first = embedder.embed_query("mine")
    kept = first.copy()
    first[:] = 0

    assert embedder.embed_query("mine") == pytest.approx(kept)


def test_likeness_of_meaning_shows(embedder: Embedder) -> None:
    question, near, far = embedder.embed(["How tall is Everest?", "Mount Everest is 8,849 m high.", "Bake at 180 °C."])

    assert question @ near > question @ far + 0.3


@pytest.mark.parametrize("odd", ["\x00\x01", "lone \ud800 surrogate", "\u202e", "x" * 5000, "a b " * 40_000, "\n" * 99])
def test_odd_texts_get_a_unit_vector(embedder: Embedder, odd: str) -> None:
    assert np.linalg.norm(embedder.embed([odd])[0]) == pytest.approx(1.0, abs=1e-5)


def test_a_text_over_the_limit_is_cut_there(embedder: Embedder) -> None:
    cut, longer = embedder.embed(["word " * 254, "word " * 3000])

    assert cut @ longer > 0.9999


def test_threads_may_share_it(embedder: Embedder, texts: tuple[str, ...]) -> None:
    few = texts[:8]
    expected = embedder.embed(few)

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda _: embedder.embed(few), range(8)))

    assert min((vectors * expected).sum(axis=1).min() for vectors in seen) > 0.9999


def test_once_closed_it_says_so(embedder: Embedder) -> None:
    embedder.close()
    embedder.close()

    with pytest.raises(EmbedderDown, match="closed") as refusal:
        embedder.embed(["anything"])
    assert refusal.value.hint

"""How near the ONNX embedder comes to its model, and that a text's neighbours do not matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lumina_core.drivers.embedders.conversion import ensure_model
from lumina_core.drivers.embedders.onnx import TOKENS_PER_BATCH, OnnxEmbedder, batches
from lumina_core.errors import EmbedderDown


@pytest.fixture(scope="module")
def reference(packaged: Path, reference_encoder, texts) -> NDArray[np.float64]:
    encode = reference_encoder(packaged, heads=12, layers=6, max_tokens=256)
    return np.stack([encode(text) for text in texts])


def test_float32_agrees_with_the_weights_computed_in_float64(fp32: OnnxEmbedder, texts, reference) -> None:
    cosines = (fp32.embed(texts) * reference).sum(axis=1)

    assert cosines.min() > 0.999999


def test_int8_stays_near_the_weights_computed_in_float64(int8: OnnxEmbedder, texts, reference) -> None:
    cosines = (int8.embed(texts) * reference).sum(axis=1)

    assert cosines.min() >= 0.985
    assert cosines.mean() >= 0.992


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(neighbours=st.lists(st.text(max_size=80), max_size=12), place=st.integers(0, 12))
@pytest.mark.parametrize(("precision", "floor"), [("fp32", 0.999999), ("int8", 0.9999)])
def test_a_vector_does_not_depend_on_what_it_was_batched_with(
    request, precision: str, floor: float, neighbours: list[str], place: int
) -> None:
    embedder: OnnxEmbedder = request.getfixturevalue(precision)
    text = "Montgomery is the capital of Alabama."
    batch = [*neighbours[:place], text, *neighbours[place:]]

    assert embedder.embed(batch)[batch.index(text)] @ embedder.embed([text])[0] > floor


@given(st.lists(st.integers(0, 600), max_size=200))
def test_batches_hold_every_row_once_and_only_rows_of_one_length(lengths: list[int]) -> None:
    cut = list(batches(lengths))

    assert sorted(row for batch in cut for row in batch) == list(range(len(lengths)))
    for batch in cut:
        assert len({lengths[row] for row in batch}) == 1
        assert len(batch) == 1 or lengths[batch[0]] * len(batch) <= TOKENS_PER_BATCH


def test_a_model_file_that_is_no_model_is_reported_with_its_place(packaged: Path, tmp_path: Path) -> None:
    model = ensure_model(tmp_path)
    graph = model.graph("int8")
    graph.write_bytes(b"\0" * graph.stat().st_size)

    with pytest.raises(EmbedderDown, match="cannot be loaded") as refusal:
        OnnxEmbedder.load(tmp_path, precision="int8")
    assert str(model.directory) in (refusal.value.hint or "")


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_question_gets_the_same_vector_on_any_number_of_threads(packaged: Path, tmp_path: Path, threads: int) -> None:
    embedder = OnnxEmbedder(ensure_model(tmp_path), "fp32", threads=threads)

    for question in ("1914", "Who wrote Atlas Shrugged?", "What is the capital of Alabama? " * 20):
        assert embedder.embed_query(question) @ embedder.embed([question])[0] > 0.999999
    embedder.close()

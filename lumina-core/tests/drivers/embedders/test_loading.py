from __future__ import annotations

import pytest

from lumina_core.drivers.embedders.loading import load_embedder
from lumina_core.errors import InvalidInput


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="'word2vec'") as refusal:
        load_embedder("word2vec")
    assert "onnx" in (refusal.value.hint or "")


def test_an_option_the_driver_does_not_know_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(InvalidInput, match="colour"):
        load_embedder("onnx", models_dir="anywhere", colour="red")

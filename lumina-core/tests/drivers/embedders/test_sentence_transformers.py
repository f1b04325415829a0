from __future__ import annotations

import sys

import pytest

from lumina_core.drivers.embedders.loading import load_embedder
from lumina_core.errors import EmbedderDown


def test_without_the_library_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)

    with pytest.raises(EmbedderDown, match="not installed") as refusal:
        load_embedder("sentence-transformers")
    assert "pip install 'lumina-core[sentence-transformers]'" in (refusal.value.hint or "")

"""What every test above the distributions shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lumina_core.drivers.embedders.onnx import OnnxEmbedder


@pytest.fixture(scope="session")
def models_dir(pytestconfig: pytest.Config) -> Path:
    """The converted embedding model, kept between runs in pytest's cache."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("lumina-models")
    OnnxEmbedder.load(folder, precision="int8").close()
    return folder


@pytest.fixture(scope="session")
def soak() -> int:
    """How many times as often faults are put in: 1, or 10 where `LUMINA_SOAK` is set (`make soak`)."""
    return 10 if os.environ.get("LUMINA_SOAK") else 1

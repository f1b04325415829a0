from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lumina_core.drivers.embedders.onnx import OnnxEmbedder

LONG = (
    "The harbour of Marrowick has grown for nine centuries, and its records fill a tower of their own. "
    + "Ships brought timber, salt and wool, and took herring, glass and rope away. " * 12
    + "A storm in 1764 broke the old mole, and the town rebuilt it in granite. "
    + "Coal replaced wool, then oil replaced coal, and cranes replaced the men who had carried both. " * 6
    + "The lamp at its end was lit by Theodora Quill, the first woman to keep a light on that coast."
)
"""A paragraph longer than a chunk: the last sentence lies in another chunk than the first."""

TINY: dict[str, Any] = {
    "version": "v2.0",
    "data": [
        {
            "title": "Marrowick_harbour",
            "paragraphs": [
                {
                    "context": LONG,
                    "qas": [
                        {
                            "id": "m1",
                            "question": "Who lit the lamp at the end of the mole?",
                            "answers": [{"text": "Theodora Quill", "answer_start": 0}] * 2,
                            "is_impossible": False,
                        },
                        {
                            "id": "m2",
                            "question": "When did a storm break the old mole?",
                            "answers": [{"text": "1764", "answer_start": 0}, {"text": "in 1764", "answer_start": 0}],
                        },
                    ],
                },
                {
                    "context": "Marrowick has a fish market on Saturdays. Eels cost more than cod there.",
                    "qas": [
                        {
                            "id": "m3",
                            "question": "On what day is the fish market?",
                            "answers": [{"text": "Saturdays", "answer_start": 0}],
                            "is_impossible": False,
                        },
                        {
                            "id": "m4",
                            "question": "What does a lobster cost at the zoo in Lisbon?",
                            "answers": [],
                            "plausible_answers": [{"text": "more than cod", "answer_start": 0}],
                            "is_impossible": True,
                        },
                    ],
                },
            ],
        },
        {
            "title": "Quartz_watch",
            "paragraphs": [
                {
                    "context": "A quartz watch counts the swings of a crystal. It swings 32,768 times a second.",
                    "qas": [
                        {
                            "id": "q1",
                            "question": "How many times a second does the crystal swing?",
                            "answers": [{"text": "32,768", "answer_start": 0}],
                            "is_impossible": False,
                        }
                    ],
                },
                {
                    "context": "Seiko sold the first quartz wristwatch in Tokyo in 1969. It cost as much as a car.",
                    "qas": [
                        {
                            "id": "q2",
                            "question": "Who sold the first quartz wristwatch?",
                            "answers": [{"text": "Seiko", "answer_start": 0}],
                            "is_impossible": False,
                        },
                        {
                            "id": "q3",
                            "question": "Which emperor banned sundials?",
                            "answers": [],
                            "is_impossible": True,
                        },
                    ],
                },
            ],
        },
    ],
}


@pytest.fixture(scope="session")
def embedder(pytestconfig: pytest.Config) -> Iterator[OnnxEmbedder]:
    assert pytestconfig.cache is not None
    made = OnnxEmbedder.load(pytestconfig.cache.mkdir("lumina-models"), precision="int8")
    yield made
    made.close()


@pytest.fixture(scope="session")
def tiny_squad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two articles of two paragraphs, one longer than a chunk; five questions with answers, two without."""
    path = tmp_path_factory.mktemp("squad") / "tiny.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return path


@pytest.fixture
def write_squad(tmp_path: Path) -> Callable[[Any], Path]:
    def write(content: Any) -> Path:
        path = tmp_path / "questions.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write

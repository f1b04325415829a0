from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.errors import InvalidInput
from lumina_core.evaluation.memory import MemoryReport, evaluate_memory
from lumina_core.text.analysis import terms

DIALOGUE = Path(__file__).with_name("dialogue.jsonl")
"""Two made-up people over eight sessions, written for this test: 141 turns, 21 questions, few of them in the words of
the turn that answers them."""
FLOOR = 0.78
"""recall@10 is .88 with int8 vectors; turns ranked each for itself, by z-scores of cosine and BM25, give .64. Two
questions of the 21 may go wrong on other hardware."""


class Words:
    def embed(self, texts: list[str]) -> Any:
        rows = np.full((len(texts), 384), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for term in terms(text):
                row[sum(map(ord, term)) % 384] += 1.0
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def dialogue(count: int = 30) -> dict[str, Any]:
    turns = [
        {"id": f"d{n}", "session": f"s{n // 5}", "ts": 60.0 * n, "speaker": "AB"[n % 2], "text": f"word{n} alike here"}
        for n in range(count)
    ]
    return {"turns": turns, "questions": [{"question": "Where is word7 now?", "evidence": ["d7"]}]}


def write(path: Path, *dialogues: Any) -> Path:
    file = path / "memory.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in dialogues) + "\n")
    return file


def evaluate(file: Path) -> MemoryReport:
    return evaluate_memory(file, Words())  # type: ignore[arg-type]  # what the evaluation needs of an embedder


def test_the_share_of_evidence_is_averaged_over_questions(tmp_path: Path) -> None:
    made = dialogue()
    made["questions"] += [
        {"question": "What of word8?", "evidence": ["d8", "d8"]},
        {"question": "What of word9?", "evidence": ["d9", "d29"]},
    ]

    report = evaluate(write(tmp_path, made))

    assert (report.n, report.turns, report.dialogues) == (3, 30, 1)
    assert report.recall5 == pytest.approx((1 + 1 + 0.5) / 3)


def test_the_report_has_the_keys_scripts_rely_on(tmp_path: Path) -> None:
    assert {"recall5", "recall10", "recall20", "n"} <= evaluate(write(tmp_path, dialogue())).as_dict().keys()


def test_questions_without_evidence_are_left_out_and_counted(tmp_path: Path) -> None:
    made = dialogue()
    made["questions"].append({"question": "Who knows?", "evidence": []})

    report = evaluate(write(tmp_path, made))
    assert (report.n, report.left_out) == (1, 1)


def test_dialogues_are_remembered_each_for_itself(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    file = write(tmp_path, dialogue(), dialogue())

    report = evaluate_memory(file, Words(), progress=lambda *step: progress.append(step))  # type: ignore[arg-type]

    assert (report.n, report.recall5) == (2, 1.0)
    assert progress == [(1, 2), (2, 2)]


def without(made: dict[str, Any], field: str) -> dict[str, Any]:
    del made["turns"][3][field]
    return made


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2"),
        (json.dumps(without(dialogue(), "speaker")), r"line 2.*speaker.*turns\[3\]"),
        (json.dumps({"turns": []}), "line 2.*questions"),
        (json.dumps({**dialogue(), "questions": [{"question": " ", "evidence": []}]}), r"line 2.*questions\[0\]"),
        (json.dumps({**dialogue(), "questions": [{"question": "q", "evidence": ["d99"]}]}), "line 2.*'d99'"),
        (json.dumps({**dialogue(), "turns": dialogue()["turns"][:2] * 2}), r"line 2.*turns\[2\].*'d0'"),
    ],
)
def test_a_malformed_line_is_named_with_its_field(tmp_path: Path, broken: str, says: str) -> None:
    file = tmp_path / "memory.jsonl"
    file.write_text(json.dumps(dialogue()) + "\n" + broken + "\n")

    with pytest.raises(InvalidInput, match=says):
        evaluate(file)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    file = tmp_path / "memory.jsonl"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InvalidInput, match="line 1"):
        evaluate(file)


def test_files_with_nothing_to_ask_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    nothing = {**dialogue(), "questions": []}

    with pytest.raises(InvalidInput, match="no dialogue"):
        evaluate(tmp_path / "empty")
    with pytest.raises(InvalidInput, match="cannot be read"):
        evaluate(tmp_path / "missing")
    with pytest.raises(InvalidInput, match="evidence"):
        evaluate(write(tmp_path, nothing))


def test_turns_of_a_written_dialogue_are_found_by_paraphrases(tmp_path_factory: pytest.TempPathFactory) -> None:
    embedder = OnnxEmbedder.load(tmp_path_factory.mktemp("models"), precision="int8")
    report = evaluate_memory(DIALOGUE, embedder)
    embedder.close()

    assert report.n == 21
    assert report.recall10 >= FLOOR

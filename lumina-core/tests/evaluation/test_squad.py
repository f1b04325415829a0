from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.errors import UnreadableSource
from lumina_core.evaluation.squad import Paragraph, Question, SquadSet, load_squad

Write = Callable[[Any], Path]


def qa(**changes: Any) -> dict[str, Any]:
    return {"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}], **changes}


def without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def squad(*questions: Any) -> dict[str, Any]:
    """The questions belong to the second paragraph of the second article."""
    first = {"title": "One", "paragraphs": [{"context": "First.", "qas": [qa()]}]}
    second = [{"context": "Second.", "qas": [qa()]}, {"context": "Third.", "qas": list(questions)}]
    return {"data": [first, {"title": "Two", "paragraphs": second}]}


def test_paragraphs_and_questions_keep_the_order_of_the_file(tiny_squad: Path) -> None:
    loaded = load_squad(tiny_squad)

    assert [(one.article, one.place, one.title) for one in loaded.paragraphs] == [
        (0, 0, "Marrowick harbour"),
        (0, 1, "Marrowick harbour"),
        (1, 0, "Quartz watch"),
        (1, 1, "Quartz watch"),
    ]
    assert [(one.id, one.paragraph) for one in loaded.questions] == [
        *(("m1", 0), ("m2", 0), ("m3", 1), ("m4", 1), ("q1", 2), ("q2", 3), ("q3", 3))
    ]


def test_answers_are_distinct_and_an_impossible_question_has_none(tiny_squad: Path) -> None:
    answers = {one.id: one.answers for one in load_squad(tiny_squad).questions}

    assert answers["m1"] == ("Theodora Quill",)
    assert answers["m2"] == ("1764", "in 1764")
    assert answers["m4"] == ()
    assert {one.id for one in load_squad(tiny_squad).questions if one.is_impossible} == {"m4", "q3"}


def test_an_impossible_question_has_no_answers_whatever_stands_there(write_squad: Write) -> None:
    loaded = load_squad(write_squad(squad(qa(is_impossible=True), qa(answers=[{"text": " "}]))))

    assert [one.is_impossible for one in loaded.questions] == [False, False, True, True]


def test_an_article_without_title_is_numbered(write_squad: Write) -> None:
    content = squad()
    del content["data"][0]["title"]

    assert load_squad(write_squad(content)).paragraphs[0].title == "Article 1"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{not json", "is no JSON"),
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "data"),
        ("null", "data"),
        ("{}", "data: 'data' is missing"),
        ({"data": 5}, "data is of another format"),
        ({"data": {"title": "One"}}, "data[0] is of another format"),
        ({"data": ["One"]}, "data[0] is of another format"),
        ({"data": [{"title": "One"}]}, "data[0]: 'paragraphs' is missing"),
        ({"data": [*squad()["data"], {"title": "Three"}]}, "data[2]: 'paragraphs' is missing"),
        ({"data": [{"paragraphs": "text"}]}, "data[0].paragraphs[0] is of another format"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "data[0].paragraphs[0]: 'context' is missing"),
        ({"data": [{"paragraphs": [{"context": 5, "qas": []}]}]}, "data[0].paragraphs[0] is of another format: text"),
        ({"data": [{"paragraphs": [{"context": "First."}]}]}, "data[0].paragraphs[0]: 'qas' is missing"),
        (squad(without(qa(), "question")), "data[1].paragraphs[1].qas[0]: 'question' is missing"),
        (squad(qa(), without(qa(), "id")), "data[1].paragraphs[1].qas[1]: 'id' is missing"),
        (squad(without(qa(), "answers")), "data[1].paragraphs[1].qas[0]: 'answers' is missing"),
        (squad(qa(answers="Ada")), "data[1].paragraphs[1].qas[0] is of another format"),
        (squad(qa(answers=None)), "data[1].paragraphs[1].qas[0] is of another format"),
        (squad(qa(answers=[{"answer_start": 3}])), "data[1].paragraphs[1].qas[0]: 'text' is missing"),
        (squad(qa(answers=[{"text": 1815}])), "data[1].paragraphs[1].qas[0] is of another format: text expected"),
        (squad(qa(question=["Who?"])), "data[1].paragraphs[1].qas[0] is of another format: text expected"),
        (squad(qa(question="half a pair \ud83e")), "data[1].paragraphs[1].qas[0] is of another format"),
        (squad("Who?"), "data[1].paragraphs[1].qas[0] is of another format"),
        ({"data": []}, "holds no paragraphs or no questions"),
        ({"data": [{"paragraphs": [{"context": "First.", "qas": []}]}]}, "holds no paragraphs or no questions"),
    ],
)
def test_what_is_not_of_the_format_is_refused_with_the_place(write_squad: Write, content: Any, named: str) -> None:
    with pytest.raises(UnreadableSource) as refused:
        load_squad(write_squad(content))

    assert named in refused.value.message
    assert "questions.json" in refused.value.message
    assert refused.value.hint is not None
    assert "SQuAD" in refused.value.hint


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "squad.json"
    path.write_bytes(b'{"data": "\xff\xfe\x00"}')

    with pytest.raises(UnreadableSource, match="is no JSON"):
        load_squad(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSource, match="nowhere"):
        load_squad(tmp_path / "nowhere.json")
    with pytest.raises(UnreadableSource, match="directory"):
        load_squad(tmp_path)


def numbered(count: int) -> SquadSet:
    return SquadSet(
        (Paragraph(0, 0, "One", "First."),), tuple(Question(str(n), "Who?", 0, ("Ada",)) for n in range(count))
    )


@given(st.integers(1, 40), st.integers(0, 50), st.integers(0, 5))
def test_a_sample_is_the_same_for_the_same_seed_and_keeps_the_order(count: int, limit: int, seed: int) -> None:
    whole = numbered(count)

    drawn = whole.sample(limit, seed)

    assert drawn == whole.sample(limit, seed)
    assert drawn.paragraphs == whole.paragraphs
    numbers = [int(one.id) for one in drawn.questions]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == min(limit, count)


def test_another_seed_draws_others_and_no_limit_draws_all() -> None:
    whole = numbered(100)

    assert whole.sample(10, 0) != whole.sample(10, 1)
    assert whole.sample(None, 0) == whole

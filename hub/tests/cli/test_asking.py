from __future__ import annotations

import builtins
import json
from typing import Any

import pytest
from starlette.responses import JSONResponse

from lumina_hub.cli.asking import in_words

CITATION = {
    "marker": 1,
    "cite_id": "art_0123456789ab",
    "chunk_id": "art_0123456789ab#0",
    "article_id": "art_0123456789ab",
    "title": "Lumina [draft]",
    "url": "https://example.org/lumina",
    "section": "What it is",
    "revision": "1",
    "start": 0,
    "end": 5,
    "text": "Lumina",
    "fingerprint": "0" * 64,
}
ANSWER = {
    "id": "chat_1",
    "session": "s1",
    "query": "What is Lumina?",
    "answer": "Lumina is a knowledge base. [1]",
    "outcome": "answered",
    "confidence": 0.91,
    "cite_ids": ["art_0123456789ab"],
    "citations": [CITATION],
    "took_ms": 4.2,
}
ABSTAINED = {**ANSWER, "answer": "I do not know.", "outcome": "abstained", "confidence": 0.1, "citations": []}


def test_an_answer_is_shown_with_its_sources_outcome_and_confidence(hub: Any) -> None:
    hub.answer("POST /api/v1/chat", ANSWER)

    result = hub.run("ask", "What is Lumina?")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Lumina is a knowledge base. [1]",
        "",
        "[1] Lumina [draft] › What it is  https://example.org/lumina",
        "",
        "answered · confidence 0.91 (very likely right)",
    ]


def test_an_abstention_is_said_plainly_and_is_no_failure(hub: Any) -> None:
    hub.answer("POST /api/v1/chat", ABSTAINED)

    result = hub.run("ask", "Who won the 2022 World Cup?")

    assert result.exit_code == 0
    assert "not answered: Lumina does not know" in result.stdout


def test_json_is_what_the_hub_said_and_nothing_else(hub: Any) -> None:
    hub.answer("POST /api/v1/chat", {**ANSWER, "new_field": 1})

    result = hub.run("ask", "What is Lumina?", "--json")

    assert json.loads(result.stdout) == {**ANSWER, "new_field": 1}


def test_a_question_is_asked_in_the_session_that_was_named(hub: Any) -> None:
    hub.answer("POST /api/v1/chat", ANSWER)

    hub.run("ask", "Why?", "--session", "s1")

    assert hub.asked == [("POST", "/api/v1/chat", {"query": "Why?", "session": "s1"})]


def test_each_piped_line_is_a_question_of_one_session(hub: Any) -> None:
    hub.answer("POST /api/v1/chat", ANSWER)

    result = hub.run("ask", "--json", text="What is Lumina?\n\nWho wrote it?\n")

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["chat_1", "chat_1"]
    assert [body for _, _, body in hub.asked] == [
        {"query": "What is Lumina?"},
        {"query": "Who wrote it?", "session": "s1"},
    ]


def test_nothing_piped_is_misuse(hub: Any) -> None:
    assert hub.run("ask", text="\n").exit_code == 2


def test_a_conversation_goes_on_after_a_refused_question(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = {"type": "/problems/question-too-long", "title": "Too long", "status": 413, "detail": "Too long."}
    hub.answer("POST /api/v1/chat", [ANSWER, JSONResponse(refusal, status_code=413), ANSWER])
    lines = iter(["What is Lumina?", "What is " * 9999, "Who wrote it?", ""])
    monkeypatch.setattr(builtins, "input", lambda prompt: next(lines))
    monkeypatch.setattr("lumina_hub.cli.asking.is_conversation", lambda: True)

    result = hub.run("ask")

    assert result.exit_code == 0
    assert [body.get("session") for _, _, body in hub.asked] == [None, "s1", "s1"]
    assert "Too long." in result.stderr


def test_a_refused_question_ends_with_the_hubs_sentence(hub: Any) -> None:
    problem = {"type": "/problems/x", "title": "X", "status": 422, "detail": "The question is empty.", "hint": "Ask."}
    hub.answer("POST /api/v1/chat", JSONResponse(problem, status_code=422))

    result = hub.run("ask", " ")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "lumina: The question is empty.\nAsk.\n"


def test_passages_are_listed_best_first_with_their_reasons(hub: Any) -> None:
    found = {
        "chunk_id": "art_0123456789ab#0",
        "article_id": "art_0123456789ab",
        "title": "Alabama",
        "section": "Cities",
        "url": "",
        "start": 0,
        "end": 9,
        "text": "The capital of Alabama is Montgomery.",
        "score": 1.25,
        "contributions": {"dense": 0.5, "bm25": 0.75},
    }
    hub.answer("POST /api/v1/search", {"query": "capital", "hits": [found], "took_ms": 1.0})

    result = hub.run("search", "capital", "--limit", "3", "--explain")

    assert result.stdout.splitlines()[:3] == [
        "1. Alabama › Cities  1.250  art_0123456789ab#0",
        "The capital of Alabama is Montgomery.",
        "dense +0.500  bm25 +0.750",
    ]
    assert hub.asked == [("POST", "/api/v1/search", {"query": "capital", "limit": 3, "explain": True})]


def test_finding_nothing_is_said(hub: Any) -> None:
    hub.answer("POST /api/v1/search", {"query": "x", "hits": [], "took_ms": 1.0})

    result = hub.run("search", "x")

    assert (result.exit_code, result.stdout) == (0, "Nothing found.\n")


def test_words_for_confidence_rise_with_it() -> None:
    words = [in_words(step / 100) for step in range(101)]

    assert [word for word, before in zip(words, [None, *words], strict=False) if word != before] == [
        "probably not right",
        "may be right",
        "likely right",
        "very likely right",
    ]


def test_a_question_that_is_far_too_long_is_refused_before_it_is_sent(hub: Any) -> None:
    piped, given = hub.run("ask", text="x" * 1_000_000), hub.run("ask", "x" * 20_000)

    for refused in (piped, given):
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "the limit is 8,000" in refused.stderr
    assert hub.asked == []

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lumina_core.documents import fingerprint
from lumina_core.graph.reader import read_log
from lumina_sdk.contract import ChatAnswer, Outcome, TurnDetail

from .conftest import Hub

pytestmark = pytest.mark.asyncio(loop_scope="session")
CHAT = "/api/v1/chat"


async def ask(hub: Hub, query: str, **more: object) -> ChatAnswer:
    response = await hub.client.post(CHAT, json={"query": query, **more})
    assert response.status_code == 200, response.text
    return ChatAnswer.model_validate_json(response.content)


def events(body: str) -> Iterator[tuple[str, Any]]:
    for block in body.strip().split("\n\n"):
        name, data = block.split("\n")
        yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_lumina_knows_what_it_is_and_cites(hub: Hub) -> None:
    answer = await ask(hub, "What is Lumina?")

    assert answer.outcome is Outcome.ANSWERED
    assert "knowledge base" in answer.answer
    assert 0 < answer.confidence <= 1
    assert answer.citations[0].title == "Lumina"
    assert answer.cite_ids[0] == answer.citations[0].cite_id
    assert f"[{answer.citations[0].marker}]" in answer.answer
    assert answer.searched_for is None


async def test_every_citation_resolves_to_its_very_words(hub: Hub) -> None:
    answer = await ask(hub, "Where is the owner token kept?")

    assert answer.citations
    for citation in answer.citations:
        path = f"/api/v1/graph/articles/{citation.article_id}"
        article = (await hub.client.get(path, params={"revision": citation.revision})).json()
        assert article["text"][citation.start : citation.end] == citation.text
        assert fingerprint(citation.text) == citation.fingerprint


async def test_what_nothing_answers_is_not_answered(hub: Hub) -> None:
    answer = await ask(hub, "Who won the 2022 World Cup?")

    assert answer.outcome is Outcome.ABSTAINED
    assert answer.citations == ()
    assert answer.cite_ids == ()


async def test_the_seeds_route_answers_like_the_other(hub: Hub) -> None:
    response = await hub.client.post("/chat", json={"query": "What is Lumina?"})

    assert ChatAnswer.model_validate_json(response.content).outcome is Outcome.ANSWERED


async def test_a_turn_is_in_the_journal_before_it_is_acknowledged(hub: Hub) -> None:
    answer = await ask(hub, "What is Lumina?", session="journal")

    turns = [entry.record for entry in read_log(hub.home / "graphs", "chat/turns")]
    kept = next(turn for turn in turns if turn["id"] == answer.id)
    assert list(kept) == ["id", "session", "ts", "user", "assistant", "confidence", "cite_ids", "embedding"]
    assert (kept["session"], kept["user"], kept["assistant"]) == ("journal", "What is Lumina?", answer.answer)
    assert len(kept["embedding"]) == 384
    answers = [entry.record for entry in read_log(hub.home / "graphs", "chat/answers")]
    assert [row["owner"] for row in answers if row["turn"] == answer.id] == ["owner"]


async def test_a_follow_up_is_understood_with_its_session(hub: Hub, notes: Path) -> None:
    (notes / "a.md").write_text(
        "# Tasmanian Bridge Society\n\nThe Tasmanian Bridge Society is a club of engineers in Hobart. "
        "The Tasmanian Bridge Society was founded in 1907 by Ada Quill.\n"
    )
    await hub.ingest(notes)
    first = await ask(hub, "What is the Tasmanian Bridge Society?", session="bridges")
    assert "club of engineers" in first.answer

    second = await ask(hub, "When was it founded?", session="bridges")

    assert second.searched_for is not None
    assert "Tasmanian Bridge Society" in second.searched_for
    assert "1907" in second.answer
    assert second.query == "When was it founded?"


async def test_an_earlier_turn_on_the_same_matter_is_recalled(hub: Hub) -> None:
    earlier = await ask(hub, "How does Lumina keep the owner token secret?", session="tokens")
    await hub.settle()

    later = await ask(hub, "How is the owner token kept secret by Lumina?")

    assert earlier.id in later.recalled


async def test_a_streamed_answer_is_the_same_answer_in_pieces(hub: Hub) -> None:
    for headers, body in (({"Accept": "text/event-stream"}, {}), ({}, {"stream": True})):
        response = await hub.client.post(CHAT, json={"query": "What is Lumina?", **body}, headers=headers)

        assert response.headers["Content-Type"].startswith("text/event-stream")
        seen = list(events(response.text))
        names = [name for name, _ in seen]
        assert names[0] == "start"
        assert names[-1] == "done"
        assert set(names[1:-1]) == {"delta"}
        done = ChatAnswer.model_validate(seen[-1][1])
        assert "".join(data["text"] for name, data in seen if name == "delta") == done.answer
        assert seen[0][1] == {"id": done.id, "session": done.session}
        assert (await hub.client.get(f"{CHAT}/turns/{done.id}")).status_code == 200


async def test_a_stream_that_fails_ends_in_a_problem(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from lumina_core.errors import VectorStoreDown

    async def down(*_: object, **__: object) -> None:
        raise VectorStoreDown("the index is away", hint="Wait.")

    monkeypatch.setattr(hub.runtime.search, "find", down)
    response = await hub.client.post(CHAT, json={"query": "What is Lumina?", "stream": True})

    seen = list(events(response.text))
    assert [name for name, _ in seen] == ["start", "error"]
    assert seen[1][1]["type"] == "/problems/vector-store-down"
    turns = (entry.record["id"] for entry in read_log(hub.home / "graphs", "chat/turns"))
    assert seen[0][1]["id"] not in turns


async def test_sessions_and_turns_are_listed_newest_first(hub: Hub) -> None:
    asked = [(await ask(hub, f"What is Lumina? ({number})", session="listed")).id for number in range(5)]

    first = (await hub.client.get(f"{CHAT}/turns", params={"session": "listed", "limit": 3})).json()
    second = (
        await hub.client.get(f"{CHAT}/turns", params={"session": "listed", "limit": 3, "before": first["before"]})
    ).json()

    assert [turn["id"] for turn in first["turns"] + second["turns"]] == asked[::-1]
    assert second["before"] is None
    assert all(turn["embedding"] == [] for turn in first["turns"])
    sessions = (await hub.client.get(f"{CHAT}/sessions")).json()["sessions"]
    assert sessions[0]["id"] == "listed"
    assert (sessions[0]["title"], sessions[0]["turns"]) == ("What is Lumina? (0)", 5)


async def test_a_turn_is_read_back_whole(hub: Hub) -> None:
    answer = await ask(hub, "What is Lumina?")

    turn = TurnDetail.model_validate_json((await hub.client.get(f"{CHAT}/turns/{answer.id}")).content)

    assert (turn.assistant, turn.outcome, turn.citations) == (answer.answer, answer.outcome, answer.citations)
    assert len(turn.embedding) == 384


async def test_the_latest_mark_on_an_answer_counts(hub: Hub) -> None:
    answer = await ask(hub, "What is Lumina?")
    for value in ("down", "up"):
        marked = await hub.client.post(f"{CHAT}/turns/{answer.id}/feedback", json={"value": value})
        assert marked.json()["value"] == value

    turn = (await hub.client.get(f"{CHAT}/turns/{answer.id}")).json()

    assert turn["feedback"] == "up"
    refused = await hub.client.post(f"{CHAT}/turns/{answer.id}/feedback", json={"value": "maybe"})
    assert refused.status_code == 422


async def test_another_owners_turns_are_not_ours_to_tell(hub: Hub) -> None:
    answer = await ask(hub, "What is Lumina?", session="mine")
    other = hub.as_("mallory", "read:chat_history", "write:chat_history")

    for response in (
        await hub.client.get(f"{CHAT}/turns/{answer.id}", headers=other),
        await hub.client.post(f"{CHAT}/turns/{answer.id}/feedback", json={"value": "up"}, headers=other),
        await hub.client.get(f"{CHAT}/turns", params={"session": "mine"}, headers=other),
    ):
        assert response.status_code == 404
    assert (await hub.client.get(f"{CHAT}/sessions", headers=other)).json()["sessions"] == []


@pytest.mark.parametrize("path", ["/turns/chat_20200101T000000Z_000000", "/turns?session=never", "/turns?before=never"])
async def test_what_is_unknown_is_a_404(hub: Hub, path: str) -> None:
    assert (await hub.client.get(CHAT + path)).status_code == 404


@pytest.mark.parametrize(
    "body", [{"query": ""}, {"query": "   "}, {}, {"query": 5}, {"query": "x", "session": ""}, {"query": "x", "n": 1}]
)
async def test_a_malformed_question_is_a_problem_that_says_where(hub: Hub, body: dict[str, object]) -> None:
    response = await hub.client.post(CHAT, json=body)

    assert response.status_code == 422
    assert response.json()["type"] == "/problems/malformed-request"
    assert all(finding["where"].startswith("body.") for finding in response.json()["findings"])


async def test_a_question_over_the_limit_says_the_limit_also_when_streamed(hub: Hub) -> None:
    for more in ({}, {"stream": True}):
        response = await hub.client.post(CHAT, json={"query": "x" * 8001, **more})

        assert response.status_code == 413
        assert response.json()["type"] == "/problems/question-too-long"
        assert "8,000" in response.json()["detail"]


async def test_a_megabyte_of_question_is_refused_unread(hub: Hub) -> None:
    response = await hub.client.post(CHAT, json={"query": "x" * 1_000_000})

    assert response.status_code == 413
    assert response.json()["type"] == "/problems/body-too-large"


async def test_questions_asked_at_once_are_all_kept(hub: Hub) -> None:
    answers = await asyncio.gather(*(ask(hub, "What is Lumina?", session=f"at-once-{n}") for n in range(12)))

    turns = [entry.record["id"] for entry in read_log(hub.home / "graphs", "chat/turns")]
    assert all(turns.count(answer.id) == 1 for answer in answers)


async def test_no_word_of_a_user_reaches_the_log(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    await ask(hub, "Does the xylophagous pangolin sing?")

    assert "xylophagous" not in "".join(capsys.readouterr())

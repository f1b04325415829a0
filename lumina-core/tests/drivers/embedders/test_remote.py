"""Embedding servers that are overloaded, away, or answer oddly."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest

from lumina_core.drivers.embedders.remote import OllamaEmbedder, OpenAIEmbedder
from lumina_core.errors import EmbedderDown, InvalidInput


def count_letters(texts: list[str]) -> list[list[float]]:
    return [[1.0, float(len(text)), float(text.count("e"))] for text in texts]


@pytest.fixture
def server(serve_embeddings) -> Any:
    return serve_embeddings(count_letters)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def embedder(server, waits):
    made = OpenAIEmbedder(server.url, "letters", dim=3, sleep=waits.append)
    yield made
    made.close()


def test_rows_are_brought_to_unit_length_and_into_order(embedder: OpenAIEmbedder) -> None:
    vectors = embedder.embed(["eel", "tree", "x"])

    expected = np.array(count_letters(["eel", "tree", "x"]))
    assert vectors == pytest.approx(expected / np.linalg.norm(expected, axis=1, keepdims=True))


def test_many_texts_go_in_several_requests(embedder: OpenAIEmbedder, server) -> None:
    vectors = embedder.embed(["a" * (number + 1) for number in range(150)])

    assert len(vectors) == 150
    assert [len(body["input"]) for _, body, _ in server.requests] == [64, 64, 22]


def test_a_query_is_asked_for_once(embedder: OpenAIEmbedder, server) -> None:
    first, second = embedder.embed_query("again"), embedder.embed_query("again")

    assert first == pytest.approx(second)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_an_overloaded_server_is_asked_again(embedder: OpenAIEmbedder, server, waits: list[float], status: int) -> None:
    server.script = [(status, {}, {}), (status, {}, {})]

    assert embedder.embed(["eel"]).shape == (1, 3)
    assert len(waits) == 2
    assert waits[1] <= 2 * 0.25 * 2


def test_the_wait_a_server_asks_for_is_kept(embedder: OpenAIEmbedder, server, waits: list[float]) -> None:
    server.script = [(429, {"retry-after": "7"}, {})]

    embedder.embed(["eel"])

    assert waits == [7.0]


def test_a_server_that_stays_overloaded_is_given_up(embedder: OpenAIEmbedder, server, waits: list[float]) -> None:
    server.script = [(503, {}, {"error": "busy"})] * 10

    with pytest.raises(EmbedderDown, match="503"):
        embedder.embed(["eel"])
    assert len(server.requests) == 4
    assert len(waits) == 3


def test_a_refusal_is_not_repeated(embedder: OpenAIEmbedder, server) -> None:
    server.script = [(404, {}, {"error": "no such model"})]

    with pytest.raises(EmbedderDown, match="no such model"):
        embedder.embed(["eel"])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        [],
        {},
        {"data": []},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": ["a", "b", "c"]}]},
        {"data": [{"index": 0, "embedding": [0.0, 0.0, 0.0]}]},
        {"data": [{"index": 0, "embedding": [None, 1.0, 2.0]}]},
        {"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}, {"index": 1, "embedding": [1.0, 2.0, 3.0]}]},
    ],
)
def test_an_odd_answer_is_an_error_of_ours(embedder: OpenAIEmbedder, server, answer: object) -> None:
    server.script = [(200, {}, answer)]

    with pytest.raises(EmbedderDown, match="embedding server"):
        embedder.embed(["eel"])


def test_vectors_of_another_dimension_are_refused(server) -> None:
    with pytest.raises(EmbedderDown, match="3 dimensions, not 384") as refusal:
        OllamaEmbedder.load(url=server.url, model="letters", dim=384)
    assert "reindex" in (refusal.value.hint or "")


def test_the_dimension_is_learned_from_the_first_answer(server) -> None:
    embedder = OllamaEmbedder.load(url=server.url, model="letters")

    assert embedder.info.dim == 3
    embedder.close()


def test_a_server_that_is_not_there_is_named(waits: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EmbedderDown, match=url):
            OllamaEmbedder.load(url=url, model="letters", sleep=waits.append)
    assert len(waits) == 3


def test_a_server_that_never_answers_times_out(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EmbedderDown, match="ReadTimeout"):
            OllamaEmbedder.load(url=url, model="letters", timeout_s=0.05, attempts=1, sleep=waits.append)


@pytest.mark.parametrize("url", ["", "not a url", "ftp://host", "http://[broken"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises((InvalidInput, EmbedderDown)):
        OpenAIEmbedder.load(url=url, model="letters", attempts=1)


def test_the_key_goes_with_every_request(server) -> None:
    embedder = OpenAIEmbedder.load(url=f"{server.url}/v1", model="letters", api_key="k")

    embedder.embed(["eel"])

    assert {authorization for _, _, authorization in server.requests} == {"Bearer k"}
    embedder.close()

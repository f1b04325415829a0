from __future__ import annotations

import json
from collections.abc import AsyncGenerator

import pytest

from lumina_core.engines.base import EngineInfo, FinishReason, Piece, Prompt
from lumina_core.errors import DependencyDown, Unsupported
from lumina_hub.engines.service import EngineService
from lumina_sdk.contract import GenerateRequest, Message

STORY = GenerateRequest(messages=(Message(role="user", content="Tell me a story."),))


class EchoEngine:
    """Says the last message back, a word a piece; `fails_after` that many pieces."""

    def __init__(self, *, fails_after: int | None = None) -> None:
        self.info = EngineInfo("echo", "echo-1", generates=True, streaming=True)
        self.closed = 0
        self._fails_after = fails_after

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        words = prompt.messages[-1].content.split()
        try:
            for number, word in enumerate(words):
                if number == self._fails_after:
                    raise DependencyDown("the echo is gone", hint="Shout.")
                yield Piece(f"{word} ", logprobs=((word, -0.5),))
            yield Piece("", finish_reason=FinishReason.LENGTH, prompt_tokens=4, completion_tokens=len(words))
        finally:
            self.closed += 1

    async def close(self) -> None:
        pass


def parsed(events: list[bytes]) -> list[tuple[str, dict[str, object]]]:
    lines = [event.decode().split("\n") for event in events]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data, *_ in lines]


async def test_a_text_comes_whole_with_its_reasons() -> None:
    generated = await EngineService(EchoEngine()).generate(STORY)

    assert (generated.text, generated.model, generated.finish_reason) == ("Tell me a story. ", "echo-1", "length")
    assert (generated.prompt_tokens, generated.completion_tokens) == (4, 4)
    assert [one.token for one in generated.logprobs] == ["Tell", "me", "a", "story."]


async def test_a_streamed_text_is_its_pieces_joined() -> None:
    events = parsed([event async for event in EngineService(EchoEngine()).stream(STORY, None)])

    assert [name for name, _ in events] == ["delta"] * 4 + ["done"]
    assert "".join(str(data["text"]) for name, data in events if name == "delta") == events[-1][1]["text"]


async def test_what_breaks_on_the_way_is_a_problem_and_the_end() -> None:
    events = parsed([event async for event in EngineService(EchoEngine(fails_after=1)).stream(STORY, "r1")])

    assert [name for name, _ in events] == ["delta", "error"]
    assert (events[-1][1]["status"], events[-1][1]["request_id"]) == (503, "r1")


async def test_who_goes_away_ends_the_work() -> None:
    engine = EchoEngine()
    stream = EngineService(engine).stream(STORY, None)

    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]

    assert engine.closed == 1


async def test_what_the_engine_does_not_have_is_refused_beforehand() -> None:
    with pytest.raises(Unsupported, match="log-probabilities"):
        EngineService(EchoEngine()).check(STORY.model_copy(update={"logprobs": True}))

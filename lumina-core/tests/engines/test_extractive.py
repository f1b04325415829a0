from __future__ import annotations

import pytest

from lumina_core.engines.base import Message, Prompt
from lumina_core.engines.loading import load_engine
from lumina_core.errors import InvalidInput, Unsupported


async def test_the_engine_without_a_model_says_what_it_cannot_do() -> None:
    engine = load_engine("extractive")

    info = engine.info
    assert (info.driver, info.generates, info.streaming, info.logprobs, info.adapters) == (
        "extractive",
        False,
        False,
        False,
        False,
    )
    with pytest.raises(Unsupported, match="cannot generate"):
        await anext(aiter(engine.generate(Prompt((Message("user", "Tell me a story."),)))))
    await engine.close()


def test_an_engine_that_is_not_installed_is_named() -> None:
    with pytest.raises(InvalidInput, match="'phi-2'"):
        load_engine("phi-2")

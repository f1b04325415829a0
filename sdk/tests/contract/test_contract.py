from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from pydantic import BaseModel, ValidationError

from lumina_sdk import contract
from lumina_sdk.contract import ChatRequest, JobState, Scope, SearchRequest, Turn

MODELS = [kind for _, kind in inspect.getmembers(contract, inspect.isclass) if issubclass(kind, BaseModel)]


def test_importing_the_contract_costs_pydantic_and_packaging_and_nothing_more() -> None:
    program = "import sys, lumina_sdk.contract; print(*sorted({name.split('.')[0] for name in sys.modules}))"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert "pydantic" in loaded
    assert not {"numpy", "httpx", "fastapi", "structlog", "yaml", "jsonschema", "lumina_core", "lumina_hub"} & set(
        loaded
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_is_frozen_and_says_what_it_is(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"]
    assert model.__doc__


def test_a_turn_is_the_seeds_record_field_for_field() -> None:
    fields = ["id", "session", "ts", "user", "assistant", "confidence", "cite_ids", "embedding"]

    assert list(Turn.model_fields) == fields


def test_a_turn_survives_the_wire() -> None:
    turn = Turn(id="chat_20250501T171455Z_8af394", session="alpha", ts=1.5, user="?", assistant="!", confidence=0.5)

    assert Turn.model_validate_json(turn.model_dump_json()) == turn


def test_a_reader_passes_over_fields_it_does_not_know_and_a_request_refuses_them() -> None:
    assert contract.ChatDelta.model_validate({"text": "a", "new": 1}).text == "a"
    with pytest.raises(ValidationError):
        ChatRequest.model_validate({"query": "a", "new": 1})


@pytest.mark.parametrize("session", ["alpha", "a b", "ü", "x" * 128])
def test_a_session_may_be_any_printable_name(session: str) -> None:
    assert ChatRequest(query="?", session=session).session == session


@pytest.mark.parametrize("session", ["", " alpha", "alpha ", "a\nb", "x" * 129])
def test_a_session_is_no_blank_and_no_novel(session: str) -> None:
    with pytest.raises(ValidationError):
        ChatRequest(query="?", session=session)


@pytest.mark.parametrize("limit", [0, 101])
def test_a_search_is_bounded(limit: int) -> None:
    with pytest.raises(ValidationError):
        SearchRequest(query="a", limit=limit)


@pytest.mark.parametrize("scope", sorted(Scope))
def test_every_scope_is_named_action_and_resource_and_explained(scope: Scope) -> None:
    assert ":" in scope or scope == "chat"
    assert scope.sentence.endswith(".")


def test_three_states_of_a_job_are_final() -> None:
    assert {state for state in JobState if state.is_final} == {"done", "failed", "cancelled"}

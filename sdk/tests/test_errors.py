from __future__ import annotations

import inspect

import pytest

from lumina_sdk import errors
from lumina_sdk.contract import Problem
from lumina_sdk.errors import LuminaError, MissingScope, Refusal, refusal_of

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LuminaError)]
KINDS = [kind for kind in TREE if issubclass(kind, Refusal) and kind is not Refusal]


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_stands_in_the_drawing(kind: type[LuminaError]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")
    assert kind.__doc__


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_refusal_that_is_raised_is_the_same_after_the_wire(kind: type[Refusal]) -> None:
    raised = kind("Not that.", hint="Do this.")

    received = refusal_of(Problem.model_validate_json(raised.problem.model_dump_json()))

    assert type(received) is kind
    assert (received.message, received.hint) == ("Not that.", "Do this.")
    assert received.problem.status == kind.status


def test_every_type_belongs_to_one_kind() -> None:
    types = [name for kind in KINDS for name in kind.types]

    assert len(types) == len(set(types))


def test_a_problem_of_an_unknown_type_is_a_plain_refusal() -> None:
    problem = Problem(type="/problems/teapot", title="?", status=418, detail="I am one.")

    assert type(refusal_of(problem)) is Refusal
    assert refusal_of(problem).problem is problem


def test_missing_scopes_are_named_one_by_one() -> None:
    problem = Problem(
        type="/problems/missing-scope", title="?", status=403, detail="?", missing_scope="read:graph use:llm"
    )

    refusal = refusal_of(problem)

    assert isinstance(refusal, MissingScope)
    assert refusal.missing == ("read:graph", "use:llm")

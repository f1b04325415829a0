"""Embeddings, collections of vectors, and the language engine."""

from __future__ import annotations

import math

import pytest

from lumina_sdk.contract import Generated, GenerateRequest, Message, Point, PointFilter
from lumina_sdk.errors import Conflict, MissingScope, NotFound, Refusal
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["ModelsContract"]

SCOPES = ("read:vector_store", "write:vector_store", "use:embeddings", "use:llm")
OWN = "tested.notes"


class ModelsContract:
    async def test_vectors_have_unit_length_and_say_the_same_of_the_same(self, hub: HubUnderTest) -> None:
        made = await hub.client("module:tested", SCOPES).embed("a cat", "a dog", "a cat")

        assert [len(vector) for vector in made.vectors] == [made.dim] * 3
        assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-3) for vector in made.vectors)
        assert made.vectors[0] == pytest.approx(made.vectors[2], abs=1e-4)
        assert made.vectors[0] != made.vectors[1]

    async def test_the_nearest_point_is_found_first(self, hub: HubUnderTest) -> None:
        vectors = hub.client("module:tested", SCOPES).vectors
        await vectors.create(OWN, dim=3)
        points = [Point(id=name, vector=at, payload={"name": name}) for name, at in _AXES.items()]
        assert (await vectors.upsert(OWN, *points)).points == 3

        found = (await vectors.search(OWN, [0.1, 0.9, 0.0], limit=2)).points

        assert [point.id for point in found] == ["y", "x"]
        assert found[0].payload == {"name": "y"}
        assert 1 >= found[0].score > found[1].score

    async def test_a_text_is_embedded_by_the_hub_with_its_scope(self, hub: HubUnderTest) -> None:
        vectors = hub.client("module:tested", SCOPES).vectors
        await vectors.create(OWN)
        await vectors.upsert(OWN, Point(id="cat", text="a cat sleeps"), Point(id="ship", text="ships at sea"))

        assert (await vectors.search(OWN, "the cat sleeps", limit=1)).points[0].id == "cat"
        without = hub.client("module:tested", ["read:vector_store"]).vectors
        with pytest.raises(MissingScope) as caught:
            await without.search(OWN, "the cat")
        assert caught.value.missing == ("use:embeddings",)

    async def test_points_are_filtered_replaced_and_removed(self, hub: HubUnderTest) -> None:
        vectors = hub.client("module:tested", SCOPES).vectors
        await vectors.create(OWN, dim=3)
        await vectors.upsert(OWN, *[Point(id=name, vector=at, payload={"kind": name}) for name, at in _AXES.items()])
        await vectors.upsert(OWN, Point(id="x", vector=(0, 0, 1), payload={"kind": "new"}))

        wanted = PointFilter(match={"kind": ("new", "y")})
        found = (await vectors.search(OWN, [0, 0, 1], where=wanted, with_vectors=True)).points
        assert [(point.id, point.payload["kind"]) for point in found] == [("x", "new"), ("y", "y")]
        assert found[0].vector == pytest.approx((0, 0, 1), abs=1e-3)
        await vectors.delete(OWN, "x", "never there")
        assert {point.id for point in (await vectors.search(OWN, [1, 0, 0])).points} == {"y", "z"}

    async def test_a_vector_of_another_length_is_refused(self, hub: HubUnderTest) -> None:
        vectors = hub.client("module:tested", SCOPES).vectors
        await vectors.create(OWN, dim=3)

        with pytest.raises(Refusal):
            await vectors.upsert(OWN, Point(id="a", vector=(1, 0)))
        with pytest.raises(Refusal):
            await vectors.search(OWN, [1, 0])

    async def test_making_a_collection_again_leaves_it_as_it_is(self, hub: HubUnderTest) -> None:
        vectors = hub.client("module:tested", SCOPES).vectors
        await vectors.create(OWN, dim=3)
        await vectors.upsert(OWN, Point(id="a", vector=(1, 0, 0)))

        assert (await vectors.create(OWN, dim=3)).points == 1
        with pytest.raises(Conflict):
            await vectors.create(OWN, dim=4)

    async def test_a_module_writes_only_collections_of_its_own(self, hub: HubUnderTest) -> None:
        mine, theirs = (hub.client(name, SCOPES).vectors for name in ("module:tested", "module:other"))
        await mine.create(OWN, dim=3)

        with pytest.raises(Refusal):
            await theirs.create(OWN, dim=3)
        for call in (
            theirs.upsert(OWN, Point(id="a", vector=(1, 0, 0))),
            theirs.search(OWN, [1, 0, 0]),
            theirs.drop(OWN),
        ):
            with pytest.raises(NotFound):
                await call
        with pytest.raises(Refusal):
            await mine.upsert("chunks", Point(id="a", vector=(1,)))
        await mine.drop(OWN)
        assert OWN not in {one.name for one in (await mine.collections()).collections}

    async def test_an_engine_generates_no_more_than_it_is_asked_for(self, hub: HubUnderTest) -> None:
        engine = hub.client("module:tested", SCOPES).engine
        request = GenerateRequest(messages=(Message(role="user", content="Say one two three."),), max_tokens=2)

        made = await engine.generate(request)

        assert made.completion_tokens <= 2
        assert made.model == (await engine.info()).model

    async def test_the_pieces_of_a_text_are_the_text(self, hub: HubUnderTest) -> None:
        engine = hub.client("module:tested", SCOPES).engine

        pieces = [piece async for piece in engine.generate_in_pieces("Say one two three.")]

        assert isinstance(pieces[-1], Generated)
        assert "".join(piece.text for piece in pieces[:-1]) == pieces[-1].text


_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}

"""What every vector store promises, tried on each of them."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.drivers.vector_store import (
    CollectionSpec,
    Filter,
    Match,
    Point,
    Query,
    Range,
    SparseVector,
    VectorStore,
    point_uuid,
)
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.drivers.vector_stores.edge_wire import uuid_text
from lumina_core.errors import Conflict, InvalidInput, NotFound, VectorStoreDown

MakePoint = Callable[..., Point]


@given(st.text(min_size=1))
def test_the_fast_translation_of_ids_is_the_uuid5_of_the_contract(string_id: str) -> None:
    assert uuid_text(string_id) == point_uuid(string_id)


async def test_points_come_back_by_string_id_as_they_went_in(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(100)]
    await store.upsert(spec.name, points)
    asked = [points[70].id, "art_0123456789ab#unknown", points[3].id]

    records = await store.retrieve(spec.name, asked, vectors=("dense", "sentences", "bm25"))

    assert [record.id for record in records] == [points[70].id, points[3].id]
    for record, point in zip(records, (points[70], points[3]), strict=True):
        assert record.payload == {**point.payload, "id": point.id}
        assert record.dense is not None
        assert record.sentences is not None
        assert record.bm25 is not None
        assert point.bm25 is not None
        assert point.sentences is not None
        np.testing.assert_allclose(record.dense, point.dense, atol=1e-5)
        np.testing.assert_allclose(record.sentences, point.sentences, atol=1e-3)  # float16
        np.testing.assert_array_equal(record.bm25.indices, point.bm25.indices)
        np.testing.assert_allclose(record.bm25.values, point.bm25.values, rtol=1e-6)


async def test_only_what_is_asked_for_comes_back(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    point = make_point(1)
    await store.upsert(spec.name, [point])

    (record,) = await store.retrieve(spec.name, [point.id], payload=("ts", "missing"))
    (hits,) = await store.query(spec.name, [Query("dense", point.dense, 1, payload=("article",))])
    (bare,) = await store.query(spec.name, [Query("dense", point.dense, 1)])
    (full,) = await store.query(spec.name, [Query("dense", point.dense, 1, payload=None)])

    assert (record.payload, record.dense, record.sentences, record.bm25) == ({"ts": 1.0}, None, None, None)
    assert hits[0].payload == {"article": "a1"}
    assert bare[0].payload == {}
    assert full[0].payload == {**point.payload, "id": point.id}


async def test_an_upsert_replaces_the_whole_point(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    old, new = make_point(1, extra="old"), make_point(2)
    await store.upsert(spec.name, [old])

    await store.upsert(spec.name, [Point(old.id, new.dense, {"text": "new"}, new.sentences, new.bm25)])

    (record,) = await store.retrieve(spec.name, [old.id], vectors=("dense",))
    assert record.payload == {"id": old.id, "text": "new"}
    assert record.dense is not None
    np.testing.assert_allclose(record.dense, new.dense, atol=1e-5)
    assert await store.count(spec.name) == 1


async def test_dense_hits_are_the_nearest_by_cosine(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(200)]
    await store.upsert(spec.name, points)
    asked = make_point(1000).dense
    cosines = np.stack([point.dense for point in points]) @ asked

    (hits,) = await store.query(spec.name, [Query("dense", asked, 10, exact=True)])

    assert [hit.id for hit in hits] == [points[index].id for index in np.argsort(-cosines)[:10]]
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(cosines)[::-1][:10], atol=1e-5)


async def test_a_sentence_search_scores_by_the_best_sentence(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(100)]
    await store.upsert(spec.name, points)
    asked = make_point(1000).dense
    candidates = tuple(point.id for point in points[20:60])
    best = {point.id: float((point.sentences @ asked).max()) for point in points[20:60] if point.sentences is not None}

    (hits,) = await store.query(spec.name, [Query("sentences", asked, 100, Filter(ids=candidates))])

    assert {hit.id for hit in hits} == set(candidates)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert hit.score == pytest.approx(best[hit.id], abs=2e-3)


async def test_a_comparison_holds_the_cosines_of_every_vector_of_the_points_asked_for(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(40)]
    await store.upsert(spec.name, points)
    asked = make_point(1000).dense
    chosen = [points[30], points[2], points[17]]

    found = await store.compare(
        spec.name, 3 * asked, [chosen[0].id, "art_0123456789ab#unknown", *(point.id for point in chosen[1:])]
    )

    assert found.ids == tuple(point.id for point in chosen)
    assert found.counts.tolist() == [3, 3, 3]
    np.testing.assert_allclose(found.dense, [point.dense @ asked for point in chosen], atol=5e-3)
    expected = np.concatenate([point.sentences @ asked for point in chosen if point.sentences is not None])
    np.testing.assert_allclose(found.sentences, expected, atol=5e-3)
    assert list(found.payloads) == [{}, {}, {}]


@pytest.mark.parametrize("fields", [("ts",), ("article", "ts"), ("text",), ("ts", "text"), ("missing",)])
async def test_a_comparison_brings_the_payload_fields_asked_for(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint, fields: tuple[str, ...]
) -> None:
    points = [make_point(number) for number in range(3)]
    await store.upsert(spec.name, points)

    found = await store.compare(spec.name, points[0].dense, [point.id for point in points], payload=fields)

    assert list(found.payloads) == [
        {field: point.payload[field] for field in fields if field in point.payload} for point in points
    ]


async def test_a_comparison_follows_every_change(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(5)]
    await store.upsert(spec.name, points)
    ids = [point.id for point in points]
    new = make_point(8)  # its article is a2
    assert new.sentences is not None

    await store.upsert(spec.name, [Point(ids[0], new.dense, {**new.payload}, new.sentences[:1], new.bm25)])
    await store.set_payload(spec.name, {ids[1]: {"ts": 77.0}, "art_0123456789ab#unknown": {"ts": 1.0}})
    await store.delete(spec.name, Filter(ids=(ids[2],)))
    await store.delete(spec.name, Filter(must=(Match("article", ("a0",)),)))  # points[3]; points[0] was of it before

    found = await store.compare(spec.name, new.dense, ids, payload=("ts",))
    assert found.ids == (ids[0], ids[1], ids[4])
    assert found.counts.tolist() == [1, 3, 3]
    assert [payload["ts"] for payload in found.payloads] == [8.0, 77.0, 4.0]
    assert found.dense[0] == pytest.approx(1.0, abs=5e-3)


async def test_nothing_compares_with_nothing(store: VectorStore, spec: CollectionSpec, make_point: MakePoint) -> None:
    found = await store.compare(spec.name, make_point(1).dense, [])

    assert (found.ids, len(found.dense), len(found.counts), len(found.sentences)) == ((), 0, 0, 0)


async def test_a_vector_that_does_not_fit_compares_with_nothing(store: VectorStore, spec: CollectionSpec) -> None:
    for vector in (np.ones(3, np.float32), np.full(spec.dim, np.nan, np.float32), np.ones((2, spec.dim), np.float32)):
        with pytest.raises(InvalidInput):
            await store.compare(spec.name, vector, ["art_0123456789ab#1"])
    with pytest.raises(NotFound):
        await store.compare("nowhere", np.ones(spec.dim, np.float32), ["art_0123456789ab#1"])


async def test_bm25_scores_are_weights_times_the_idf_of_the_terms(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(60)]
    await store.upsert(spec.name, points)
    weights = [dict(zip(p.bm25.indices.tolist(), p.bm25.values.tolist(), strict=True)) for p in points if p.bm25]
    frequency = Counter(term for terms in weights for term in terms)
    asked = {3: 1.0, 17: 1.0, 31: 2.0, 4_000_000: 1.0}
    idf = {t: math.log(1 + (60 - frequency[t] + 0.5) / (frequency[t] + 0.5)) for t in asked}
    expected = {
        point.id: sum(asked[t] * idf[t] * terms[t] for t in asked if t in terms)
        for point, terms in zip(points, weights, strict=True)
    }
    vector = SparseVector(np.array(sorted(asked), np.uint32), np.array([asked[t] for t in sorted(asked)], np.float32))

    (hits,) = await store.query(spec.name, [Query("bm25", vector, 60)])

    ranked = sorted((each for each in expected.items() if each[1] > 0), key=lambda each: -each[1])
    assert [hit.id for hit in hits] == [string_id for string_id, _ in ranked]
    np.testing.assert_allclose([hit.score for hit in hits], [score for _, score in ranked], rtol=1e-4)


async def test_many_searches_in_one_call_answer_like_one_by_one(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(80)]
    await store.upsert(spec.name, points)
    queries = [
        *(Query("bm25", SparseVector(np.array([t], np.uint32), np.ones(1, np.float32)), 1) for t in range(12)),
        Query("dense", points[4].dense, 7, Filter(must=(Match("article", ("a1",)),)), payload=("ts",)),
        Query("sentences", points[5].dense, 3, payload=None),
    ]

    together = await store.query(spec.name, queries)
    apart = [(await store.query(spec.name, [query]))[0] for query in queries]

    assert [[hit.id for hit in hits] for hits in together] == [[hit.id for hit in hits] for hits in apart]
    assert together[12] == apart[12]
    assert await store.query(spec.name, []) == []


@pytest.mark.parametrize(
    ("filter", "wanted"),
    [
        (Filter(must=(Match("article", ("a1",)),)), {1, 4, 7}),
        (Filter(must=(Match("article", ("a1", "a2")),)), {1, 2, 4, 5, 7, 8}),
        (Filter(must=(Match("flag", (True,)),)), {0, 5}),
        (Filter(must=(Match("size", (2, 3)),)), {2, 3}),
        (Filter(must=(Match("size", (2, "x", False)),)), {2}),
        (Filter(must=(Match("article", ()),)), set()),
        (Filter(must=(Range("ts", gte=3, lte=5),)), {3, 4, 5}),
        (Filter(must=(Range("ts", gte=7.5),)), {8, 9}),
        (Filter(must=(Range("ts", lte=0),)), {0}),
        (Filter(must_not=(Match("article", ("a0",)), Range("ts", lte=4))), {5, 7, 8}),
        (Filter(must=(Match("article", ("a0",)),), must_not=(Match("flag", (True,)),)), {3, 6, 9}),
        (Filter(ids=("art_0123456789ab#2", "art_0123456789ab#3", "nowhere")), {2, 3}),
        (Filter(must=(Match("article", ("a0",)),), ids=("art_0123456789ab#2", "art_0123456789ab#3")), {3}),
        (Filter(ids=()), set()),
        (Filter(), set(range(10))),
        (None, set(range(10))),
    ],
)
async def test_filters_say_which_points_count(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint, filter: Filter | None, wanted: set[int]
) -> None:
    await store.upsert(spec.name, [make_point(number, flag=number % 5 == 0, size=number) for number in range(10)])
    ids = {f"art_0123456789ab#{number}" for number in wanted}

    (hits,) = await store.query(spec.name, [Query("dense", make_point(3).dense, 100, filter)])
    records, following = await store.scroll(spec.name, filter=filter)

    assert await store.count(spec.name, filter) == len(wanted)
    assert {hit.id for hit in hits} == ids
    assert {record.id for record in records} == ids
    assert following is None


async def test_scrolling_visits_every_point_once(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    await store.upsert(spec.name, [make_point(number) for number in range(53)])
    seen: list[str] = []
    after: str | None = None
    pages = 0

    while pages == 0 or after is not None:
        records, after = await store.scroll(spec.name, limit=10, after=after, payload=())
        seen += [record.id for record in records]
        pages += 1

    assert pages == 6
    assert sorted(seen) == sorted(f"art_0123456789ab#{number}" for number in range(53))


async def test_payload_fields_are_merged_and_unknown_points_passed_over(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(40)]
    await store.upsert(spec.name, points)

    await store.set_payload(spec.name, {**{p.id: {"pagerank": 0.5} for p in points}, "gone": {"pagerank": 1.0}})
    await store.set_payload(spec.name, {points[1].id: {"article": "other", "ts": 99.0}})

    records = await store.retrieve(spec.name, [point.id for point in points] + ["gone"])
    assert [record.payload["pagerank"] for record in records] == [0.5] * 40
    assert records[1].payload == {
        **points[1].payload,
        "id": points[1].id,
        "article": "other",
        "ts": 99.0,
        "pagerank": 0.5,
    }
    assert await store.count(spec.name, Filter(must=(Range("ts", gte=99),))) == 1


async def test_deleting_by_filter_removes_what_matches_and_nothing_else(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    await store.upsert(spec.name, [make_point(number) for number in range(9)])

    await store.delete(spec.name, Filter(must=(Match("article", ("a0",)),)))
    await store.delete(spec.name, Filter(ids=("art_0123456789ab#1", "never there")))
    await store.delete(spec.name, Filter(ids=()))

    records, _ = await store.scroll(spec.name)
    assert {record.payload["ts"] for record in records} == {2.0, 4.0, 5.0, 7.0, 8.0}


async def test_ensuring_again_keeps_the_points_and_other_vectors_conflict(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    await store.upsert(spec.name, [make_point(1)])

    await store.ensure(spec)
    await store.ensure(CollectionSpec(spec.name, 16, True, True, (*spec.keyword_fields, "wikidata"), ("ts", "size")))

    assert await store.count(spec.name) == 1
    with pytest.raises(Conflict) as raised:
        await store.ensure(CollectionSpec(spec.name, dim=8, sentences=True))
    assert raised.value.hint


async def test_a_dropped_collection_is_gone_and_can_be_made_anew(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    await store.upsert(spec.name, [make_point(1)])
    await store.drop(spec.name)
    await store.drop(spec.name)

    with pytest.raises(NotFound):
        await store.count(spec.name)
    await store.ensure(CollectionSpec(spec.name, dim=4))
    await store.upsert(spec.name, [Point("x", np.array([1, 0, 0, 0], np.float32), {})])

    assert await store.count(spec.name) == 1


async def test_a_missing_collection_is_named_with_a_hint(store: VectorStore, make_point: MakePoint) -> None:
    calls = [
        store.upsert("nowhere", [make_point(1)]),
        store.delete("nowhere", Filter()),
        store.set_payload("nowhere", {"a": {"b": 1}}),
        store.query("nowhere", [Query("dense", make_point(1).dense, 1)]),
        store.retrieve("nowhere", ["a"]),
        store.scroll("nowhere"),
        store.count("nowhere"),
        store.optimise("nowhere"),
        store.info("nowhere"),
    ]

    for call in calls:
        with pytest.raises(NotFound, match="'nowhere'") as raised:
            await call
        assert raised.value.hint


async def test_vectors_that_do_not_fit_are_refused_and_nothing_is_kept(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    good, three = make_point(1), np.ones(3, np.float32)
    wrong = [
        Point("dim", three, {}, good.sentences, good.bm25),
        Point("sentence-dim", good.dense, {}, np.ones((2, 3), np.float32), good.bm25),
        Point("no-sentences", good.dense, {}, None, good.bm25),
        Point("empty-sentences", good.dense, {}, np.ones((0, 16), np.float32), good.bm25),
        Point("nan", np.full(16, np.nan, np.float32), {}, good.sentences, good.bm25),
        Point("unsorted", good.dense, {}, good.sentences, SparseVector(np.array([2, 1], np.uint32), three[:2])),
        Point("uneven", good.dense, {}, good.sentences, SparseVector(np.array([1], np.uint32), three)),
        Point("", good.dense, {}, good.sentences, good.bm25),
        Point("other-id", good.dense, {"id": "another"}, good.sentences, good.bm25),
    ]

    for point in wrong:
        with pytest.raises(InvalidInput):
            await store.upsert(spec.name, [good, point])
    for query in (
        Query("dense", three, 1),
        Query("sentences", three, 1),
        Query("colour", good.dense, 1),
        Query("bm25", good.dense, 1),
        Query("dense", good.dense, 0),
    ):
        with pytest.raises(InvalidInput):
            await store.query(spec.name, [query])
    with pytest.raises(InvalidInput):
        await store.scroll(spec.name, limit=0)

    assert await store.count(spec.name) == 0


async def test_empty_batches_change_nothing(store: VectorStore, spec: CollectionSpec) -> None:
    await store.upsert(spec.name, [])
    await store.set_payload(spec.name, {})

    assert await store.retrieve(spec.name, []) == []
    assert await store.scroll(spec.name) == ([], None)
    assert await store.query(spec.name, [Query("dense", np.ones(16, np.float32), 5)]) == [[]]
    assert await store.count(spec.name) == 0


async def test_points_without_terms_are_found_by_their_other_vectors(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    point = make_point(1)
    nothing = SparseVector(np.array([], np.uint32), np.array([], np.float32))
    await store.upsert(
        spec.name,
        [
            Point("none", point.dense, {}, point.sentences, None),
            Point("empty", make_point(2).dense, {}, point.sentences, nothing),
            point,
        ],
    )

    (hits,) = await store.query(spec.name, [Query("dense", point.dense, 3)])
    (by_terms,) = await store.query(spec.name, [Query("bm25", point.bm25 or nothing, 3)])
    (without,) = await store.retrieve(spec.name, ["none"], vectors=("bm25", "dense"))

    assert {hit.id for hit in hits} == {"none", "empty", point.id}
    assert [hit.id for hit in by_terms] == [point.id]
    assert without.bm25 is None


async def test_payloads_of_every_shape_and_script_survive(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    payload = {
        "text": "Ünïcode 漢字 🦉 \x00 \u2028 'quotes\" \\",
        "sents": [0, 10, 12, 40],
        "nested": {"list": [None, True, 1.5, -3, "x"], "empty": {}},
        "big": 2**53,
        "none": None,
    }
    point = make_point(1, **payload)
    renamed = Point("ключ/🔑", point.dense, point.payload, point.sentences, point.bm25)

    await store.upsert(spec.name, [renamed])

    (record,) = await store.retrieve(spec.name, ["ключ/🔑"])
    assert record.payload == {**point.payload, "id": "ключ/🔑"}


async def test_a_megabyte_of_payload_is_kept(store: VectorStore, spec: CollectionSpec, make_point: MakePoint) -> None:
    points = [make_point(number, text=chr(97 + number) * 1_000_000) for number in range(6)]

    await store.upsert(spec.name, points)

    records = await store.retrieve(spec.name, [point.id for point in points], payload=("text",))
    assert [record.payload["text"] for record in records] == [point.payload["text"] for point in points]


async def test_many_calls_at_once_do_not_mix_their_answers(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(150)]
    await asyncio.gather(*(store.upsert(spec.name, points[start : start + 50]) for start in range(0, 150, 50)))

    answers = await asyncio.gather(*(store.query(spec.name, [Query("dense", p.dense, 1)]) for p in points))

    assert [hits[0][0].id for hits in answers] == [point.id for point in points]


async def test_info_counts_the_points(store: VectorStore, spec: CollectionSpec, make_point: MakePoint) -> None:
    await store.upsert(spec.name, [make_point(number) for number in range(5)])

    info = await store.info(spec.name)

    assert info.points == 5
    assert 0 <= info.indexed <= 5
    assert info.driver in {"edge", "server"}
    assert info.version


async def test_after_optimising_the_same_points_answer(
    store: VectorStore, spec: CollectionSpec, make_point: MakePoint
) -> None:
    points = [make_point(number) for number in range(64)]
    await store.upsert(spec.name, points)

    await store.optimise(spec.name)

    assert await store.count(spec.name) == 64
    (hits,) = await store.query(spec.name, [Query("dense", points[9].dense, 1)])
    assert hits[0].id == points[9].id


async def test_closing_twice_is_fine(store: VectorStore) -> None:
    await store.close()
    await store.close()

    with pytest.raises(VectorStoreDown):
        await store.count("chunks")


async def test_two_clients_of_one_process_see_each_others_writes(edge_socket: object, make_point: MakePoint) -> None:
    first, second = await EdgeStore.connect(edge_socket), await EdgeStore.connect(edge_socket)  # type: ignore[arg-type]
    await first.ensure(CollectionSpec("shared", 16, sentences=True))

    async def write(store: EdgeStore, start: int) -> None:
        for number in range(start, start + 60, 20):
            await store.upsert("shared", [make_point(each) for each in range(number, number + 20)])

    async def search(store: EdgeStore) -> None:
        for number in range(30):
            await store.query("shared", [Query("dense", make_point(number).dense, 3)])

    await asyncio.gather(write(first, 0), write(second, 60), search(first), search(second))

    assert await first.count("shared") == await second.count("shared") == 120
    await first.drop("shared")
    with pytest.raises(NotFound):
        await second.count("shared")
    await first.close()
    await second.close()

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lumina_core.drivers.vector_stores import edge_forward
from lumina_core.drivers.vector_stores.edge_forward import ForwardIndex, Records, compare_records

DIM = 8
FIELDS = ("title", "rank")


def records_of(*numbers: int, version: int = 0) -> Records:
    """Records whose vectors and fields depend on the number and the version; 1 to 4 vectors each."""
    counts = [1 + (number + version) % 4 for number in numbers]
    rng = np.random.default_rng([version, *numbers])
    return Records(
        [uuid_of(number) for number in numbers],
        rng.standard_normal((sum(counts), DIM)).astype(np.float32),
        counts,
        [msgspec.msgpack.encode({"title": f"{number}.{version}", "rank": number}) for number in numbers],
    )


def uuid_of(number: int) -> bytes:
    return np.random.default_rng(number).bytes(16)


def asked() -> NDArray[np.float32]:
    vector = np.random.default_rng(99).standard_normal(DIM).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def titles(index: ForwardIndex, *numbers: int) -> dict[int, str]:
    found, _ = index.compare(asked(), [uuid_of(number) for number in numbers])
    return {
        numbers[place]: msgspec.msgpack.decode(payload)["title"]
        for place, payload in zip(found.found, found.payloads, strict=True)
    }


@pytest.fixture
def index(tmp_path: Path) -> ForwardIndex:
    return ForwardIndex(tmp_path, DIM, FIELDS)


def reopened(index: ForwardIndex, path: Path, fields: tuple[str, ...] = FIELDS) -> ForwardIndex:
    index.close()
    return ForwardIndex(path, DIM, fields)


def test_cosines_are_those_of_the_vectors_but_for_the_rounding(index: ForwardIndex) -> None:
    records = records_of(*range(50))
    index.put(records)

    found, missing = index.compare(asked(), records.uuids)

    exact = compare_records(records, asked(), list(range(50)))
    assert (missing, found.found, found.counts) == ([], exact.found, exact.counts)
    rounded, precise = (np.frombuffer(each.cosines, "<f4") for each in (found, exact))
    np.testing.assert_allclose(rounded, precise, atol=0.02)  # 8 dimensions are rounded more coarsely than 384


def test_what_is_not_known_is_said_to_be_missing(index: ForwardIndex) -> None:
    index.put(records_of(1, 2))

    found, missing = index.compare(asked(), [uuid_of(number) for number in (7, 2, 8, 1)])

    assert (found.found, missing) == ([1, 3], [0, 2])


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "merge", "forget", "reopen", "compact"]), st.integers(0, 5)), max_size=20
    )
)
@settings(deadline=None, max_examples=40)
def test_whatever_happens_the_last_state_of_every_point_is_known(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("forward")
    index = ForwardIndex(path, DIM, FIELDS)
    expected: dict[int, str] = {}
    for version, (step, number) in enumerate(steps):
        if step == "put":
            index.put(records_of(number, number + 1, version=version))
            expected |= {each: f"{each}.{version}" for each in (number, number + 1)}
        elif step == "merge":
            index.merge({uuid_of(number): {"title": f"merged {version}", "text": "not compared"}})
            if number in expected:
                expected[number] = f"merged {version}"
        elif step == "forget":
            index.forget([uuid_of(number), uuid_of(100)])
            expected.pop(number, None)
        elif step == "reopen":
            index = reopened(index, path)
        else:
            compaction = index.start_compaction()
            compaction.copy()
            index.put(records_of(number, version=version))  # while it is copied
            expected[number] = f"{number}.{version}"
            compaction.finish()
            compaction.abandon()
        assert titles(index, *range(8)) == expected
    index = reopened(index, path)
    assert titles(index, *range(8)) == expected
    index.close()


def test_a_row_that_a_crash_cut_off_costs_only_itself(index: ForwardIndex, tmp_path: Path) -> None:
    index.put(records_of(1, 2))
    index.close()
    places = tmp_path / "forward.places"

    for cut in range(1, 33):
        places.write_bytes((whole := places.read_bytes())[:-cut])
        torn = ForwardIndex(tmp_path, DIM, FIELDS)
        assert titles(torn, 1, 2) == {1: "1.0"}
        torn.put(records_of(3))
        assert titles(reopened(torn, tmp_path), 1, 2, 3) == {1: "1.0", 3: "3.0"}
        places.write_bytes(whole)


def test_a_record_that_did_not_reach_the_disk_is_not_known(index: ForwardIndex, tmp_path: Path) -> None:
    index.put(records_of(1))
    index.put(records_of(2))
    index.close()
    (records,) = tmp_path.glob("forward-*.records")
    os.truncate(records, records.stat().st_size - 1)

    assert titles(ForwardIndex(tmp_path, DIM, FIELDS), 1, 2) == {1: "1.0"}


def test_records_of_other_fields_are_forgotten(index: ForwardIndex, tmp_path: Path) -> None:
    index.put(records_of(1))

    other = reopened(index, tmp_path, (*FIELDS, "start"))
    assert titles(other, 1) == {}
    other.put(records_of(1, version=5))

    assert titles(reopened(other, tmp_path, (*FIELDS, "start")), 1) == {1: "1.5"}
    assert len(list(tmp_path.glob("forward-*.records"))) == 1


def test_points_whose_record_could_not_be_written_are_not_known(
    index: ForwardIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was known of them before is older than what the caller will write next."""
    index.put(records_of(1, 2))
    full = OSError(28, "No space left on device")

    def refuse(file: int, content: bytes) -> None:
        raise full

    monkeypatch.setattr(edge_forward, "_append", refuse)
    with pytest.raises(OSError, match="No space"):
        index.put(records_of(2, version=1))

    assert titles(index, 1, 2) == {1: "1.0"}


def test_a_compaction_leaves_out_what_was_replaced(index: ForwardIndex, tmp_path: Path) -> None:
    for version in range(10):
        index.put(records_of(1, 2, 3, version=version))
    before = sum(path.stat().st_size for path in tmp_path.iterdir())

    compaction = index.start_compaction()
    compaction.copy()
    compaction.finish()
    compaction.abandon()

    assert titles(index, 1, 2, 3) == {1: "1.9", 2: "2.9", 3: "3.9"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < before / 5


def test_a_compaction_that_was_abandoned_changes_nothing(index: ForwardIndex, tmp_path: Path) -> None:
    index.put(records_of(1, 2))

    compaction = index.start_compaction()
    compaction.copy()
    compaction.abandon()

    assert titles(reopened(index, tmp_path), 1, 2) == {1: "1.0", 2: "2.0"}
    assert len(list(tmp_path.glob("forward-*.records"))) == 1


def test_only_much_garbage_calls_for_compacting(index: ForwardIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_forward, "_MOST_GARBAGE_BYTES", 100)
    index.put(records_of(*range(10)))
    assert not index.needs_compacting

    for version in range(4):
        index.put(records_of(*range(10), version=version))

    assert index.needs_compacting

from __future__ import annotations

from pathlib import Path

import pytest

from lumina_core.answers.base import Outcome
from lumina_core.errors import NotFound, StorageFull
from lumina_core.graph.log import GraphLog, read_log
from lumina_core.memory.turn_index import TurnIndex
from lumina_core.memory.turns import (
    ANSWERS,
    FEEDBACK,
    TURNS,
    AnswerRecord,
    Feedback,
    FeedbackValue,
    Turn,
    TurnId,
    encode_answer,
    encode_feedback,
    encode_turn,
)


def write(log: GraphLog, number: int, *, owner: str = "ann", session: str = "s") -> TurnId:
    made = Turn(TurnId(f"chat_20261122T090000Z_{number:06x}"), session, float(number), f"q{number}", "a", 0.5)
    answer = AnswerRecord(made.id, owner, Outcome.ANSWERED, made.user)
    log.append_many([(ANSWERS, [encode_answer(answer)]), (TURNS, [encode_turn(made)])]).result()
    return made.id


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.sqlite"


@pytest.fixture
def index(path: Path, root: Path, log: GraphLog) -> TurnIndex:
    return TurnIndex.open(path, root)


def test_a_turn_is_found_by_id_and_only_by_its_owner(index: TurnIndex, log: GraphLog) -> None:
    turn = write(log, 1)
    index.catch_up()

    assert index.get(turn, "ann").turn.user == "q1"
    with pytest.raises(NotFound):
        index.get(turn, "bob")
    with pytest.raises(NotFound):
        index.get("chat_none", "ann")


def test_the_file_can_be_deleted_and_comes_back_equal(index: TurnIndex, log: GraphLog, path: Path, root: Path) -> None:
    turns = [write(log, number) for number in range(5)]
    index.catch_up()
    before = [index.get(turn, "ann") for turn in turns]
    index.close()
    for file in path.parent.glob("chat.sqlite*"):
        file.unlink()

    again = TurnIndex.open(path, root)
    again.catch_up()
    assert [again.get(turn, "ann") for turn in turns] == before


def test_a_damaged_file_is_made_anew(path: Path, root: Path, log: GraphLog) -> None:
    turn = write(log, 1)
    path.write_bytes(b"this is no database, and it is long enough to be looked at" * 20)

    index = TurnIndex.open(path, root)
    index.catch_up()
    assert index.get(turn, "ann").turn.id == turn


def test_a_file_that_cannot_be_opened_is_not_thrown_away(tmp_path: Path, root: Path) -> None:
    (tmp_path / "taken").mkdir()

    with pytest.raises(StorageFull):
        TurnIndex.open(tmp_path / "taken", root)
    assert (tmp_path / "taken").is_dir()


def test_applying_a_line_twice_changes_nothing(index: TurnIndex, log: GraphLog, root: Path) -> None:
    write(log, 1)
    entries = [*read_log(root, ANSWERS), *read_log(root, TURNS)]
    index.apply(entries)
    index.apply(entries)

    assert index.count() == 1
    assert index.catch_up() == 0


def test_a_turn_whose_answer_never_reached_the_disk_does_not_count(index: TurnIndex, log: GraphLog) -> None:
    log.append(TURNS, [encode_turn(Turn(TurnId("chat_20261122T090000Z_ffffff"), "s", 1.0, "q", "a", 0.5))]).result()
    index.catch_up()

    assert index.count() == 0
    assert index.sessions("ann") == []


def test_pages_go_back_in_time_without_gaps_or_repeats(index: TurnIndex, log: GraphLog) -> None:
    turns = [write(log, number) for number in range(7)]
    index.catch_up()

    seen: list[str] = []
    before = None
    while page := index.page("ann", limit=3, before=before):
        seen = [stored.turn.id for stored in page] + seen
        before = page[0].turn.id
    assert seen == turns


def test_an_unknown_session_is_said_to_be_unknown(index: TurnIndex, log: GraphLog) -> None:
    write(log, 1, owner="bob", session="his")
    index.catch_up()

    with pytest.raises(NotFound, match="his"):
        index.page("ann", session="his")


def test_sessions_name_their_first_question_and_come_latest_first(index: TurnIndex, log: GraphLog) -> None:
    for number, session in enumerate(["old", "new", "new"], 1):
        write(log, number, session=session)
    index.catch_up()

    assert [(s.session, s.title, s.turns) for s in index.sessions("ann")] == [("new", "q2", 2), ("old", "q1", 1)]


def test_the_last_verdict_counts(index: TurnIndex, log: GraphLog) -> None:
    turn = write(log, 1)
    for ts, value in ((1.0, FeedbackValue.UP), (2.0, FeedbackValue.DOWN)):
        log.append(FEEDBACK, [encode_feedback(Feedback(turn, "ann", value, ts))]).result()
    index.catch_up()

    assert index.get(turn, "ann").feedback is FeedbackValue.DOWN

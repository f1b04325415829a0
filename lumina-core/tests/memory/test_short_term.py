from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from lumina_core.answers.base import Outcome
from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import RedisDown
from lumina_core.graph.log import GraphLog
from lumina_core.memory.short_term import TURNS_KEPT, ShortTerm
from lumina_core.memory.turns import ANSWERS, TURNS, AnswerRecord, Turn, TurnId, encode_answer, encode_turn


def turn(number: int, session: str = "s") -> Turn:
    return Turn(
        TurnId(f"chat_20261122T090000Z_{number:06x}"), session, 1000.0 + number, f"q{number}", f"a{number}", 0.5
    )


async def write(log: GraphLog, owner: str, *turns: Turn) -> None:
    for one in turns:
        answer = AnswerRecord(one.id, owner, Outcome.ANSWERED, one.user)
        await asyncio.wrap_future(log.append_many([(ANSWERS, [encode_answer(answer)]), (TURNS, [encode_turn(one)])]))


async def test_the_last_turns_come_back_oldest_first(redis: RedisClient) -> None:
    short = ShortTerm(redis)
    for number in (2, 1, 3):
        await short.add("ann", [turn(number)])

    assert [t.user for t in await short.recent("ann", "s", 2)] == ["q2", "q3"]


async def test_adding_a_turn_twice_changes_nothing(redis: RedisClient) -> None:
    short = ShortTerm(redis)
    await short.add("ann", [turn(1), turn(1)])
    await short.add("ann", [turn(1)])

    assert await short.recent("ann", "s", 9) == [turn(1)]


async def test_only_the_newest_turns_of_a_session_are_kept(redis: RedisClient) -> None:
    short = ShortTerm(redis)
    await short.add("ann", [turn(number) for number in range(TURNS_KEPT + 5)])

    kept = await short.recent("ann", "s", 1000)
    assert len(kept) == TURNS_KEPT
    assert kept[0].user == "q5"


async def test_owners_and_sessions_do_not_mix_whatever_they_are_called(redis: RedisClient) -> None:
    short = ShortTerm(redis)
    await short.add("a:b", [turn(1, "c")])
    await short.add("a", [turn(2, "b:c")])

    assert [t.user for t in await short.recent("a:b", "c", 9)] == ["q1"]
    assert [t.user for t in await short.recent("a", "b:c", 9)] == ["q2"]
    assert await short.recent("b", "c", 9) == []


async def test_sessions_come_latest_first(redis: RedisClient) -> None:
    short = ShortTerm(redis)
    await short.add("ann", [turn(1, "old"), turn(2, "new")])

    assert [seen.session for seen in await short.sessions("ann")] == ["new", "old"]


async def test_nothing_expires_by_itself(redis: RedisClient) -> None:
    await ShortTerm(redis).add("ann", [turn(1)])

    assert [await redis.ttl(key) for key in await redis.keys("chat:*")] == [-1, -1]


async def test_what_redis_lost_is_rebuilt_from_the_log(redis: RedisClient, log: GraphLog, root: Path) -> None:
    short = ShortTerm(redis)
    await write(log, "ann", turn(1), turn(2))
    await write(log, "bob", turn(3))
    await redis.flushall()

    assert await short.rebuild(root) == 3
    assert [t.user for t in await short.recent("ann", "s", 9)] == ["q1", "q2"]
    assert [t.user for t in await short.recent("bob", "s", 9)] == ["q3"]


async def test_a_rebuild_goes_on_where_the_last_one_ended(redis: RedisClient, log: GraphLog, root: Path) -> None:
    short = ShortTerm(redis)
    await write(log, "ann", turn(1))
    await short.rebuild(root)
    await write(log, "ann", turn(2))

    assert await short.rebuild(root) == 1
    assert await short.rebuild(root) == 0


async def test_a_turn_without_its_answer_was_never_acknowledged(redis: RedisClient, log: GraphLog, root: Path) -> None:
    await asyncio.wrap_future(log.append(TURNS, [encode_turn(turn(1))]))
    await write(log, "ann", turn(2))

    assert await ShortTerm(redis).rebuild(root) == 1


async def test_without_redis_reading_falls_back_to_the_log(no_redis: RedisClient) -> None:
    async def from_log(owner: str, session: str, limit: int) -> Sequence[Turn]:
        return [turn(limit, session)]

    assert await ShortTerm(no_redis, from_log=from_log).recent("ann", "s", 7) == [turn(7)]


async def test_without_redis_adding_says_so(no_redis: RedisClient) -> None:
    with pytest.raises(RedisDown):
        await ShortTerm(no_redis).add("ann", [turn(1)])
    with pytest.raises(RedisDown):
        await ShortTerm(no_redis).recent("ann", "s", 1)

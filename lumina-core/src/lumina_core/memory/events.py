"""What other parts are told of a conversation, as it goes."""

from __future__ import annotations

from redis.asyncio import Redis

from lumina_core.answers.base import Outcome
from lumina_core.events.event import CoreStream, Event, encode_event
from lumina_core.memory.turns import Turn

__all__ = ["QA_TURN", "announce_turn"]

QA_TURN = CoreStream.QA_TURN

_KEPT = 10_000


async def announce_turn(redis: Redis, turn: Turn, owner: str, outcome: Outcome) -> None:
    """Append a turn that is in the log to the stream `qa:turn`, which keeps about the last 10,000.

    The event names the turn; its words stay where only its owner reads them.

    Raises:
        RedisDown, StorageFull: The event may be lost. The log has the turn, for those who must see every one.
    """
    event = Event(
        id=turn.id,
        stream=QA_TURN,
        ts=turn.ts,
        data={
            "turn": turn.id,
            "session": turn.session,
            "owner": owner,
            "confidence": turn.confidence,
            "outcome": outcome.value,
        },
    )
    await redis.xadd(QA_TURN, encode_event(event), maxlen=_KEPT, approximate=True)

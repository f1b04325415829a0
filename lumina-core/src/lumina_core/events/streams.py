"""Events in Redis streams: published once, given to every group at least once, and never lost between two readers."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from lumina_core.drivers.redis_arrivals import Arrivals
from lumina_core.drivers.redis_client import RedisClient
from lumina_core.errors import Conflict, InvalidInput
from lumina_core.events import scripts
from lumina_core.events.event import CoreStream, Event, decode_event, encode_event, stream_key

__all__ = ["DeadLetter", "Delivery", "EventSettings", "EventStreams", "Failure", "Reader", "Settled", "StreamCount"]

_NAMES = "events:names"
_MARK_S = 24 * 3600
_RECEIPT = re.compile(r"([a-z][a-z0-9_:-]*)/(\d+-\d+)/(\d+)")
_COUNTED = 10_000
_DEAD_KEPT = 11_000  # about what the scripts keep
_PAGE = 200
_LONGEST_WAIT_S = 3600.0
_TRIM_AFTER = 0.1


@dataclass(frozen=True, slots=True)
class EventSettings:
    """`attempts` is how often an event is given to one group before it becomes a dead letter.

    A stream keeps about its last `kept` events, and more, up to `most`, where a group has not handled them.
    """

    attempts: int = 5
    kept: int = 10_000
    most: int = 100_000


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a principal, and the group where it has several. Groups of two principals are never the same."""

    owner: str
    group: str | None = None

    @property
    def name(self) -> str:
        """The consumer group's name in Redis."""
        return self.owner if self.group is None else f"{self.owner}/{self.group}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event given out for the `attempt`th time, counted from 1; `receipt` is for saying what became of it."""

    event: Event
    receipt: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A delivery that could not be handled. `give_up`: it is not to be tried again."""

    receipt: str
    reason: str
    give_up: bool = False
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """How many deliveries are done, will be given out again, and became dead letters; and the receipts of those that
    were settled, or given to another, before."""

    done: int
    retried: int
    dead: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event a group could not handle. `ts`, epoch seconds, is when it was given up."""

    id: str
    event: Event
    group: str
    attempts: int
    reason: str
    ts: float


@dataclass(frozen=True, slots=True)
class StreamCount:
    """A stream: the events kept, those a group has not settled (counted up to 10,000 unread), and its dead letters."""

    name: str
    length: int
    pending: int
    dead: int


class EventStreams:
    """Every stream of one Redis.

    Every method raises `RedisDown` when it does not answer, `StorageFull` when it has no room, and `Conflict` where a
    key of the stream's name is no stream. What was acknowledged is on the disk.
    """

    def __init__(
        self,
        redis: RedisClient,
        arrivals: Arrivals,
        *,
        settings: EventSettings | None = None,
        now: Callable[[], float] = time.time,
        random_hex: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._redis = redis
        self._arrivals = arrivals
        self._settings = settings or EventSettings()
        self._now = now
        self._random_hex = random_hex
        self._trimmed: dict[str, int] = {}

    def new_id(self) -> str:
        return f"evt_{self._random_hex(12)}"

    async def publish(self, events: Sequence[Event]) -> None:
        """Append the events in this order, all or none. One whose id its source published to the stream within the
        last day is passed over, so that repeating a call that may have failed is safe."""
        if not events:
            return
        keys = [_NAMES]
        arguments: list[Any] = [_MARK_S]
        for event in events:
            flat = [part for item in encode_event(event).items() for part in item]
            keys += [stream_key(event.stream), f"events:mark:{event.stream}:{event.source}:{event.id}"]
            arguments += [event.stream, msgspec.json.encode(flat)]
        await self._run(self._redis.eval(scripts.PUBLISH, len(keys), *keys, *arguments))
        for stream in {event.stream for event in events}:
            await self._trim(stream)

    async def read(
        self,
        reader: Reader,
        streams: Sequence[str],
        *,
        consumer: str = "default",
        limit: int = 10,
        wait_s: float = 0,
        lease_s: float = 60,
        from_start: bool = False,
    ) -> list[Delivery]:
        """Give the reader's group events it has not settled, waiting up to `wait_s` for the first.

        What is given is the group's no more for `lease_s`; not settled by then, it is given out again, up to
        `EventSettings.attempts` times. A new group begins with what is published from now on, or, `from_start`, with
        the oldest event there is.

        Returns:
            At most `limit`: those given out again first, then in the order published, stream by stream.
        """
        wanted = list(dict.fromkeys(streams))
        begin = "0" if from_start else "$"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        async with self._arrivals.watch(*map(stream_key, wanted)) as watch:
            while True:
                given: list[Delivery] = []
                next_end = None
                for stream in wanted:
                    if len(given) < limit:
                        found, end = await self._read(reader, stream, consumer, limit - len(given), lease_s, begin)
                        given += found
                        next_end = min((at for at in (next_end, end) if at is not None), default=None)
                left_s = deadline - loop.time()
                if given or left_s <= 0 or self._arrivals.is_released:
                    return given
                until_due_s = _LONGEST_WAIT_S if next_end is None else max(0.01, next_end - self._now())
                await watch.wait(min(left_s, until_due_s))

    async def settle(self, reader: Reader, *, done: Iterable[str] = (), failed: Iterable[Failure] = ()) -> Settled:
        """Say what became of deliveries. What failed is given out again, unless it was given up or tried too often:
        then it is a dead letter.

        Raises:
            InvalidInput: something is no receipt; nothing was settled.
        """
        now = self._now()
        fates: dict[str, tuple[str, str, str]] = dict.fromkeys(done, ("done", "0", ""))
        for failure in failed:
            fate = "dead" if failure.give_up else "retry"
            fates.setdefault(failure.receipt, (fate, repr(now + failure.retry_after_s), failure.reason))
        by_stream: dict[str, list[tuple[str, list[str]]]] = {}
        for receipt, (fate, again_at, reason) in fates.items():
            stream, entry, attempt = _parts(receipt)
            by_stream.setdefault(stream, []).append((receipt, [entry, attempt, fate, again_at, reason]))
        counts = {"done": 0, "retried": 0, "dead": 0}
        unknown = []
        for stream, deliveries in by_stream.items():
            arguments = [part for _, parts in deliveries for part in parts]
            keys = _keys(reader, stream)
            head = (reader.name, repr(now), self._settings.attempts, stream)
            answers = await self._run(self._redis.eval(scripts.ACK, len(keys), *keys, *head, *arguments))
            for (receipt, _), answer in zip(deliveries, answers, strict=True):
                if answer == "unknown":
                    unknown.append(receipt)
                else:
                    counts[answer] += 1
        return Settled(**counts, unknown=tuple(unknown))

    async def dead_letters(
        self, owner: str, *, is_wanted: Callable[[str], bool], limit: int, before: str | None = None
    ) -> tuple[list[DeadLetter], str | None]:
        """The dead letters of every group of one principal, newest first, of the streams wanted.

        Returns:
            The page, and what to pass as `before` for the next one; None on the last.

        Raises:
            InvalidInput: `before` is no cursor.
        """
        if before is not None and not re.fullmatch(r"\d+-\d+", before):
            raise InvalidInput(f"{before!r} is no cursor", hint="Pass the `before` of the page ahead of this one.")
        end = f"({before}" if before is not None else "+"
        letters: list[DeadLetter] = []
        while True:
            page: Any = await self._redis.xrevrange(_dead_key(owner), end, "-", count=_PAGE)
            for entry, fields in page:
                if is_wanted(fields["stream"]):
                    if len(letters) == limit:
                        return letters, letters[-1].id
                    letters.append(_letter(entry, fields))
            if len(page) < _PAGE:
                return letters, None
            end = f"({page[-1][0]}"

    async def replay(self, owner: str, ids: Sequence[str], *, check: Callable[[str], None]) -> tuple[int, list[str]]:
        """Deliver dead letters again, each to the group it died in; their attempts are counted from the start.

        Args:
            owner: The principal whose dead letters they are.
            ids: Their ids.
            check: Called with each one's stream; what it raises is passed on, and nothing is delivered.

        Returns:
            How many there were, and the ids of those there were not.
        """
        found: list[tuple[str, Reader, str]] = []
        unknown = []
        for id in dict.fromkeys(ids):
            page: Any = await self._redis.xrange(_dead_key(owner), id, id) if re.fullmatch(r"\d+-\d+", id) else []
            if not page:
                unknown.append(id)
                continue
            fields = page[0][1]
            check(fields["stream"])
            found.append((id, _reader(owner, fields["group"]), fields["stream"]))
        if not found:
            return 0, unknown
        keys = [_dead_key(owner)]
        for _, reader, stream in found:
            keys += _keys(reader, stream)[1:3]
        ids = [id for id, *_ in found]
        replayed = await self._run(self._redis.eval(scripts.REPLAY, len(keys), *keys, repr(self._now()), *ids))
        # Whoever waits for the stream is to look at what is due: leases are no key it watches.
        self._arrivals.wake(*(stream_key(stream) for *_, stream in found))
        return int(replayed), unknown

    async def counts(self, reader: Reader) -> list[StreamCount]:
        """The core's streams and every other one that something was published to, by name."""
        names = sorted({*CoreStream, *await self._redis.smembers(_NAMES)})
        dead = dict.fromkeys(names, 0)
        page: Any = await self._redis.xrange(_dead_key(reader.owner), count=_DEAD_KEPT)
        for _, fields in page:
            dead[fields["stream"]] = dead.get(fields["stream"], 0) + 1
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.xlen(stream_key(name))
                pipe.eval(scripts.COUNT, 1, stream_key(name), reader.name, _COUNTED)
            numbers = await self._run(pipe.execute())
        return [
            StreamCount(str(name), int(numbers[2 * i]), int(numbers[2 * i + 1]), dead[name])
            for i, name in enumerate(names)
        ]

    async def _read(
        self, reader: Reader, stream: str, consumer: str, limit: int, lease_s: float, begin: str
    ) -> tuple[list[Delivery], float | None]:
        now = self._now()
        keys = _keys(reader, stream)
        arguments = (reader.name, repr(now), consumer, repr(now + lease_s), limit, self._settings.attempts)
        reply = await self._run(self._redis.eval(scripts.READ, len(keys), *keys, *arguments, begin, stream))
        given = []
        for entry, attempt, flat in reply[0]:
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            given.append(Delivery(decode_event(stream, entry, fields), f"{stream}/{entry}/{attempt}", int(attempt)))
        return given, float(reply[1]) if reply[1] else None

    async def _trim(self, stream: str) -> None:
        """Now and then: what no group needs goes, and in any case what is beyond the most."""
        settings = self._settings
        length = int(await self._redis.xlen(stream_key(stream)))
        due = max(settings.kept, self._trimmed.get(stream, 0)) + max(1, int(settings.kept * _TRIM_AFTER))
        if length >= due or length > settings.most:
            arguments = (settings.kept, settings.most)
            self._trimmed[stream] = int(
                await self._run(self._redis.eval(scripts.TRIM, 1, stream_key(stream), *arguments))
            )

    async def _run(self, command: Any) -> Any:
        try:
            return await command
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            raise Conflict(
                "a key of the stream's name in Redis is no stream", hint="Look at it with `redis-cli TYPE <stream>`."
            ) from error


def _keys(reader: Reader, stream: str) -> Sequence[str]:
    own = f"{stream}@{reader.name}"
    return (stream_key(stream), f"events:leases:{own}", f"events:again:{own}", _dead_key(reader.owner))


def _dead_key(owner: str) -> str:
    return f"events:dead:{owner}"


def _reader(owner: str, name: str) -> Reader:
    return Reader(owner, name.removeprefix(f"{owner}/") if name != owner else None)


def _parts(receipt: str) -> tuple[str, str, str]:
    found = _RECEIPT.fullmatch(receipt)
    if found is None:
        raise InvalidInput(f"{receipt!r} is no receipt", hint="Pass the `receipt` a delivery came with, unchanged.")
    return found[1], found[2], found[3]


def _letter(id: str, fields: dict[str, str]) -> DeadLetter:
    flat = msgspec.json.decode(fields["fields"], type=list[str])
    held = dict(zip(flat[::2], flat[1::2], strict=True))
    return DeadLetter(
        id=id,
        event=decode_event(fields["stream"], fields["entry"], held),
        group=fields["group"],
        attempts=int(fields["attempts"]),
        reason=fields["reason"],
        ts=float(fields["ts"]),
    )

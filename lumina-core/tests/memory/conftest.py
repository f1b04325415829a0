"""Chat memory on a real log, a real Redis and a real index, with an embedder that counts words."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lumina_core.answers.base import Answer, Citation, Outcome
from lumina_core.documents import ArticleId, ChunkId, fingerprint
from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.redis_client import RedisClient, connect_redis
from lumina_core.drivers.redis_server import RedisServer
from lumina_core.drivers.vector_store import COLLECTIONS, Filter, VectorStore
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.errors import EmbedderDown
from lumina_core.graph.log import GraphLog
from lumina_core.memory.service import ChatMemory
from lumina_core.text.analysis import terms

MakeAnswer = Callable[..., Answer]


class WordEmbedder:
    """Texts that share stems lie near each other. `down` makes it fail, `embedded` says how many texts it was given."""

    def __init__(self) -> None:
        self.down = False
        self.embedded = 0
        self.info = EmbedderInfo("words", "words", 384, "fp32")

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.down:
            raise EmbedderDown("the embedder is down", hint="Wait.")
        self.embedded += len(texts)
        rows = np.full((len(texts), 384), 1e-3, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for term in terms(text):
                row[zlib.crc32(term.encode()) % 384] += 1.0
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed([text])[0]
        return vector

    def close(self) -> None:
        pass


class Clock:
    """A time that moves when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @property
    def s(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def random_hex() -> Callable[[int], str]:
    numbers = itertools.count(1)
    return lambda size: f"{next(numbers):0{2 * size}x}"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with asyncio.Runner() as runner:
        server = runner.run(RedisServer.start(tmp_path_factory.mktemp("redis")))
        yield server.url
        runner.run(server.stop())


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = connect_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def no_redis(tmp_path: Path) -> AsyncIterator[RedisClient]:
    """A client of a Redis that is not there."""
    client = connect_redis(f"unix://{tmp_path / 'nobody.sock'}", patience_s=0.0)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def edge_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with asyncio.Runner() as runner:
        store = runner.run(EdgeStore.start(tmp_path_factory.mktemp("edge") / "index"))
        yield store.socket
        runner.run(store.close())


@pytest.fixture
async def store(edge_socket: Path) -> AsyncIterator[VectorStore]:
    """Empty `chat_long` and `scratch_mem`."""
    made = await EdgeStore.connect(edge_socket)
    for spec in COLLECTIONS:
        if spec.name in ("chat_long", "scratch_mem"):
            await made.ensure(spec)
            await made.delete(spec.name, Filter())
    yield made
    await made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "graphs"


@pytest.fixture
def log(root: Path) -> Iterator[GraphLog]:
    with GraphLog.open(root) as opened:
        yield opened


@pytest.fixture
def make_answer() -> MakeAnswer:
    def make(text: str, *titles: str, confidence: float = 0.8) -> Answer:
        citations = tuple(
            Citation(
                marker=number,
                cite_id=f"Q{number}",
                chunk_id=ChunkId(f"art_00000000000{number}#0"),
                article_id=ArticleId(f"art_00000000000{number}"),
                title=title,
                url="",
                section="",
                revision="1",
                start=0,
                end=len(text),
                text=text,
                fingerprint=fingerprint(text),
            )
            for number, title in enumerate(titles, 1)
        )
        marked = f"{text} [1]" if titles else text
        return Answer(marked, Outcome.ANSWERED if titles else Outcome.ABSTAINED, confidence, (text,), citations, {})

    return make


@pytest.fixture
async def memory(
    log: GraphLog,
    store: VectorStore,
    redis: RedisClient,
    embedder: WordEmbedder,
    tmp_path: Path,
    clock: Clock,
    random_hex: Callable[[int], str],
) -> AsyncIterator[ChatMemory]:
    opened = await ChatMemory.open(
        log, store, redis, embedder, tmp_path / "chat.sqlite", now=clock, random_hex=random_hex
    )
    yield opened
    await opened.close()

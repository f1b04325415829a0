"""A small library in a real index: chunks of ten articles and a pair of twins, embedded by the real model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lumina_core.documents import Article, Chunk, article_id, fingerprint
from lumina_core.drivers.embedder import Vectors
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.drivers.vector_store import (
    COLLECTIONS,
    CollectionSpec,
    Comparison,
    Filter,
    Point,
    Query,
    Record,
    StoreHit,
)
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.errors import EmbedderDown
from lumina_core.ingest.blocks import Block, assemble
from lumina_core.retrieval.encoding import encode_chunks
from lumina_core.text.chunking import chunk_article

_numbers = count()

LIBRARY: dict[str, dict[str, str]] = {
    "Lighthouse": {
        "": "A lighthouse is a tower that carries a lamp to guide ships at night. Keepers once lived in them.",
        "Lamps": "Early keepers burned wood or coal. Augustin Fresnel designed a lens of rings in 1822. It threw the "
        "light four times as far.",
        "Automation": "Most lighthouses have had no keeper since the 1980s. A computer reports a broken lamp.",
    },
    "Honey bee": {
        "": "The honey bee is an insect that makes honey from nectar. A colony holds up to 60,000 workers and a queen.",
        "Dance": "Karl von Frisch explained the waggle dance in 1927. The angle of the dance points to the flowers.",
        "Hive": "Bees build combs of wax. Each cell has six sides. The queen lays 1,500 eggs a day in summer.",
    },
    "Glacier": {
        "": "A glacier is a mass of ice that flows under its own weight. Glaciers hold most fresh water on land.",
        "Motion": "Ice at the bottom melts under pressure and the glacier slides. Kutiah in Pakistan moved 12 km in "
        "1953, faster than any other.",
        "Retreat": "Nearly all glaciers have shrunk since 1850. The Alps lost a third of their ice by 1980.",
    },
    "Violin": {
        "": "The violin is a string instrument with four strings tuned in fifths. It is played with a bow.",
        "Makers": "Antonio Stradivari built about 1,100 instruments in Cremona. Some 650 of them survive.",
        "Wood": "The top is spruce and the back is maple. Varnish protects the wood and colours it.",
    },
    "Halley's Comet": {
        "": "Halley's Comet can be seen from Earth every 75 years or so. It was last near the Sun in 1986.",
        "Discovery": "Edmond Halley saw in 1705 that three comets were one. He did not live to see it come back.",
        "Probes": "Giotto flew past the nucleus in March 1986. It found a dark body of ice and dust.",
    },
    "Coffee": {
        "": "Coffee is a drink brewed from roasted beans. The plant comes from Ethiopia.",
        "Trade": "Brazil grows a third of the coffee of the world. Vietnam follows with robusta.",
        "Brewing": "Water of 93 degrees draws the taste out. An espresso takes 25 seconds under pressure.",
    },
    "Chess": {
        "": "Chess is a board game for two players. Each has sixteen pieces, and the king must not be taken.",
        "Computers": "Deep Blue beat Garry Kasparov in New York in 1997. The machine weighed 1.4 tonnes.",
        "Openings": "The Sicilian Defence answers the king's pawn with the c-pawn. It is the most played reply.",
    },
    "Venice": {
        "": "Venice is a city in Italy built on 118 islands in a lagoon. Its capital past is that of a republic.",
        "Floods": "The sea stood 194 cm above normal in November 1966. Barriers called MOSE close the lagoon.",
        "Palaces": "The doge lived in the palace on Saint Mark's Square. The Bridge of Sighs leads to the prison.",
    },
    "Printing press": {
        "": "A printing press moves ink from type to paper. Johannes Gutenberg built one in Mainz around 1440.",
        "Spread": "By 1500 presses in 270 towns had made 20 million books. Aldus Manutius printed in Venice.",
        "Steam": "Friedrich Koenig drove a press with steam in 1814. The Times was first to use it.",
    },
    "Tunnel": {
        "": "A tunnel is a passage dug through soil or rock. The longest for trains runs under the Gotthard.",
        "Shields": "Marc Brunel dug under the Thames behind a shield from 1825. It took eighteen years.",
        "Signs": "Maintenance panels carry codes. Panel QZX-41 marks the valve for the spare pump.",
    },
}


def make_article(title: str, sections: dict[str, str], *, source: str = "library", ts: float = 0.0) -> Article:
    text, spans = assemble([Block(heading, 2, [words]) for heading, words in sections.items()])
    return Article(
        id=article_id(source, title),
        title=title,
        url=f"https://library.example/{title}",
        source=source,
        revision="7",
        ts=ts,
        text=text,
        summary=next(iter(sections.values())),
        fingerprint=fingerprint(text),
        sections=spans,
        wikidata="Q1" if title == "Chess" else None,
    )


ARTICLES = tuple(
    make_article(title, sections, source="atlas" if title in ("Glacier", "Venice") else "library", ts=1000.0 * place)
    for place, (title, sections) in enumerate(LIBRARY.items())
)


@pytest.fixture(scope="session")
def articles() -> tuple[Article, ...]:
    return ARTICLES


@pytest.fixture(scope="session")
def embedder(pytestconfig: pytest.Config) -> Iterator[OnnxEmbedder]:
    assert pytestconfig.cache is not None
    made = OnnxEmbedder.load(pytestconfig.cache.mkdir("lumina-models"), precision="int8")
    yield made
    made.close()


@pytest.fixture(scope="session")
def chunks() -> tuple[Chunk, ...]:
    return tuple(chunk for article in ARTICLES for chunk in chunk_article(article))


@pytest.fixture(scope="session")
def points(embedder: OnnxEmbedder) -> list[Point]:
    """Every chunk, and twins: two more points that are alike but for their ids."""
    made: list[Point] = []
    for place, article in enumerate(ARTICLES):
        made += encode_chunks(
            chunk_article(article),
            embedder,
            source=article.source,
            wikidata=article.wikidata,
            revision=article.revision,
            pagerank=0.5 + 0.2 * place,
        )
    twin = encode_chunks(
        chunk_article(make_article("Twin", {"": "Twins named Wolfram and Wigbert share one marmalade recipe."})),
        embedder,
        source="twins",
        wikidata=None,
        revision="1",
        pagerank=1.0,
    )[0]
    for name in ("art_twinb#0", "art_twina#0"):
        made.append(replace(twin, id=name, payload={**twin.payload, "id": name, "article": name.removesuffix("#0")}))
    return made


@pytest.fixture(scope="session")
def edge_socket(tmp_path_factory: pytest.TempPathFactory, points: list[Point]) -> Iterator[Path]:
    """Where the index process listens that has all of it. Tests do not change its collection `chunks`."""
    with asyncio.Runner() as runner:
        store = runner.run(EdgeStore.start(tmp_path_factory.mktemp("edge") / "index"))
        runner.run(store.ensure(next(spec for spec in COLLECTIONS if spec.name == "chunks")))
        runner.run(store.upsert("chunks", points))
        yield store.socket
        runner.run(store.close())


class RecordingStore:
    """The real store, and what was asked of it. `collection` takes the place of whatever collection is asked for;
    `before` holds what to do with that store and collection before the next large call of that name (term statistics
    are small ones); `fail` makes every call raise."""

    def __init__(self, store: EdgeStore) -> None:
        self.store = store
        self.queries: list[list[Query]] = []
        self.retrieved: list[Sequence[str]] = []
        self.compared: list[Sequence[str]] = []
        self.counted = 0
        self.collection: str | None = None
        self.before: dict[str, Callable[[EdgeStore, str], Awaitable[None]]] = {}
        self.fail: Exception | None = None

    async def query(self, collection: str, queries: Sequence[Query]) -> list[list[StoreHit]]:
        self.queries.append(list(queries))
        return await self.store.query(await self._to("query", collection), queries)

    async def retrieve(self, collection: str, ids: Sequence[str], **wanted: Any) -> list[Record]:
        self.retrieved.append(ids)
        name = await self._to("retrieve" if "vectors" not in wanted else "statistics", collection)
        return await self.store.retrieve(name, ids, **wanted)

    async def compare(self, collection: str, vector: Vectors, ids: Sequence[str], **wanted: Any) -> Comparison:
        self.compared.append(ids)
        return await self.store.compare(await self._to("compare", collection), vector, ids, **wanted)

    async def count(self, collection: str, filter: Filter | None = None) -> int:
        self.counted += 1
        return await self.store.count(await self._to("count", collection), filter)

    async def _to(self, call: str, collection: str) -> str:
        if self.fail is not None:
            raise self.fail
        if call in self.before:
            await self.before.pop(call)(self.store, self.collection or collection)
        return self.collection or collection


@pytest.fixture
async def store(edge_socket: Path) -> AsyncIterator[Any]:
    """A `RecordingStore` on the library."""
    made = await EdgeStore.connect(edge_socket)
    yield RecordingStore(made)
    await made.close()


@pytest.fixture
async def own_store(store: RecordingStore) -> AsyncIterator[Any]:
    """The same on an empty collection that the test may fill."""
    spec = CollectionSpec(f"own{next(_numbers)}", sentences=True, keyword_fields=("article", "source"))
    await store.store.ensure(spec)
    store.collection = spec.name
    yield store
    await store.store.drop(spec.name)


class BrokenEmbedder:
    """An embedder whose server is away."""

    def embed_query(self, text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        raise EmbedderDown("no answer", hint="Wait.")


@pytest.fixture
def broken_embedder() -> BrokenEmbedder:
    return BrokenEmbedder()

"""Graphs small enough to reason about, on real disks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lumina_core.documents import Article, Section, article_id, fingerprint
from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.graph import KnowledgeGraph
from lumina_core.graph.log import GraphLog

MakeArticle = Callable[..., Article]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "graphs"


@pytest.fixture
def log(root: Path) -> Iterator[GraphLog]:
    with GraphLog.open(root) as opened:
        yield opened


@pytest.fixture
def catalogue(log: GraphLog, root: Path, tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open(tmp_path / "catalogue.sqlite", root)
    yield opened
    opened.close()


@pytest.fixture
def graph(log: GraphLog, catalogue: Catalogue) -> KnowledgeGraph:
    return KnowledgeGraph(log, catalogue, clock=lambda: 1_795_000_000.0)


@pytest.fixture(scope="session")
def scratch() -> Callable[[], AbstractContextManager[Path]]:
    """Folders for many short examples, in memory where the machine has such a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a file system, and the folders in it are fresh

    @contextmanager
    def folder() -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as path:
            yield Path(path)

    return folder


@pytest.fixture(scope="session")
def make_article() -> MakeArticle:
    def make(
        title: str,
        revision: str = "1",
        *,
        text: str | None = None,
        links: tuple[str, ...] = (),
        source: str = "wiki",
        wikidata: str | None = None,
    ) -> Article:
        text = text if text is not None else f"{title} as of revision {revision}."
        return Article(
            id=article_id(source, title),
            title=title,
            url=f"https://example.org/{title}",
            source=source,
            revision=revision,
            ts=1_700_000_000.5,
            text=text,
            summary=text[:40],
            fingerprint=fingerprint(text),
            sections=(Section("", 0, (), 0, len(text)),),
            links=links,
            categories=("Things",),
            wikidata=wikidata,
        )

    return make

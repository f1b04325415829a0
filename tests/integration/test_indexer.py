"""The indexer as a real process beside a real log and a real index, killed for real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import replace

import psutil
import pytest

from lumina_core.documents import Redirect, article_id
from lumina_core.errors import DependencyDown
from lumina_core.indexing.progress import IndexerState, IndexProgress, encode_line

pytestmark = pytest.mark.processes


def is_idle(progress: IndexProgress) -> bool:
    return progress.state is IndexerState.IDLE and progress.rebuilding is None


async def test_what_is_added_to_the_log_can_be_searched(workplace, article, chunk_ids):
    sea, sky = article("Sea"), article("Sky")
    position = workplace.add(sea, sky)

    async with workplace.indexer() as indexer:
        progress = await indexer.wait_until(position)

    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(sea, sky)
    assert sorted(record.id for record in await workplace.articles()) == sorted([sea.id, sky.id])
    assert progress.chunks == len(chunk_ids(sea, sky))


async def test_a_new_revision_replaces_the_chunks_of_the_old_one(workplace, article, chunk_ids):
    async with workplace.indexer() as indexer:
        await indexer.wait_until(workplace.add(article("Sea", paragraphs=16), article("Sky")))
        shorter = article("Sea", paragraphs=4, revision="2")
        await indexer.wait_until(workplace.add(shorter))

    records = await workplace.chunks()
    assert sorted(record.id for record in records) == chunk_ids(shorter, article("Sky"))
    assert {record.payload["revision"] for record in records if record.payload["article"] == shorter.id} == {"2"}


async def test_a_superseded_revision_is_never_embedded(workplace, article, chunk_ids):
    workplace.add(article("Sea", paragraphs=20))
    latest = article("Sea", paragraphs=2, revision="2")

    async with workplace.indexer() as indexer:
        progress = await indexer.wait_until(workplace.add(latest))

    assert progress.chunks == len(chunk_ids(latest))


async def test_a_deleted_article_leaves_the_index(workplace, article, chunk_ids):
    async with workplace.indexer() as indexer:
        await indexer.wait_until(workplace.add(article("Sea"), article("Sky")))
        await indexer.wait_until(workplace.graph.delete(article("Sea").id))

    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(article("Sky"))
    assert [record.id for record in await workplace.articles()] == [article("Sky").id]


async def test_an_article_that_became_a_redirect_leaves_the_index(workplace, article, chunk_ids):
    async with workplace.indexer() as indexer:
        await indexer.wait_until(workplace.add(article("Sea"), article("Ocean")))
        await indexer.wait_until(workplace.add(Redirect("Sea", "Ocean", "test", "9", 1_800_000_000.0)))

    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(article("Ocean"))


async def test_an_indexer_killed_again_and_again_indexes_every_chunk_once(workplace, article, chunk_ids):
    articles = [article(f"Island {number}") for number in range(40)]
    position = workplace.add(*articles)

    async with workplace.indexer() as indexer:
        for kill in range(12):
            await indexer.wait_for(lambda progress, kill=kill: progress.restarts == kill and indexer.pid is not None)
            if kill % 4:  # every fourth dies before it has said a word
                chunks = indexer.progress.chunks
                await indexer.wait_for(
                    lambda progress, chunks=chunks: progress.chunks > chunks or progress.position == position
                )
            os.kill(indexer.pid, signal.SIGKILL)
        progress = await indexer.wait_until(position)

    assert progress.restarts == 12
    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(*articles)
    assert len(await workplace.articles()) == len(articles)


async def test_a_reindex_killed_again_and_again_ends_with_every_chunk_once(workplace, article, chunk_ids):
    articles = [article(f"Island {number}") for number in range(30)]
    rebuilt = []

    async def rebuild_the_rest() -> None:
        rebuilt.append(True)

    async with workplace.indexer(on_reindex=[rebuild_the_rest]) as indexer:
        position = workplace.add(*articles)
        await indexer.wait_until(position)
        await indexer.wait_for(is_idle)
        await indexer.reindex()
        for kill in range(10):
            await indexer.wait_for(lambda progress, kill=kill: progress.restarts == kill and indexer.pid is not None)
            if kill % 4:
                chunks = indexer.progress.chunks if indexer.progress.rebuild == 2 else 0
                await indexer.wait_for(
                    lambda progress, chunks=chunks: (
                        progress.rebuild == 2 and (progress.chunks > chunks or progress.position == position)
                    )
                )
            os.kill(indexer.pid, signal.SIGKILL)
        progress = await indexer.wait_for(
            lambda progress: progress.restarts == 10 and progress.rebuild == 2 and is_idle(progress)
        )

    assert progress.position == position
    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(*articles)
    assert rebuilt == [True]
    assert not (workplace.path / "index" / "reindex.json").exists()


async def test_a_reindex_that_was_asked_for_survives_the_death_of_whoever_asked(workplace, article, chunk_ids):
    position = workplace.add(article("Sea"))
    async with workplace.indexer() as indexer:
        await indexer.wait_until(position)
        indexer.pause()
        await indexer.reindex()

    async with workplace.indexer() as successor:
        progress = await successor.wait_for(lambda progress: progress.rebuild == 2 and is_idle(progress))

    assert progress.position == position
    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(article("Sea"))


async def test_a_restart_goes_on_where_the_index_was(workplace, article):
    async with workplace.indexer() as indexer:
        await indexer.wait_until(workplace.add(article("Sea")))
        before = await indexer.wait_for(is_idle)

    async with workplace.indexer() as successor:
        after = await successor.wait_for(is_idle)

    assert (after.rebuild, after.chunks, after.position) == (1, before.chunks, before.position)


async def test_another_embedding_model_has_the_index_built_anew_and_says_so(workplace, article, chunk_ids):
    position = workplace.add(article("Sea"))
    async with workplace.indexer() as indexer:
        await indexer.wait_until(position)
    cursor = json.loads(workplace.settings.cursor.read_bytes())
    cursor["space"]["model"] = "another-model"
    workplace.settings.cursor.write_text(json.dumps(cursor))

    async with workplace.indexer() as indexer:
        rebuilding = await indexer.wait_for(lambda progress: progress.rebuild == 2 and progress.rebuilding is not None)
        await indexer.wait_for(is_idle)

    assert "model 'another-model'" in rebuilding.rebuilding.reason
    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(article("Sea"))


async def test_a_lost_collection_is_built_anew(workplace, article, chunk_ids):
    async with workplace.indexer() as indexer:
        await indexer.wait_until(workplace.add(article("Sea")))
    await workplace.store.drop("chunks")

    async with workplace.indexer() as indexer:
        await indexer.wait_for(lambda progress: progress.rebuild == 2 and is_idle(progress))

    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(article("Sea"))


async def test_a_cursor_that_is_no_cursor_costs_a_rebuild_and_nothing_else(workplace, article, chunk_ids):
    position = workplace.add(article("Sea"))
    workplace.settings.cursor.write_bytes(b"{ torn")

    async with workplace.indexer() as indexer:
        await indexer.wait_until(position)

    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(article("Sea"))


async def test_a_killed_index_process_delays_indexing_and_loses_nothing(workplace, article, chunk_ids):
    articles = [article(f"Island {number}") for number in range(20)]
    position = workplace.add(*articles)

    async with workplace.indexer() as indexer:
        for _ in range(3):
            chunks = indexer.progress.chunks
            await indexer.wait_for(
                lambda progress, chunks=chunks: progress.chunks > chunks or progress.position == position
            )
            os.kill(workplace.store.pid, signal.SIGKILL)
        await indexer.wait_until(position)

    assert sorted(record.id for record in await workplace.chunks()) == chunk_ids(*articles)


async def test_nothing_is_indexed_while_paused(workplace, article):
    async with workplace.indexer() as indexer:
        await indexer.wait_until(workplace.add(article("Sea")))
        indexer.pause()
        paused = await indexer.wait_for(lambda progress: progress.state is IndexerState.PAUSED)
        position = workplace.add(article("Sky"))
        os.kill(indexer.pid, signal.SIGKILL)
        still_paused = await indexer.wait_for(
            lambda progress: progress.restarts == 1 and progress.state is IndexerState.PAUSED
        )
        indexer.resume()
        await indexer.wait_until(position)

    assert still_paused.chunks == paused.chunks


async def test_page_ranks_reach_the_chunks_and_those_indexed_later(workplace, article):
    names = [f"Village {number}" for number in range(8)]
    async with workplace.indexer() as indexer:
        await indexer.wait_until(workplace.add(article("Town"), *(article(name, links=["Town"]) for name in names)))
        await indexer.wait_for(lambda progress: is_idle(progress) and progress.ranked_changes is not None)
        ranks = indexer.page_ranks()
        first = {record.payload["article"]: record.payload["pagerank"] for record in await workplace.chunks()}
        await indexer.wait_until(workplace.add(article("Town", revision="2")))
        records = await workplace.chunks()

    town = article_id("test", "Town")
    assert ranks[town] > 2 * ranks[article_id("test", names[0])]
    assert first[town] == ranks[town]
    assert all(max(first[article], ranks[article]) <= 2 * min(first[article], ranks[article]) for article in ranks)
    assert {record.payload["pagerank"] for record in records if record.payload["article"] == town} == {ranks[town]}


async def test_the_indexer_ends_with_whoever_started_it(workplace, article, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from lumina_core.indexing.indexer import Indexer\n"
        "from lumina_core.indexing.progress import WorkerSettings, decode_line\n"
        "async def main():\n"
        "    settings = decode_line(sys.stdin.buffer.readline(), WorkerSettings)\n"
        "    indexer = await Indexer.start(settings)\n"
        "    await indexer.wait_for(lambda progress: progress.rebuild > 0)\n"
        "    print(indexer.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, str(script), stdin=PIPE, stdout=PIPE)
    parent.stdin.write(encode_line(workplace.settings))
    indexer = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, [indexer], timeout=10)

    assert alive == []


async def test_an_indexer_that_cannot_start_says_why_and_ends_the_waiting(workplace, article):
    position = workplace.add(article("Sea"))
    settings = replace(workplace.settings.embedder, driver="no-such-embedder")

    async with workplace.indexer(embedder=settings) as indexer:
        with pytest.raises(DependencyDown, match="there is no embedder 'no-such-embedder'"):
            await indexer.wait_until(position)

        assert indexer.progress.state is IndexerState.CRASHED

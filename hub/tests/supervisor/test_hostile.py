"""What a module may not do. Each attempt is made by a real process and fails; hub and other modules stay well."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry

from lumina_hub.supervisor.landlock import landlock_abi
from lumina_hub.supervisor.process import ProcessState
from lumina_hub.supervisor.spec import ProcessLimits

from .conftest import BOUND_S, Modules, needs_landlock

pytestmark = [pytest.mark.processes, needs_landlock]
DENIED = ("PermissionError", "FileNotFoundError")


async def test_the_walls_stand(modules: Modules) -> None:
    status = await modules.supervisor.start(modules.spec())

    assert status.walls is not None
    assert status.walls.landlock == landlock_abi()
    assert status.walls.seccomp


async def test_it_reads_none_of_the_hubs_files(modules: Modules) -> None:
    """Nor the host's secrets, nor another module's data or token."""
    (modules.home / "modules" / "other" / "data").mkdir(parents=True)
    (modules.home / "modules" / "other" / "data" / "notes").write_text("private")
    await modules.supervisor.start(modules.spec())
    await modules.supervisor.start(modules.spec("second"))

    for path in (
        modules.home / "owner.token",
        modules.home / "modules" / "other" / "data" / "notes",
        modules.home / "run" / "modules" / "second" / "token",
        modules.home / "run" / "launch" / "almanac" / "spec.json",
        Path("/etc/shadow"),
        Path.home() / ".ssh" / "id_ed25519",
        Path(f"/proc/{os.getpid()}/environ"),
        Path("/proc/1/environ"),
        Path(f"/proc/{os.getpid()}/root{modules.home}/owner.token"),
    ):
        assert await modules.ask("/read", body=str(path).encode()) in DENIED, path


async def test_it_writes_nowhere_but_in_its_data_directory(modules: Modules) -> None:
    await modules.supervisor.start(modules.spec())
    data = modules.home / "modules" / "almanac" / "data"

    for path in (
        modules.home / "owner.token",
        modules.home / "x",
        modules.folder / "hostile.py",
        modules.home / "run" / "modules" / "almanac" / "token",
        modules.home / "run" / "modules" / "almanac" / "x",
        modules.home / "logs" / "modules" / "almanac.log",
        Path("/tmp/lumina-x"),  # noqa: S108 - the attempt is the point
        Path("/usr/lumina-x"),
        Path("/proc/self/oom_score_adj"),
    ):
        assert await modules.ask("/write", body=str(path).encode()) in DENIED, path
    assert (modules.home / "owner.token").read_text() == "lum_secret"
    assert await modules.ask("/write", body=str(data / "x").encode()) == "written"
    assert await modules.ask("/write", body=str(data / "tmp" / "x").encode()) == "written"
    assert (data / "x").read_text() == "x"


@pytest.fixture
def listener(modules: Modules) -> Iterator[Path]:
    """A socket beside the home's other ones, as Redis and the index process have."""
    path = modules.home / "redis.sock"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
        server.listen()
        yield path


async def test_it_reaches_no_socket_but_the_hubs(modules: Modules, listener: Path) -> None:
    (modules.home / "run").mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as hub:
        hub.bind(str(modules.home / "run" / "hub.sock"))
        hub.listen()
        status = await modules.supervisor.start(modules.spec())
        await modules.supervisor.start(modules.spec("second"))
        if status.walls is None or not status.walls.own_root:
            pytest.skip("no namespaces here: Landlock alone does not govern connecting to a Unix socket by its path")

        assert await modules.ask("/connect_unix", body=str(listener).encode()) in DENIED
        other = modules.home / "run" / "modules" / "second" / "module.sock"
        assert await modules.ask("/connect_unix", body=str(other).encode()) in DENIED
        assert await modules.ask("/connect_unix", body=b"/run/docker.sock") in DENIED
        assert await modules.ask("/connect_unix", body=f"{modules.home}/run/hub.sock".encode()) == "connected"


async def test_it_cannot_lead_the_hub_to_another_socket(modules: Modules, listener: Path) -> None:
    await modules.supervisor.start(modules.spec())

    assert await modules.ask("/symlink", body=str(listener).encode()) in DENIED


async def test_it_uses_no_network_unless_it_was_granted(modules: Modules) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1]).encode()
        await modules.supervisor.start(modules.spec())
        await modules.supervisor.start(modules.spec("crawler", network=True))

        assert await modules.ask("/connect_tcp", body=port) == "PermissionError"
        assert await modules.ask("/send_datagram", body=port) == "PermissionError"
        assert await modules.ask("/listen_tcp") == "PermissionError"
        assert await modules.ask("/connect_tcp", "crawler", body=port) == "connected"
        assert await modules.ask("/listen_tcp", "crawler") == "PermissionError"


async def test_it_kills_and_traces_nobody(modules: Modules) -> None:
    status = await modules.supervisor.start(modules.spec())
    second = await modules.supervisor.start(modules.spec("second"))

    for pid in (os.getpid(), status.pid, second.pid, 1, os.getppid()):
        assert await modules.ask("/kill", body=str(pid).encode()) in ("PermissionError", "ProcessLookupError"), pid
        assert await modules.ask("/trace", body=str(pid).encode()) == "refused"
    assert await modules.ask("/new_namespace") == "refused"
    assert modules.supervisor.status("second").state is ProcessState.READY
    assert await modules.ask("/say", "second", body=b"well") == "said"


async def test_it_sees_no_process_but_its_own(modules: Modules) -> None:
    status = await modules.supervisor.start(modules.spec())
    if status.walls is None or not status.walls.own_root:
        pytest.skip("no namespaces here")

    assert await modules.ask("/processes") == ["1", "2"]


async def test_one_that_eats_memory_gets_no_more(modules: Modules) -> None:
    limits = ProcessLimits(memory_bytes=256 << 20)
    await modules.supervisor.start(modules.spec(limits=limits))
    await modules.supervisor.start(modules.spec("second"))
    modules.changes.clear()

    try:
        outcome = await modules.ask("/eat", body=b"4096")
    except Exception:
        outcome = "ended"

    assert outcome in ("MemoryError", "ended")
    assert await modules.ask("/say", "second", body=b"well") == "said"


async def test_one_that_has_more_processes_together_take_too_much_is_ended(modules: Modules) -> None:
    """Each keeps within its own limit; the sum does not."""
    await modules.supervisor.start(modules.spec(limits=ProcessLimits(memory_bytes=64 << 20, processes=64)))
    modules.changes.clear()
    await asyncio.wait({asyncio.create_task(_bomb(modules, 40))})

    waiting = await modules.until_state(ProcessState.WAITING)

    assert "memory" in waiting.reason or "processes" in waiting.reason or "ended" in waiting.reason


async def test_one_that_forks_without_end_is_held_and_leaves_nothing(modules: Modules) -> None:
    status = await modules.supervisor.start(modules.spec(limits=ProcessLimits(processes=20)))
    keeper = psutil.Process(status.pid)
    await modules.supervisor.start(modules.spec("second"))
    modules.changes.clear()
    made = await _bomb(modules, 2000)
    started: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        started = keeper.children(recursive=True)

    if made is None or made > 20:  # nothing counts all of a module's processes here: it is ended instead
        waiting = await modules.until_state(ProcessState.WAITING)
        assert "processes" in waiting.reason or "ended" in waiting.reason
    assert await modules.ask("/say", "second", body=b"well") == "said"
    await modules.supervisor.stop("almanac")
    _, alive = await asyncio.to_thread(psutil.wait_procs, started, BOUND_S)
    assert alive == []


async def _bomb(modules: Modules, most: int) -> int | None:
    try:
        made: int = await modules.ask("/fork_bomb", body=str(most).encode())
        return made
    except Exception:
        return None


async def test_one_that_floods_its_log_fills_no_disk_and_holds_nobody_up(modules: Modules) -> None:
    await modules.supervisor.start(modules.spec())
    await modules.supervisor.start(modules.spec("second"))
    flood = asyncio.create_task(modules.ask("/flood", body=b"100000"))
    async with asyncio.timeout(BOUND_S):
        while modules.supervisor.status("second").usage is None:
            assert await modules.ask("/say", "second", body=b"well") == "said"

    assert await flood == "flooded"
    await modules.supervisor.stop("almanac")
    lines = modules.lines()
    assert len(lines) < 5_000
    assert any(line["event"] == "lines_left_out" for line in lines)


async def test_a_file_larger_than_allowed_is_not_written(modules: Modules) -> None:
    limits = ProcessLimits(file_bytes=1 << 20)
    await modules.supervisor.start(modules.spec(limits=limits))
    path = modules.home / "modules" / "almanac" / "data" / "large"

    answer = await modules.ask("/run", body=f"dd if=/dev/zero of={path} bs=65536 count=1024".encode())

    assert answer == ""
    assert path.stat().st_size <= 1 << 20


async def test_what_it_tried_before_does_not_hinder_its_next_start(modules: Modules) -> None:
    spec = modules.spec()
    await modules.supervisor.start(spec)
    data = modules.home / "modules" / "almanac" / "data"
    await modules.ask("/run", body=f"ln -s {modules.home}/owner.token {data}/link".encode())
    await modules.ask("/run", body=f"chmod 000 {data / 'tmp'}".encode())

    status = await modules.supervisor.start(replace(spec, config={"mode": "again"}))

    assert status.state is ProcessState.READY
    assert await modules.ask("/read", body=str(data / "link").encode()) in DENIED


WITHOUT_NAMESPACES = """
from lumina_hub.supervisor.kernel import forbid_new_privileges
from lumina_hub.supervisor.launch import main
from lumina_hub.supervisor.seccomp import filter_calls
forbid_new_privileges()
filter_calls(network=True)
main()
"""
"""The launcher as it fares where a container or a policy forbids namespaces: our own filter forbids them here."""


@pytest.fixture
async def bare(short_folder: Path) -> AsyncIterator[Modules]:
    home, folder = short_folder / "home", short_folder / "package"
    home.mkdir(mode=0o700)
    folder.mkdir()
    (home / "owner.token").write_text("lum_secret")
    launcher = (sys.executable, "-I", "-c", WITHOUT_NAMESPACES)
    made = Modules(home, folder, CollectorRegistry(), launcher=launcher)
    yield made
    await made.supervisor.close()


async def test_where_namespaces_are_forbidden_the_other_walls_stand(bare: Modules) -> None:
    status = await bare.supervisor.start(bare.spec())
    second = await bare.supervisor.start(bare.spec("second"))

    assert status.walls is not None
    assert not status.walls.own_root
    for path in (
        bare.home / "owner.token",
        bare.home / "run/modules/second/token",
        Path(f"/proc/{os.getpid()}/environ"),
    ):
        assert await bare.ask("/read", body=str(path).encode()) in DENIED, path
    assert await bare.ask("/write", body=str(bare.home / "x").encode()) in DENIED
    for pid in (os.getpid(), status.pid, second.pid):
        assert await bare.ask("/kill", body=str(pid).encode()) == "PermissionError"
    assert await bare.ask("/say", "second", body=b"well") == "said"


async def test_where_namespaces_are_forbidden_nothing_is_left_behind_either(bare: Modules) -> None:
    status = await bare.supervisor.start(bare.spec())
    await bare.ask("/fork_and_leave")
    keeper = psutil.Process(status.pid)
    started = [keeper, *keeper.children(recursive=True)]
    assert len(started) >= 3

    await bare.supervisor.stop("almanac")

    assert not any(process.is_running() for process in started)

"""Starting, watching, restarting and stopping, with real processes."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry

from lumina_core.errors import InvalidInput, NotFound
from lumina_hub.errors import ModuleError
from lumina_hub.supervisor.logs import read_log
from lumina_hub.supervisor.process import ProcessState
from lumina_sdk.contract import ScopeSet

from .conftest import BOUND_S, PACE, Modules

pytestmark = pytest.mark.processes


async def test_a_module_is_started_answers_and_is_stopped(modules: Modules) -> None:
    status = await modules.supervisor.start(modules.spec())
    assert (status.state, status.reason) == (ProcessState.READY, "")
    assert await modules.ask("/say", body=b"words") == "said"
    pids = tree(status.pid)
    socket = modules.supervisor.socket("almanac")

    await modules.supervisor.stop("almanac")

    assert not any(map(psutil.pid_exists, pids))
    assert not socket.exists()
    assert modules.supervisor.status("almanac").state is ProcessState.STOPPED
    assert [line["event"] for line in modules.lines()][:3] == ["beginning", "process_ready", "words"]


async def test_its_environment_is_what_the_contract_says_and_nothing_of_ours(
    modules: Modules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    manifest = modules.folder / "manifest.yml"
    manifest.write_text("name: almanac")
    await modules.supervisor.start(modules.spec(manifest=manifest, scopes=ScopeSet(["read:graph"])))

    environment = await modules.ask("/environment")

    home, run = modules.home, modules.home / "run" / "modules" / "almanac"
    assert set(environment) - {"LC_CTYPE"} == {
        *("PATH", "LANG", "HOME", "TMPDIR", "PYTHONUNBUFFERED", "LUMINA_MODULE", "LUMINA_ENTRYPOINT", "LUMINA_SOCKET"),
        *("LUMINA_HUB", "LUMINA_TOKEN_FILE", "LUMINA_CONFIG_FILE", "LUMINA_MANIFEST"),
    }
    assert environment["HOME"] == str(home / "modules" / "almanac" / "data")
    assert environment["LUMINA_SOCKET"] == str(run / "module.sock")
    assert modules.tokens.made == [("almanac", ScopeSet(["read:graph"]))]
    assert await modules.ask("/read", body=environment["LUMINA_TOKEN_FILE"].encode()) == "almanac-1"
    assert await modules.ask("/read", body=str(manifest).encode()) == "name: almanac"
    assert (run / "token").stat().st_mode & 0o777 == 0o600


async def test_its_token_is_renewed_at_half_its_life(modules: Modules) -> None:
    modules.tokens.lifetime_s = 2.0
    await modules.supervisor.start(modules.spec())
    token = modules.home / "run" / "modules" / "almanac" / "token"

    await modules.eventually(lambda: token.read_text() != "almanac-1")

    assert len(modules.tokens.made) >= 2


async def test_a_module_that_ends_is_started_again(modules: Modules) -> None:
    await modules.supervisor.start(modules.spec())
    modules.changes.clear()
    with pytest.raises(ModuleError):
        await modules.ask("/exit", body=b"7")

    waiting = await modules.until_state(ProcessState.WAITING)
    ready = await modules.until_state(ProcessState.READY)

    assert waiting.reason == "it ended with status 7"
    assert ready.restarts == 1
    assert await modules.ask("/say", body=b"again") == "said"
    assert modules.registry.get_sample_value("lumina_module_restarts_total", {"module": "almanac"}) == 1


async def test_one_that_ends_again_and_again_stays_down_until_it_is_asked_for(modules: Modules) -> None:
    spec = modules.spec(config={"mode": "ends"})
    first = await modules.supervisor.start(spec)
    assert first.state in (ProcessState.WAITING, ProcessState.CRASH_LOOP)
    down = await modules.until_state(ProcessState.CRASH_LOOP)
    assert down.reason == "it ended with status 3"
    begun = [line["event"] for line in modules.lines()].count("beginning ends")
    assert begun == PACE.crashes

    restarted = await modules.supervisor.restart("almanac")

    assert restarted.state is ProcessState.WAITING
    well = await modules.supervisor.start(replace(spec, config={}))
    assert well.state is ProcessState.READY


async def test_one_that_is_never_ready_is_ended_and_the_reason_told(short_folder: Path) -> None:
    home, folder = short_folder / "home", short_folder / "package"
    home.mkdir()
    folder.mkdir()
    modules = Modules(home, folder, CollectorRegistry(), replace(PACE, ready_s=1.0))
    try:
        status = await modules.supervisor.start(modules.spec(config={"mode": "silent"}))
    finally:
        await modules.supervisor.close()

    assert status.reason == "it was not ready within 1 s"


async def test_one_that_answers_garbage_is_never_ready(short_folder: Path) -> None:
    home, folder = short_folder / "home", short_folder / "package"
    home.mkdir()
    folder.mkdir()
    modules = Modules(home, folder, CollectorRegistry(), replace(PACE, ready_s=1.0))
    try:
        status = await modules.supervisor.start(modules.spec(config={"mode": "garbage"}))
    finally:
        await modules.supervisor.close()

    assert status.state in (ProcessState.WAITING, ProcessState.CRASH_LOOP)


async def test_one_that_says_it_is_unwell_is_started_again(modules: Modules) -> None:
    await modules.supervisor.start(modules.spec())
    modules.changes.clear()
    await modules.ask("/sick")

    waiting = await modules.until_state(ProcessState.WAITING)

    assert waiting.reason == "its health check failed 3 times in a row"
    assert (await modules.until_state(ProcessState.READY)).restarts == 1


async def test_one_that_does_not_end_when_asked_is_made_to(short_folder: Path) -> None:
    home, folder = short_folder / "home", short_folder / "package"
    home.mkdir()
    folder.mkdir()
    modules = Modules(home, folder, CollectorRegistry(), replace(PACE, stop_s=0.5))
    status = await modules.supervisor.start(modules.spec(config={"mode": "stubborn"}))
    pids = tree(status.pid)

    await modules.supervisor.close()

    assert not any(map(psutil.pid_exists, pids))


async def test_what_a_module_has_started_and_left_ends_with_it(modules: Modules) -> None:
    status = await modules.supervisor.start(modules.spec())
    await modules.ask("/fork_and_leave")
    pids = tree(status.pid)
    assert len(pids) >= 3

    await modules.supervisor.stop("almanac")

    assert not any(map(psutil.pid_exists, pids))


async def test_modules_do_not_wait_for_each_other(modules: Modules) -> None:
    sick, well = modules.spec("sick", config={"mode": "silent"}), modules.spec("well")
    starting = asyncio.create_task(modules.supervisor.start(sick))
    status = await modules.supervisor.start(well)

    assert status.state is ProcessState.READY
    assert not starting.done()
    await modules.supervisor.stop("sick")
    await starting


async def test_use_of_processor_and_memory_is_measured(modules: Modules) -> None:
    await modules.supervisor.start(modules.spec())

    await modules.eventually(lambda: modules.supervisor.status("almanac").cpu_percent is not None)

    usage = modules.supervisor.status("almanac").usage
    assert usage is not None
    assert usage.processes == 1
    assert 5_000_000 < usage.memory_bytes < 500_000_000
    assert modules.registry.get_sample_value("lumina_module_up", {"module": "almanac"}) == 1
    memory = modules.registry.get_sample_value("lumina_module_memory_bytes", {"module": "almanac"})
    assert memory is not None
    assert memory > 5_000_000


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGKILL])
async def test_a_module_ends_when_its_keeper_is_told_to_or_is_killed(modules: Modules, number: int) -> None:
    """SIGUSR1 is what the kernel sends the keeper when the hub has ended, however it ended."""
    status = await modules.supervisor.start(modules.spec())
    modules.changes.clear()
    processes = list(map(psutil.Process, tree(status.pid)))
    processes[0].send_signal(number)

    await modules.until_state(ProcessState.WAITING)

    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, BOUND_S)
    assert alive == []


async def test_its_log_is_read_back_oldest_first(modules: Modules) -> None:
    await modules.supervisor.start(modules.spec())
    await modules.ask("/say", body=b'{"event": "counted", "level": "warning", "count": 3}')
    await modules.supervisor.stop("almanac")

    lines = read_log(modules.supervisor.logs_dir, "almanac", limit=2)

    assert [line.event for line in lines] == ["process_ready", "counted"]
    assert (lines[-1].level, lines[-1].fields) == ("warning", {"count": 3})


async def test_a_module_that_would_read_the_home_is_not_started(modules: Modules) -> None:
    spec = replace(modules.spec(), readable=(modules.home.parent,))

    with pytest.raises(InvalidInput, match="data directory"):
        await modules.supervisor.start(spec)


async def test_a_module_that_was_not_started_cannot_be_restarted(modules: Modules) -> None:
    with pytest.raises(NotFound, match="'almanac'"):
        await modules.supervisor.restart("almanac")


def tree(pid: int | None) -> list[int]:
    root = psutil.Process(pid)
    return [root.pid, *(child.pid for child in root.children(recursive=True))]

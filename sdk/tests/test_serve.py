"""The module's process, for real: its environment, its socket, its hub and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from lumina_sdk.errors import InvalidEnvironment
from lumina_sdk.runtime.environment import Environment
from lumina_sdk.testing import FakeHub

CODE = """\
import sys
from collections.abc import AsyncIterator
from pydantic import BaseModel
from lumina_sdk.app import Caller, Module
from lumina_sdk.contract import Event

class Settings(BaseModel):
    language: str = "en"

module = Module(config=Settings)

@module.lifespan
async def living() -> AsyncIterator[None]:
    module.log.info("opened", language=module.config.language)
    yield
    module.log.info("closed")

@module.endpoint("GET", "/api/v1/almanac/{day}")
async def say(day: int, caller: Caller) -> str:
    return f"{caller.principal} {day}"

@module.on("graph:add")
async def note(event: Event) -> None:
    await module.hub.storage.put("seen", event.data)
"""


@dataclass(frozen=True)
class Started:
    process: asyncio.subprocess.Process
    socket: Path
    hub: FakeHub

    def client(self) -> httpx.AsyncClient:
        token = self.hub.token("user:ada", ["chat"])
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(self.socket)),
            base_url="http://module",
            headers={"X-Lumina-Authorization": f"Bearer {token}"},
        )

    async def end(self) -> list[dict[str, object]]:
        """Stop the process as the hub does, and return what it logged."""
        self.process.send_signal(signal.SIGTERM)
        _, error = await self.process.communicate()
        return [json.loads(line) for line in error.decode().splitlines()]


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncGenerator[FakeHub]:
    """A fake hub that listens on a Unix socket."""
    fake = FakeHub()
    config = uvicorn.Config(fake.app, uds=str(tmp_path / "hub.sock"), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield fake
    server.should_exit = True
    await serving


@pytest.fixture
async def started(tmp_path: Path, hub: FakeHub) -> AsyncGenerator[Started]:
    (tmp_path / "almanac_app.py").write_text(CODE)
    (tmp_path / "token").write_text(hub.token("module:almanac", ["read:events"]))
    (tmp_path / "config.json").write_text('{"language": "cy"}')
    socket = tmp_path / "module.sock"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lumina_sdk.serve",
        cwd=tmp_path,
        env=variables(tmp_path) | {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    module = Started(process, socket, hub)
    try:
        async with asyncio.timeout(60), module.client() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get("/_lumina/ready")).is_success:
                        break
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield module
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def variables(folder: Path) -> dict[str, str]:
    return {
        "LUMINA_MODULE": "almanac",
        "LUMINA_ENTRYPOINT": "almanac_app:module",
        "LUMINA_SOCKET": str(folder / "module.sock"),
        "LUMINA_HUB": str(folder / "hub.sock"),
        "LUMINA_TOKEN_FILE": str(folder / "token"),
        "LUMINA_CONFIG_FILE": str(folder / "config.json"),
    }


async def test_a_module_serves_reads_its_events_and_ends_in_order(started: Started) -> None:
    async with started.client() as client:
        assert (await client.get("/api/v1/almanac/3")).json() == "user:ada 3"

    async with asyncio.timeout(30):
        while not started.hub.events.followers("graph:add"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        started.hub.events.publish("graph:add", {"source": "Q1"})
        while not started.hub.storage.keys("module:almanac", "seen"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    logged = await started.end()
    assert started.process.returncode == 0
    assert [line["event"] for line in logged] == ["module_starting", "opened", "closed"]
    assert logged[1]["language"] == "cy"
    assert started.hub.storage.value("module:almanac", "seen").value == {"source": "Q1"}


@pytest.mark.parametrize(
    ("code", "config", "says"),
    [
        ("module = 1", "{}", "is no Module"),
        ("1 / 0", "{}", "ZeroDivisionError"),
        (CODE, '{"language": []}', "settings do not fit"),
        (CODE, "{", "cannot be read"),
        (CODE, "[]", "are no object"),
    ],
)
async def test_a_module_that_cannot_start_says_why_and_ends(tmp_path: Path, code: str, config: str, says: str) -> None:
    (tmp_path / "almanac_app.py").write_text(code)
    (tmp_path / "config.json").write_text(config)

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lumina_sdk.serve",
        cwd=tmp_path,
        env=variables(tmp_path) | {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await process.communicate()

    (line,) = [json.loads(line) for line in error.decode().splitlines()]
    assert process.returncode != 0
    assert line["event"] == "module_not_started"
    assert says in str(line)


@pytest.mark.parametrize("name", sorted(variables(Path())))
def test_a_variable_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    given = variables(tmp_path)
    del given[name]
    if name == "LUMINA_CONFIG_FILE":
        assert Environment.read(given).config == {}
        return

    with pytest.raises(InvalidEnvironment, match=name):
        Environment.read(given)

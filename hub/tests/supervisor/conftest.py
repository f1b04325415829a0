"""Modules as real processes: one that behaves, and one that does not."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from lumina_hub.gateway.http_upstream import HttpUpstream
from lumina_hub.gateway.upstream import Timeouts, UpstreamRequest
from lumina_hub.supervisor.landlock import ABI_SIGNALS, landlock_abi
from lumina_hub.supervisor.metrics import SupervisorMetrics
from lumina_hub.supervisor.module_spec import ModuleSpec, paths_of
from lumina_hub.supervisor.process import ProcessState, ProcessStatus
from lumina_hub.supervisor.restarts import Pace
from lumina_hub.supervisor.supervisor import Supervisor
from lumina_sdk.contract import ScopeSet

BOUND_S = 120.0
PACE = Pace(
    ready_s=60.0,
    stop_s=10.0,
    health_every_s=0.2,
    health_timeout_s=5.0,
    sample_every_s=0.2,
    first_backoff_s=0.01,
    last_backoff_s=0.05,
    crashes=3,
)

MODULE = Path(__file__).with_name("hostile.py")

needs_landlock = pytest.mark.skipif(
    landlock_abi() < ABI_SIGNALS,
    reason=f"this kernel has Landlock {landlock_abi()}; what is tested needs {ABI_SIGNALS}",
)


@dataclass(frozen=True)
class Token:
    text: str
    lifetime_s: float


class Tokens:
    """Hands out numbered tokens."""

    def __init__(self, lifetime_s: float = 600.0) -> None:
        self.lifetime_s = lifetime_s
        self.made: list[tuple[str, ScopeSet]] = []

    def for_module(self, slug: str, scopes: ScopeSet) -> Token:
        self.made.append((slug, scopes))
        return Token(f"{slug}-{len(self.made)}", self.lifetime_s)


class Modules:
    """A supervisor on a home, and callers of what it runs."""

    def __init__(self, home: Path, folder: Path, registry: CollectorRegistry, pace: Pace = PACE, **more: Any) -> None:
        self.home = home
        self.folder = folder
        self.registry = registry
        self.tokens = Tokens()
        self.changes: list[ProcessStatus] = []
        self._changed = asyncio.Event()
        self.supervisor = Supervisor(
            home,
            hub_socket=home / "run" / "hub.sock",
            tokens=self.tokens,
            metrics=SupervisorMetrics(registry),
            on_change=self._note,
            pace=pace,
            **more,
        )

    def spec(self, slug: str = "almanac", **more: Any) -> ModuleSpec:
        script = self.folder / "hostile.py"
        script.write_bytes(MODULE.read_bytes())
        return ModuleSpec(
            slug,
            command=(sys.executable, "-P", str(script)),
            entrypoint="hostile:module",
            readable=(*paths_of(Path(sys.executable)), self.folder),
            **more,
        )

    async def ask(self, path: str, slug: str = "almanac", body: bytes = b"") -> Any:
        """What the module answers to one call, as JSON."""
        upstream = HttpUpstream(slug, self.supervisor.socket(slug))
        request = UpstreamRequest(
            "POST", path.encode(), [(b"host", b"localhost")], body, len(body), Timeouts(BOUND_S, BOUND_S)
        )
        response = await upstream.send(request)
        try:
            whole, more = b"", True
            while more:
                piece, more = await response.read()
                whole += piece
        finally:
            response.close()
            await upstream.close()
        return json.loads(whole)

    async def until(self, condition: Callable[[ProcessStatus], bool], slug: str = "almanac") -> ProcessStatus:
        """Wait for a state, past ones included since the last call."""
        async with asyncio.timeout(BOUND_S):
            while True:
                while self.changes:
                    status = self.changes.pop(0)
                    if status.slug == slug and condition(status):
                        return status
                self._changed.clear()
                await self._changed.wait()

    async def until_state(self, state: ProcessState, slug: str = "almanac") -> ProcessStatus:
        return await self.until(lambda status: status.state is state, slug)

    async def eventually(self, condition: Callable[[], bool]) -> None:
        """Wait for what tells nobody when it happens."""
        async with asyncio.timeout(BOUND_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def lines(self, slug: str = "almanac") -> list[dict[str, Any]]:
        path = self.supervisor.logs_dir / f"{slug}.log"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def _note(self, status: ProcessStatus) -> None:
        self.changes.append(status)
        self._changed.set()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a name short enough for sockets, and not below what a module may read."""
    with tempfile.TemporaryDirectory(prefix="lumina-") as folder:
        yield Path(folder)


@pytest.fixture
async def modules(short_folder: Path) -> AsyncIterator[Modules]:
    home, folder = short_folder / "home", short_folder / "package"
    home.mkdir(mode=0o700)
    folder.mkdir()
    (home / "owner.token").write_text("lum_secret")
    made = Modules(home, folder, CollectorRegistry())
    yield made
    await made.supervisor.close()

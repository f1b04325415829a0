"""The parts of the registry, joined."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lumina_core.drivers.redis_client import RedisClient
from lumina_hub.auth.jwt.issuer import TokenIssuer
from lumina_hub.auth.jwt.revocations import Revocations
from lumina_hub.auth.opening import Auth
from lumina_hub.auth.principal import module_id
from lumina_hub.background import running
from lumina_hub.metrics.registry import Metrics
from lumina_hub.registry.changes import ModuleChanges
from lumina_hub.registry.installing import Installer
from lumina_hub.registry.known import Shelf
from lumina_hub.registry.progress import Works
from lumina_hub.registry.records import RecordStore
from lumina_hub.registry.running import Runner, Switchboard
from lumina_hub.registry.service import Registry
from lumina_hub.settings import Settings
from lumina_hub.supervisor.supervisor import Supervisor
from lumina_sdk.contract.names import CORE_DEPENDENCIES

__all__ = ["ModuleParts", "open_registry"]

_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class ModuleParts:
    """What the routes and the server use."""

    registry: Registry
    changes: ModuleChanges
    works: Works
    logs_dir: Path
    socket: Path
    """Where the hub is to listen for modules before they are started."""


class _Tokens:
    def __init__(self, issuer: TokenIssuer, revocations: Revocations) -> None:
        self._issuer = issuer
        self._revocations = revocations

    async def end(self, slug: str) -> None:
        await self._revocations.revoke_all(module_id(slug))
        self._issuer.forget()


@asynccontextmanager
async def open_registry(
    settings: Settings,
    redis: RedisClient,
    auth: Auth,
    metrics: Metrics,
    switchboard: Switchboard,
) -> AsyncIterator[ModuleParts]:
    """Know modules while the block runs; they run once `registry.start` was called, until it ends.

    Args:
        settings: Where the home is, and the folder of modules.
        redis: Holds what was decided.
        auth: Issues and ends modules' tokens, and takes note of decisions.
        metrics: What to measure in.
        switchboard: Is told where modules answer.
    """
    state = settings.home / "modules"
    socket = _socket_in(settings.home)
    supervisor = Supervisor(settings.home, hub_socket=socket, tokens=auth.issuer, metrics=metrics.supervisor)
    runner = Runner(supervisor, switchboard)
    shelf = Shelf(settings.modules_dir, state, {name: version(name) for name in CORE_DEPENDENCIES})
    tokens = _Tokens(auth.issuer, auth.revocations)
    registry = Registry(shelf, RecordStore(redis), runner, auth.audit, tokens)
    changes = ModuleChanges(registry, Installer(state))
    works = Works()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.close)
        stack.push_async_callback(supervisor.close)
        stack.push_async_callback(works.close)
        await registry.open()
        await changes.sweep()
        await stack.enter_async_context(running([runner.watch()]))
        yield ModuleParts(registry, changes, works, supervisor.logs_dir, socket)


def _socket_in(home: Path) -> Path:
    """A path for a Unix socket; elsewhere where the home's is too long for one."""
    socket = home / "run" / "hub.sock"
    if len(os.fsencode(socket)) > _LONGEST_SOCKET_PATH:
        return Path(tempfile.mkdtemp(prefix="lumina-")) / "hub.sock"
    socket.parent.mkdir(mode=0o700, exist_ok=True)
    return socket

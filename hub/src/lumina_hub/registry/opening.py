"""The parts of the registry, joined."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
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


@dataclass(frozen=True, slots=True)
class ModuleParts:
    """What the routes and the server use."""

    registry: Registry
    changes: ModuleChanges
    works: Works
    logs_dir: Path


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
    *,
    reserved: Iterable[str],
    on_change: Callable[[], None],
) -> AsyncIterator[ModuleParts]:
    """Know modules while the block runs; they run once `registry.start` was called, until it ends.

    Args:
        settings: Where the home is, and the folder of modules.
        redis: Holds what was decided.
        auth: Issues and ends modules' tokens, and takes note of decisions.
        metrics: What to measure in.
        switchboard: The gateway.
        reserved: Path templates no module may have.
        on_change: Called when the modules' endpoints have changed.
    """
    state = settings.home / "modules"
    supervisor = Supervisor(
        settings.home, hub_socket=settings.module_socket, tokens=auth.issuer, metrics=metrics.supervisor
    )
    runner = Runner(supervisor, switchboard, reserved=reserved, on_change=on_change)
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
        yield ModuleParts(registry, changes, works, supervisor.logs_dir)

"""Modules to find, install and run."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import JsonValue

from lumina_core.drivers.redis_client import RedisClient, connect_redis
from lumina_core.drivers.redis_server import RedisServer
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.principal import Principal, PrincipalKind
from lumina_hub.gateway.table import RouteTable
from lumina_hub.registry.changes import ModuleChanges
from lumina_hub.registry.installing import Installer
from lumina_hub.registry.known import Shelf
from lumina_hub.registry.records import RecordStore
from lumina_hub.registry.running import Runner
from lumina_hub.registry.service import Registry
from lumina_hub.supervisor.module_spec import ModuleSpec
from lumina_hub.supervisor.process import ProcessState, ProcessStatus
from lumina_sdk.contract import ScopeSet

WriteModule = Callable[..., Path]

APP = """
from lumina_sdk.app import Module

module = Module()


@module.endpoint("GET", "/api/v1/{slug}")
async def tell() -> dict[str, str]:
    return {{"version": "{version}"}}
"""


def manifest_of(slug: str, version: str = "0.1.0", **more: Any) -> dict[str, Any]:
    return {
        "name": slug,
        "version": version,
        "description": f"The module {slug}.",
        "api_version": "1.0",
        "endpoints": [
            {
                "path": f"/api/v1/{slug}",
                "method": "GET",
                "description": "Tell the version.",
                "scopes": [f"read:{slug}"],
            }
        ],
        "scopes": [{"name": f"read:{slug}", "description": "Read it."}],
        "entrypoint": f"lumina_{slug.replace('-', '_')}.app:module",
        **more,
    }


def write_module(folder: Path, slug: str, version: str = "0.1.0", *, code: str | None = None, **more: Any) -> Path:
    """A module's folder, as a developer would have it."""
    package = f"lumina_{slug.replace('-', '_')}"
    module = folder / slug
    source = module / "src" / package
    source.mkdir(parents=True, exist_ok=True)
    (module / "manifest.yml").write_text(yaml.safe_dump(manifest_of(slug, version, **more), sort_keys=False))
    (module / "pyproject.toml").write_text(
        textwrap.dedent(f"""\
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"

        [project]
        name = "lumina-{slug}"
        version = "{version}"
        dependencies = ["lumina-sdk[module]"]

        [project.entry-points."lumina.modules"]
        {slug} = "{package}.app:module"

        [tool.hatch.build.targets.wheel]
        packages = ["src/{package}"]

        [tool.hatch.build.targets.wheel.force-include]
        "manifest.yml" = "{package}/manifest.yml"
        """)
    )
    (source / "__init__.py").write_text("")
    (source / "py.typed").write_text("")
    (source / "app.py").write_text(code if code is not None else APP.format(slug=slug, version=version))
    return module


@pytest.fixture
def module(tmp_path: Path) -> WriteModule:
    """Write a module's folder below the test's own; its name and more of its manifest are the test's to say."""

    def write(slug: str, version: str = "0.1.0", *, into: Path | None = None, **more: Any) -> Path:
        return write_module(into or tmp_path / "sources", slug, version, **more)

    return write


class FakeSupervisor:
    """Starts nothing, and says of each module what the test wants: `unwell[slug, version]` is why it is not ready."""

    def __init__(self) -> None:
        self.specs: dict[str, ModuleSpec] = {}
        self.started: list[str] = []
        self.unwell: dict[tuple[str, str], str] = {}

    async def start(self, spec: ModuleSpec) -> ProcessStatus:
        self.specs[spec.slug] = spec
        self.started.append(spec.slug)
        return self.status(spec.slug)

    async def stop(self, slug: str) -> None:
        self.specs.pop(slug, None)

    def status(self, slug: str) -> ProcessStatus:
        if slug not in self.specs:
            return ProcessStatus(slug, ProcessState.STOPPED)
        reason = self.unwell.get((slug, version_in(self.specs[slug])), "")
        return ProcessStatus(slug, ProcessState.WAITING if reason else ProcessState.READY, reason)

    def socket(self, slug: str) -> Path:
        return Path(f"/nowhere/{slug}.sock")


def version_in(spec: ModuleSpec) -> str:
    assert spec.manifest is not None
    return str(yaml.safe_load(spec.manifest.read_text())["version"])


class FakeSwitchboard:
    """Keeps the table it was given last."""

    reserved = ("/api/v1/search",)

    def __init__(self) -> None:
        self.table = RouteTable()

    def replace(self, table: RouteTable) -> None:
        self.table = table

    def note_descriptions(self) -> None:
        pass

    @property
    def paths(self) -> list[str]:
        return [route.endpoint.path for route in self.table.routes]


class FakeAudit:
    def __init__(self) -> None:
        self.events: list[str] = []

    async def record(
        self, event: AuditEvent, *, by: str, about: str | None = None, allowed: bool = True, **details: JsonValue
    ) -> None:
        self.events.append(f"{event.value} {about} by {by}")


class FakeTokens:
    def __init__(self) -> None:
        self.ended: list[str] = []

    async def end(self, slug: str) -> None:
        self.ended.append(slug)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with asyncio.Runner() as runner:
        server = runner.run(RedisServer.start(tmp_path_factory.mktemp("redis")))
        yield server.url
        runner.run(server.stop())


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = connect_redis(redis_url)
    await client.flushall()
    yield client
    await client.aclose()


OWNER = Principal("owner", ScopeSet(["admin:hub"]), PrincipalKind.OWNER)
ADMIN = Principal("user:ann", ScopeSet(["admin:modules", "read:graph"]), PrincipalKind.USER)
MODULE = Principal("module:sly", ScopeSet(["admin:hub"]), PrincipalKind.MODULE)


class Desk:
    """A registry over real Redis and real folders, with a supervisor that starts nothing."""

    def __init__(self, home: Path, redis: RedisClient) -> None:
        self.folders = home / "modules"
        self.folders.mkdir(parents=True, exist_ok=True)
        self.supervisor = FakeSupervisor()
        self.switchboard = FakeSwitchboard()
        self.audit = FakeAudit()
        self.tokens = FakeTokens()
        self.runner = Runner(self.supervisor, self.switchboard)
        core = {"lumina-core": "0.1.0", "lumina-hub": "0.1.0", "lumina-sdk": "0.1.0"}
        self.registry = Registry(
            Shelf(self.folders, self.folders, core),
            RecordStore(redis),
            self.runner,
            self.audit,
            self.tokens,
            clock=lambda: 1.0,
        )
        self.installer = Installer(self.folders)
        self.changes = ModuleChanges(self.registry, self.installer)

    async def opens(self) -> Desk:
        await self.registry.open()
        await self.registry.start()
        return self

    async def state(self, slug: str) -> tuple[str, str]:
        detail = await self.registry.detail(slug)
        return detail.state.value, detail.reason


@pytest.fixture
def principals() -> dict[str, Principal]:
    return {"owner": OWNER, "admin": ADMIN, "module": MODULE}


@pytest.fixture
def another_desk(tmp_path: Path, redis: RedisClient) -> Desk:
    """The same home after a restart; `opens` it."""
    return Desk(tmp_path, redis)


@pytest.fixture
async def desk(tmp_path: Path, redis: RedisClient) -> Desk:
    return await Desk(tmp_path, redis).opens()

"""Modules: listed, installed, switched on and off, allowed things and told things."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.responses import JSONResponse, StreamingResponse

from lumina_hub.auth.access import PUBLIC, GuardedRoute, requires
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import module_registry
from lumina_hub.registry.opening import ModuleParts
from lumina_hub.registry.pip import Report
from lumina_hub.supervisor.logs import read_log
from lumina_sdk.contract import (
    EnableModule,
    GrantModule,
    InstallModule,
    ModuleConfig,
    ModuleDetail,
    ModuleLogs,
    Modules,
    PutModuleConfig,
    RestartModule,
    Scope,
    UpgradeModule,
)
from lumina_sdk.contract.manifest import manifest_schema

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["modules"])
ModulesRead = Annotated[Principal, requires(Scope.READ_MODULES)]
ModulesAdmin = Annotated[Principal, requires(Scope.ADMIN_MODULES)]
Parts = Annotated[ModuleParts, Depends(module_registry)]
Accept = Annotated[str, Header()]

_EVENTS = "text/event-stream"
_STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def _answers(status: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {
            "model": ModuleDetail,
            "content": {_EVENTS: {"schema": {"type": "string"}, "example": 'event: progress\ndata: {"line":"…"}\n\n'}},
            "description": "The module, as JSON or as the events `progress`, `done` or `error`.",
        }
    }


@router.get("/api/v1/schemas/manifest.json", dependencies=[PUBLIC])
async def read_manifest_schema() -> dict[str, Any]:
    """The JSON Schema of a module's manifest, for editors."""
    return manifest_schema()


@router.get("/api/v1/modules")
async def list_modules(principal: ModulesRead, parts: Parts) -> Modules:
    """List the modules there are, with their states, by name."""
    return await parts.registry.modules()


@router.post("/api/v1/modules", status_code=201, responses=_answers(201), response_model=None)
async def install_module(
    body: InstallModule, principal: ModulesAdmin, parts: Parts, request: Request, accept: Accept = "*/*"
) -> Response:
    """Install a module from a folder, a wheel or a package, into an environment of its own; or register one that runs
    elsewhere by the URL of its manifest. A folder is built, and building runs its code. No module may call this.

    With `Accept: text/event-stream` what happens is told as it happens.
    """

    async def work(report: Report) -> ModuleDetail:
        return await parts.changes.install(body.source, in_place=body.in_place, by=principal, report=report)

    return await _answered(parts, work, request, accept, 201)


@router.get("/api/v1/modules/{name}")
async def read_module(name: str, principal: ModulesRead, parts: Parts) -> ModuleDetail:
    """A module, whole: its manifest, what it may do, how it is."""
    return await parts.registry.detail(name)


@router.delete("/api/v1/modules/{name}", status_code=204)
async def remove_module(
    name: str,
    principal: ModulesAdmin,
    parts: Parts,
    data: Annotated[bool, Query(description="Remove what the module has kept too.")] = False,
) -> None:
    """Remove a module that was installed or registered. No module may call this."""
    await parts.changes.remove(name, with_data=data, by=principal)


@router.post("/api/v1/modules/{name}/enable")
async def enable_module(name: str, body: EnableModule, principal: ModulesAdmin, parts: Parts) -> ModuleDetail:
    """Switch a module on; its endpoints are there when this returns. Whoever grants must hold what is granted."""
    return await parts.registry.enable(name, grant_all=body.grant_all, by=principal)


@router.post("/api/v1/modules/{name}/disable")
async def disable_module(name: str, principal: ModulesAdmin, parts: Parts) -> ModuleDetail:
    """Switch a module off."""
    return await parts.registry.disable(name, by=principal)


@router.post("/api/v1/modules/{name}/restart")
async def restart_module(name: str, body: RestartModule, principal: ModulesAdmin, parts: Parts) -> ModuleDetail:
    """Start a module anew, from what is there now."""
    return await parts.registry.restart(name, grant_all=body.grant_all, by=principal)


@router.post("/api/v1/modules/{name}/upgrade", responses=_answers(200), response_model=None)
async def upgrade_module(
    name: str, body: UpgradeModule, principal: ModulesAdmin, parts: Parts, request: Request, accept: Accept = "*/*"
) -> Response:
    """Go over to another version. One that asks for more than was decided on waits until it is granted; where one does
    not become ready, the former version runs again.

    With `Accept: text/event-stream` what happens is told as it happens.
    """

    async def work(report: Report) -> ModuleDetail:
        return await parts.changes.upgrade(name, body.source, grant_all=body.grant_all, by=principal, report=report)

    return await _answered(parts, work, request, accept, 200)


@router.put("/api/v1/modules/{name}/grant")
async def grant_module(name: str, body: GrantModule, principal: ModulesAdmin, parts: Parts) -> ModuleDetail:
    """Decide on what a module may do: these scopes, and nothing else. Whoever grants must hold what is granted."""
    return await parts.changes.grant(name, body.scopes, body.version, by=principal)


@router.get("/api/v1/modules/{name}/config")
async def read_config(name: str, principal: ModulesAdmin, parts: Parts) -> ModuleConfig:
    """A module's settings, without secrets, and the schema they follow."""
    return await parts.registry.config(name)


@router.put("/api/v1/modules/{name}/config")
async def put_config(name: str, body: PutModuleConfig, principal: ModulesAdmin, parts: Parts) -> ModuleConfig:
    """Give a module other settings; all of them. It is started anew with them."""
    return await parts.registry.put_config(name, body.values, by=principal)


@router.get("/api/v1/modules/{name}/logs")
async def read_logs(
    name: str,
    principal: ModulesAdmin,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=10_000, description="How many lines, counted from the end.")] = 100,
) -> ModuleLogs:
    """What a module said last, oldest first."""
    await parts.registry.find(name)
    return ModuleLogs(name=name, lines=await asyncio.to_thread(read_log, parts.logs_dir, name, limit=limit))


async def _answered(
    parts: ModuleParts,
    work: Callable[[Report], Awaitable[ModuleDetail]],
    request: Request,
    accept: str,
    status: int,
) -> Response:
    if _EVENTS in accept:
        events = parts.works.told(work, request.scope.get("lumina.request_id"))
        return StreamingResponse(events, status_code=status, media_type=_EVENTS, headers=_STREAM_HEADERS)
    detail = await parts.works.done(work)
    return JSONResponse(detail.model_dump(mode="json"), status_code=status)

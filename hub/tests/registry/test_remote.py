"""Modules that run elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from lumina_core.errors import Conflict, InvalidInput
from lumina_hub.errors import DidNotStart


class Elsewhere:
    """A server on loopback that answers what the test says."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, str] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        body = self.answers.get(head.split()[1])
        status, text = ("200 OK", body) if body is not None else ("404 Not Found", "")
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode("ascii")
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def publish(self, version: str = "0.1.0", **more: Any) -> str:
        """Put a manifest there, and give its URL."""
        manifest = {
            "name": "almanac",
            "version": version,
            "description": "Days.",
            "api_version": "1.0",
            "endpoints": [
                {"path": "/api/v1/almanac", "method": "GET", "description": "Tell.", "scopes": ["read:almanac"]}
            ],
            "scopes": [{"name": "read:almanac", "description": "Read days."}],
            "url": self.url,
            **more,
        }
        self.answers["/manifest.yml"] = yaml.safe_dump({key: it for key, it in manifest.items() if it is not None})
        return f"{self.url}/manifest.yml"


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    there = Elsewhere()
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    there.answers["/_lumina/health"] = "{}"
    there.answers["/_lumina/openapi"] = json.dumps({"paths": {"/api/v1/almanac": {"get": {"summary": "Days"}}}})
    yield there
    server.close()
    await server.wait_closed()


@pytest.fixture
def owner(principals):
    return principals["owner"]


async def test_a_module_that_runs_elsewhere_is_registered_by_its_manifests_url(desk, elsewhere, owner):
    await desk.changes.install(elsewhere.publish(), in_place=False, by=owner, report=print)
    detail = await desk.registry.enable("almanac", grant_all=False, by=owner)

    assert (detail.state, detail.origin, detail.location) == ("active", "url", elsewhere.url)
    assert desk.switchboard.table.modules[0].address == elsewhere.url
    assert desk.runner.descriptions["almanac"]["paths"]["/api/v1/almanac"]["get"]["summary"] == "Days"
    assert desk.supervisor.started == []
    await desk.registry.stop()


async def test_one_that_is_not_well_is_not_enabled(desk, elsewhere, owner):
    await desk.changes.install(elsewhere.publish(), in_place=False, by=owner, report=print)
    del elsewhere.answers["/_lumina/health"]

    with pytest.raises(DidNotStart, match="does not say that it is well"):
        await desk.registry.enable("almanac", grant_all=False, by=owner)

    assert desk.switchboard.paths == []


async def test_its_new_version_is_taken_up_from_the_same_url(desk, elsewhere, owner):
    await desk.changes.install(elsewhere.publish(), in_place=False, by=owner, report=print)
    await desk.registry.enable("almanac", grant_all=False, by=owner)
    elsewhere.publish("0.2.0", endpoints=[])

    detail = await desk.changes.upgrade("almanac", None, grant_all=False, by=owner, report=print)

    assert (detail.version, detail.state, desk.switchboard.paths) == ("0.2.0", "active", [])
    await desk.registry.stop()


async def test_a_second_module_of_the_name_is_refused(desk, elsewhere, module, owner):
    module("almanac", into=desk.folders)
    await desk.registry.look()

    with pytest.raises(Conflict, match="there is a module 'almanac' already"):
        await desk.changes.install(elsewhere.publish(), in_place=False, by=owner, report=print)


async def test_a_manifest_without_a_url_is_not_registered(desk, elsewhere, owner):
    url = elsewhere.publish(url=None, entrypoint="lumina_almanac.app:module")

    with pytest.raises(InvalidInput, match="has no url"):
        await desk.changes.install(url, in_place=False, by=owner, report=print)

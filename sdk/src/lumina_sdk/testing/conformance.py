"""What every module must do. Let a test class of the module's inherit it:

class TestConformance(ModuleConformance):
    folder = Path(__file__).parents[1]
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lumina_sdk.check import check_module
from lumina_sdk.contract import Manifest, Problem
from lumina_sdk.serve import load_module
from lumina_sdk.testing.fake_hub import FakeHub
from lumina_sdk.testing.running import RunningModule, run_module

__all__ = ["ModuleConformance"]


class ModuleConformance:
    """`folder` is the module's folder, `config` settings it can run with."""

    folder: ClassVar[Path]
    config: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def manifest(self) -> Manifest:
        return Manifest.model_validate(yaml.safe_load((self.folder / "manifest.yml").read_text(encoding="utf-8")))

    @pytest.fixture
    async def running(self, manifest: Manifest) -> AsyncGenerator[RunningModule]:
        assert manifest.entrypoint is not None, "a module that runs elsewhere is tested there"
        module = load_module(manifest.entrypoint)
        scopes = tuple(manifest.permission_set)
        async with run_module(module, FakeHub(), name=manifest.name, scopes=scopes, config=self.config) as running:
            yield running

    def test_the_checker_finds_nothing(self) -> None:
        findings = check_module(self.folder).findings

        assert not findings, "\n".join(map(str, findings))

    async def test_it_is_ready_and_well_once_it_has_started(self, running: RunningModule) -> None:
        async with running.stranger() as client:
            assert (await client.get("/_lumina/ready")).status_code == 200
            assert (await client.get("/_lumina/health")).json()["healthy"]

    async def test_its_metrics_can_be_read(self, running: RunningModule) -> None:
        async with running.stranger() as client:
            text = (await client.get("/_lumina/metrics")).text

        assert list(text_string_to_metric_families(text))

    async def test_every_endpoint_is_described(self, running: RunningModule, manifest: Manifest) -> None:
        async with running.stranger() as client:
            paths = (await client.get("/_lumina/openapi")).json()["paths"]

        described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
        assert described == {(str(e.method), e.path) for e in manifest.endpoints if not e.websocket}

    async def test_a_call_past_the_hub_is_refused(self, running: RunningModule, manifest: Manifest) -> None:
        async with running.stranger() as client:
            for endpoint in manifest.endpoints:
                response = await client.request(endpoint.method, re.sub(r"\{\w+\}", "1", endpoint.path))

                assert response.status_code == 401, endpoint.path
                assert Problem.model_validate_json(response.content).type == "/problems/unauthenticated"

    async def test_a_body_that_is_no_json_is_the_callers_mistake(
        self, running: RunningModule, manifest: Manifest
    ) -> None:
        headers = {"Content-Type": "application/json"}
        async with running.client() as client:
            for endpoint in manifest.endpoints:
                if endpoint.method != "GET" and not endpoint.stream:
                    path = re.sub(r"\{\w+\}", "1", endpoint.path)
                    response = await client.request(endpoint.method, path, content=b"{", headers=headers)

                    assert response.status_code < 500, f"{endpoint.method} {endpoint.path}: {response.text}"

    async def test_it_can_be_started_again_after_it_was_stopped(self, manifest: Manifest) -> None:
        module = load_module(str(manifest.entrypoint))
        scopes = tuple(manifest.permission_set)
        for _ in range(2):
            starting = run_module(module, FakeHub(), name=manifest.name, scopes=scopes, config=self.config)
            async with starting as running, running.stranger() as client:
                assert (await client.get("/_lumina/ready")).status_code == 200

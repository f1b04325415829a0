"""What the command line's tests share."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner, Result

from lumina_hub.home import Home
from lumina_hub.settings import Settings

Lumina = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of whoever runs the tests reaches them, and no home but their own is touched."""
    for name in list(os.environ):
        if name.startswith("LUMINA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def lumina() -> Lumina:
    """Run the installed command in a process of its own, with no terminal."""
    executable = Path(sys.executable).with_name("lumina")

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            env={**os.environ, **environment},
            check=False,
        )

    return run


class CannedHub:
    """A hub that answers each route with what the test says, and notes what it was asked.

    A list is given out item by item, the last one again and again; a `Response` is sent as it is.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def answer(self, route: str, value: Any) -> None:
        self.answers[route] = value

    async def was_asked(self, route: str) -> None:
        await self._events[route].wait()

    def app(self, settings: Settings) -> Starlette:
        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            home = Home.open(settings.home)
            with home.lock(now=0.0):
                home.owner_token()
                yield

        every = Route("/{path:path}", self._serve, methods=["GET", "POST", "PATCH", "DELETE"])
        return Starlette(routes=[every], lifespan=lifespan)

    async def _serve(self, request: Request) -> Response:
        said = json.loads(await request.body() or b"null") or dict(request.query_params)
        self.asked.append((request.method, request.url.path, said))
        route = f"{request.method} {request.url.path}"
        self._events[route].set()
        answer = self.answers[route]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    def run(self, *arguments: str | Path, text: str | None = None) -> Result:
        """Run a command in this process, against this hub."""
        from lumina_hub.cli.commands import app

        return CliRunner().invoke(app, [*map(str, arguments), "--home", str(self.home)], input=text)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedHub]:
    canned = CannedHub(tmp_path / "home")
    monkeypatch.setattr("lumina_hub.app.create_app", canned.app)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield canned
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()

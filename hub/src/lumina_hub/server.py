"""Serving the hub over TCP: bind, open, listen, announce; and all of it backwards when told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import math
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
import uvloop

from lumina_core.errors import Conflict, InvalidInput
from lumina_hub.app import HubApp, create_app
from lumina_hub.background import running
from lumina_hub.home import Home, HubAddress
from lumina_hub.logs import configure_logs
from lumina_hub.settings import Settings
from lumina_hub.version import VERSION

__all__ = ["banner", "run", "serve"]

_log = structlog.get_logger(__name__)
_BACKLOG = 1024


def run(settings: Settings, *, announce: Callable[[str], None] = print) -> None:
    """Serve until SIGTERM or SIGINT; the whole of `lumina up`.

    Args:
        settings: Where and what.
        announce: Called once with what to tell the person who started the hub, when it listens.

    Raises:
        HomeLocked: another process holds the home.
        Conflict: another program listens on the port.
        InvalidInput: the home, the address or the certificate cannot be used.
    """
    Home.open(settings.home)
    configure_logs(settings.home / "logs", level=settings.log_level)

    def listening(url: str) -> None:
        announce(banner(settings, url))

    uvloop.run(serve(settings, listening=listening))


async def serve(settings: Settings, *, listening: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `listening` with the URL once requests are taken."""
    home = Home.open(settings.home)
    with _Stop() as stop:
        try:
            with _bound(settings, home) as listener:
                url = _url(settings, listener)
                app = create_app(settings.model_copy(update={"public_url": settings.public_url or url}))
                config = _config(settings, app)
                async with app.router.lifespan_context(app):

                    def announce() -> None:
                        gc.freeze()  # a collection would stop everything for as long as it looks through all this
                        gc.enable()
                        home.write_address(HubAddress(pid=os.getpid(), url=url, since=time.time()))
                        _log.info("listening", url=url, version=VERSION)
                        listening(url)

                    server = _Server(config, announce, stopping=app.state.runtime.arrivals.release)
                    stop.asks(server)
                    async with _modules(app, settings):
                        await server.serve(sockets=[listener])
                        _log.info("stopping")
        except asyncio.CancelledError:
            if not stop.asked:
                raise
    _log.info("stopped")


def banner(settings: Settings, url: str) -> str:
    """What the person who started the hub wants to know."""
    home = Home(settings.home)
    return f"""
  Lumina {VERSION} is ready at {url}

    home    {settings.home}
    token   {home.token_path}
    stop    Ctrl-C

  Try, in another terminal:
    lumina ask "What is Lumina?"
    lumina ingest ~/notes
"""


class _Server(uvicorn.Server):
    """uvicorn, telling when it listens and when it stops listening, and leaving signals to `_Stop`."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None], *, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()  # who waits for an event is answered now: the hub does not wait for them
        await super().shutdown(sockets=sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Stop:
    """The first SIGTERM or SIGINT stops in order, wherever the hub is; a second one does not wait for requests."""

    def __init__(self) -> None:
        self.asked = False
        self._server: _Server | None = None
        self._task = asyncio.current_task()

    def __enter__(self) -> _Stop:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    def asks(self, server: _Server) -> None:
        self._server = server

    def _stop(self) -> None:
        if self._server is None:
            if not self.asked and self._task is not None:
                self._task.cancel()
        elif self._server.should_exit:
            self._server.force_exit = True
        else:
            self._server.should_exit = True
        self.asked = True


@asynccontextmanager
async def _modules(app: HubApp, settings: Settings) -> AsyncIterator[None]:
    """Listen for modules on a Unix socket, in clear and for this user alone, and run them while the block does."""
    modules = app.state.runtime.modules
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        http="httptools",
        ws="websockets-sansio",
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(settings.stop_timeout_s),
    )
    listens = asyncio.Event()
    server = _Server(config, listens.set, stopping=app.state.runtime.arrivals.release)
    modules.socket.unlink(missing_ok=True)
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listener:
        listener.bind(str(modules.socket))
        modules.socket.chmod(0o600)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await listens.wait()
            async with running([modules.registry.start()]):
                yield
        finally:
            await modules.registry.stop()
            server.should_exit = True
            await serving
            modules.socket.unlink(missing_ok=True)


def _config(settings: Settings, app: object) -> uvicorn.Config:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        lifespan="off",  # opened around the server, so that its errors stay errors
        log_config=None,
        access_log=False,
        server_header=False,
        http="httptools",
        ws="websockets-sansio",
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips="*" if settings.behind_proxy else None,
        timeout_graceful_shutdown=math.ceil(settings.stop_timeout_s),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as error:
        raise InvalidInput(
            f"the certificate {settings.tls_cert} with the key {settings.tls_key} cannot be used: {error}",
            hint="Give a PEM certificate chain and the unencrypted PEM key that belongs to it.",
        ) from error
    return config


@contextmanager
def _bound(settings: Settings, home: Home) -> Iterator[socket.socket]:
    """A socket that has its address and does not listen yet."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidInput(f"cannot listen on {settings.host!r}: {error}", hint="Check --host.") from error
    with contextlib.closing(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            with home.lock(now=time.time()):
                pass  # a hub of this very home is the likelier reason, and says more
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    f"another program listens on {settings.host} port {settings.port}",
                    hint="Give another --port, or --port 0 for any free one.",
                ) from error
            raise InvalidInput(
                f"cannot listen on {settings.host} port {settings.port}: {error.strerror}",
                hint="Check --host and --port; ports under 1024 need rights a user does not have.",
            ) from error
        yield listener


def _url(settings: Settings, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - a comparison: how this machine reaches what listens everywhere
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls_cert else 'http'}://{shown}:{port}"

"""What the gateway costs, beside other proxies in front of the same module, in one run.

    python -m bench.gateway [--rounds N] [--seconds N] [--modules N] [--autogroup N] [--json FILE]

One hub process with token, scope check and metrics on, one module process (a plain uvicorn that says `{"ok": true}`).
The peers check nothing. Rounds are interleaved: what else the machine does hits everybody alike. Besides requests a
second it prints the processor time a proxy takes for one, which a busy machine changes less.

`wrk` makes the load where it is installed (Debian has it), else a small loader of ours, which is slower than what it
measures. nginx and aiohttp are measured where they are installed. configurable-http-proxy is installed with npm into
the cache folder.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
from bench.home import cache_folder
from bench.hub import favour, percentiles

TOKEN = "lum_bench"  # noqa: S105
PATH = "/api/v1/module-0/hello"
_PATIENCE_S = 60.0
_BODY = b'{"ok": true}'


def serve(app: Any, **where: Any) -> None:
    """As the hub serves: uvloop, httptools, no access log."""
    import uvicorn

    uvicorn.run(app, access_log=False, log_level="warning", lifespan="off", server_header=False, ws="none", **where)


async def module(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"].endswith("/large"):
        await _large(receive, send)
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY})


async def _large(receive: Any, send: Any) -> None:
    """Sends back what it gets, piece by piece."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


def hub(port: int, sockets: list[str]) -> None:
    """A hub whose gateway is open, with one table for as many modules as there are sockets."""
    from lumina_hub.app import create_app
    from lumina_hub.auth.access import Guard
    from lumina_hub.auth.authenticator import Authenticator
    from lumina_hub.auth.owner import OwnerTokenStore
    from lumina_hub.gateway.table import ModuleRoutes, RouteTable
    from lumina_hub.settings_sources import load_settings
    from lumina_sdk.contract.manifest import Endpoint

    guard = Guard(Authenticator([OwnerTokenStore(TOKEN)]))

    class Issued:
        text = "x" * 420  # as long as a signed token, which is handed out again in 1.5 µs: see bench/access.py

    class Issuer:
        def on_behalf(self, principal: Any, slug: str, scopes: Any) -> Issued:
            return Issued()

    def endpoint(path: str, method: str = "GET") -> Endpoint:
        more = {"description": "Says hello.", "scopes": ["read:graph"], "body_limit_bytes": 1 << 31, "stream": True}
        return Endpoint.model_validate({"path": path, "method": method} | more)

    table = RouteTable(
        ModuleRoutes(
            f"module-{number}",
            Path(path),
            (
                endpoint(f"/api/v1/module-{number}/hello"),
                endpoint(f"/api/v1/module-{number}/items/{{item_id}}"),
                endpoint(f"/api/v1/module-{number}/large", "POST"),
            ),
        )
        for number, path in enumerate(sockets)
    )
    app = create_app(load_settings({"home": Path(tempfile.gettempdir()) / "lumina-bench-home"}, {}))
    app.gateway.open(guard, Issuer())  # type: ignore[arg-type]

    async def begun(scope: Any, receive: Any, send: Any) -> None:
        if app.gateway.table is not table:
            app.gateway.replace(table)
        await app(scope, receive, send)

    serve(begun, port=port)


def httpx_proxy(port: int, target: int) -> None:
    """What one writes first."""
    import httpx

    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{target}", trust_env=False)

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name not in (b"authorization", b"host")]
        request = client.build_request(scope["method"], scope["path"], headers=headers)
        response = await client.send(request, stream=True)
        kept = [field for field in response.headers.raw if field[0].lower() not in (b"date", b"server")]
        await send({"type": "http.response.start", "status": response.status_code, "headers": kept})
        async for piece in response.aiter_raw():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    serve(proxy, port=port)


def aiohttp_proxy(port: int, target: int) -> None:
    """The same with aiohttp's client, which is what our own connection replaces."""
    import aiohttp

    session: list[aiohttp.ClientSession] = []

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        if not session:
            connector = aiohttp.TCPConnector(limit=0)
            session.append(aiohttp.ClientSession(connector=connector, auto_decompress=False))
        headers = [
            (name.decode(), value.decode())
            for name, value in scope["headers"]
            if name not in (b"authorization", b"host", b"connection")
        ]
        url = f"http://127.0.0.1:{target}{scope['path']}"
        async with session[0].request(scope["method"], url, headers=headers, allow_redirects=False) as response:
            kept = [field for field in response.raw_headers if field[0].lower() not in (b"date", b"server")]
            await send({"type": "http.response.start", "status": response.status, "headers": kept})
            async for piece in response.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    serve(proxy, port=port)


NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream module {{ server 127.0.0.1:{target}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://module;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "";
        }}
    }}
}}
"""


class Proxy:
    """One program under test."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        self.name = name
        self.port = port
        self._process = psutil.Process(process.pid)
        self.rates: list[float] = []
        self.cpu_us: list[float] = []
        self.p50_ms: list[float] = []

    def cpu_s(self) -> float:
        total = 0.0
        for process in (self._process, *self._process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def rss(self) -> int:
        return int(self._process.memory_info().rss)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def started(name: str, command: list[str], port: int, autogroup: int | None) -> Iterator[Proxy]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    if autogroup is not None:
        favour(process.pid, autogroup)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} did not start")
            time.sleep(0.05)
        yield Proxy(name, process, port)
    finally:
        process.terminate()
        process.wait(20)


def ours(role: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", "bench.gateway", "--role", role, *map(str, arguments)]


def start_all(stack: ExitStack, folder: Path, modules: int, autogroup: int | None) -> list[Proxy]:
    sock, target = folder / "module.sock", free_port()
    stack.enter_context(started("module on TCP", ours("module", target), target, autogroup))
    listening = subprocess.Popen(ours("module-unix", sock), start_new_session=True)
    if autogroup is not None:
        favour(listening.pid, autogroup)
        favour(os.getpid(), autogroup)
    stack.callback(listening.wait, 20)
    stack.callback(listening.terminate)
    found = []

    def add(name: str, command: list[str], port: int) -> None:
        found.append(stack.enter_context(started(name, command, port, autogroup)))

    for name, count in (("lumina", 1), (f"lumina, {modules} modules", modules)):
        port = free_port()
        add(name, ours("hub", port, *[sock] * count), port)
    for role in ("aiohttp", "httpx"):
        if importlib.util.find_spec(role) is None:
            print(f"{role} is not installed; it is left out")
            continue
        port = free_port()
        add(f"{role} proxy", ours(role, port, target), port)
    if (chp := install_chp()) is not None:
        port, api = free_port(), free_port()
        words = [
            "--ip",
            "127.0.0.1",
            "--port",
            port,
            "--api-ip",
            "127.0.0.1",
            "--api-port",
            api,
            "--log-level",
            "error",
        ]
        add("configurable-http-proxy", [*chp, *map(str, words), "--default-target", f"http://127.0.0.1:{target}"], port)
    if (nginx := shutil.which("nginx") or shutil.which("/usr/sbin/nginx")) is not None:
        port = free_port()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, target=target, port=port))
        add("nginx", [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], port)
    direct = Proxy("no proxy", subprocess.Popen([sys.executable, "-c", ""]), target)
    direct.cpu_s = lambda: 0.0  # type: ignore[method-assign]
    return [*found, direct]


def install_chp() -> list[str] | None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    folder = cache_folder() / "gateway"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "node_modules" / ".bin" / "configurable-http-proxy"
    if not program.exists():
        words = ["install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), "configurable-http-proxy@5"]
        subprocess.run([npm, *words], check=True)
    return [node, str(program)]


def load(port: int, connections: int, seconds: float) -> tuple[float, float, int]:
    """Requests a second, median in ms, and how many requests."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return asyncio.run(_load(port, connections, seconds))
    words = [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "--latency"]
    words += ["-H", f"Authorization: Bearer {TOKEN}", f"http://127.0.0.1:{port}{PATH}"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    median = re.search(r"50%\s+([\d.]+)(us|ms|s)", said)
    assert rate is not None, said
    assert count is not None, said
    assert median is not None, said
    return float(rate[1]), float(median[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[median[2]], int(count[1])


async def _load(port: int, connections: int, seconds: float) -> tuple[float, float, int]:
    request = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            if b"chunked" in head.lower():
                while int((await reader.readline()).strip(), 16):
                    await reader.readline()
                    await reader.readline()
                await reader.readline()
            else:
                await reader.readexactly(len(_BODY))
            took.append((time.perf_counter() - began) * 1e3)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return len(took) / seconds, percentiles(took)["p50"], len(took)


def large(proxy: Proxy, size: int) -> dict[str, Any]:
    """Send a body there and back, and watch the hub's memory meanwhile."""
    before = proxy.rss()
    most = before

    async def run() -> int:
        nonlocal most
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        head = f"POST {PATH.replace('hello', 'large')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"{head}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode())

        async def send() -> None:
            nonlocal most
            piece = b"x" * 262_144
            for number in range(size // len(piece)):
                writer.write(piece)
                await writer.drain()
                if number % 64 == 0:
                    most = max(most, proxy.rss())

        sending = asyncio.create_task(send())
        got = 0
        while data := await reader.read(1 << 20):
            got += len(data)
        await sending
        writer.close()
        return got

    began = time.perf_counter()
    got = asyncio.run(run())
    assert got >= size, f"{got} of {size} bytes came back"
    took_s = time.perf_counter() - began
    return {
        "sent_and_received_mib": size >> 20,
        "memory_before_mib": before >> 20,
        "memory_at_most_mib": most >> 20,
        "mib_per_s": round(size / (1 << 20) / took_s),
    }


def measure(rounds: int, seconds: float, modules: int, size: int, autogroup: int | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="lumina-") as folder, ExitStack() as stack:
        os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
        proxies = start_all(stack, Path(folder), modules, autogroup)
        for proxy in proxies:
            load(proxy.port, 8, 2)  # just-in-time compilers begin slowly
        for _ in range(rounds):
            for proxy in proxies:
                before = proxy.cpu_s()
                rate, _, count = load(proxy.port, 32, seconds)
                proxy.rates.append(rate)
                proxy.cpu_us.append((proxy.cpu_s() - before) / count * 1e6)
            for proxy in proxies:
                proxy.p50_ms.append(load(proxy.port, 1, seconds)[1])
        rows = {
            proxy.name: {
                "requests_per_s": round(max(proxy.rates)),
                "cpu_us_per_request": round(min(proxy.cpu_us), 1),
                "p50_ms_at_1": round(min(proxy.p50_ms), 3),
            }
            for proxy in proxies
        }
        return {"rows": rows, "large_body": large(proxies[0], size)}


def show(found: dict[str, Any]) -> None:
    rows = found["rows"]
    base, direct = rows["lumina"], rows["no proxy"]
    print(f"{'':28}{'requests/s':>12}{'of lumina':>11}{'cpu us':>9}{'of lumina':>11}{'p50 ms at 1':>13}{'added':>9}")
    for name, row in rows.items():
        rate, cpu = row["requests_per_s"], row["cpu_us_per_request"]
        print(
            f"{name:28}{rate:12,}{rate / base['requests_per_s']:11.2f}{cpu:9.0f}"
            f"{cpu / base['cpu_us_per_request']:11.2f}{row['p50_ms_at_1']:13.3f}"
            f"{row['p50_ms_at_1'] - direct['p50_ms_at_1']:9.3f}"
        )
    print("large body", json.dumps(found["large_body"]))


def play(role: str, arguments: list[str]) -> None:
    """What the processes of a run do."""
    if role == "module":
        serve(module, port=int(arguments[0]))
    elif role == "module-unix":
        serve(module, uds=arguments[0])
    elif role == "hub":
        hub(int(arguments[0]), arguments[1:])
    elif role == "httpx":
        httpx_proxy(int(arguments[0]), int(arguments[1]))
    else:
        aiohttp_proxy(int(arguments[0]), int(arguments[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--modules", type=int, default=200)
    parser.add_argument("--size", type=int, default=1 << 30, help="of the large body, in bytes")
    parser.add_argument("--autogroup", type=int, help="share of the processor among sessions, -20 to 19; needs root")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        play(arguments.role, arguments.rest)
        return
    found = {
        "load_before": os.getloadavg()[0],
        **measure(arguments.rounds, arguments.seconds, arguments.modules, arguments.size, arguments.autogroup),
        "load_after": os.getloadavg()[0],
    }
    show(found)
    print(f"load average {found['load_before']:.1f} before, {found['load_after']:.1f} after")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

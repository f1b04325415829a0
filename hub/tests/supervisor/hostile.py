"""A module that tries what it may not, and tells what came of it. Run by a plain uvicorn, with nothing of ours."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

MODE = json.load(open(os.environ["LUMINA_CONFIG_FILE"])).get("mode", "")
HEALTHY = True


def attempt(what, *arguments):
    """The name of the error, or what was got."""
    try:
        return what(*arguments)
    except BaseException as error:
        return type(error).__name__


def read(path):
    with open(path, "rb") as file:
        return file.read(200).decode(errors="replace")


def write(path):
    with open(path, "w") as file:
        file.write("x")
    return "written"


def connect_unix(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    return "connected"


def connect_tcp(port):
    with socket.create_connection(("127.0.0.1", int(port)), 5):
        return "connected"


def send_datagram(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", ("127.0.0.1", int(port)))
    return "sent"


def listen_tcp():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
    return "listening"


def kill(pid):
    os.kill(int(pid), signal.SIGKILL)
    return "killed"


def trace(pid):
    return "traced" if ctypes.CDLL(None).ptrace(16, int(pid), 0, 0) == 0 else "refused"


def new_namespace():
    return "made" if ctypes.CDLL(None).unshare(0x10000000) == 0 else "refused"


def symlink(target):
    os.symlink(target, os.path.join(os.path.dirname(os.environ["LUMINA_SOCKET"]), "link"))
    return "linked"


def run(program):
    return subprocess.run(program.split(), capture_output=True, text=True, timeout=30).stdout.strip()


def eat(size):
    held = []
    for _ in range(int(size)):
        held.append(b"x" * (1 << 20))
    return len(held)


def fork_and_leave():
    """A grandchild in a session of its own, whose parent has ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writing, str(os.getpid()).encode())
            os.close(0), os.close(1), os.close(2)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reading, 20))


def fork_bomb(most):
    made = 0
    try:
        for _ in range(int(most)):
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
            made += 1
    except OSError:
        pass
    return made


def processes():
    return [name for name in os.listdir("/proc") if name.isdigit()]


def environment():
    return dict(os.environ)


def sick():
    global HEALTHY
    HEALTHY = False
    return "sick"


def flood(count):
    for number in range(int(count)):
        print("flood", number)
    return "flooded"


def say(words):
    print(words, flush=True)
    return "said"


async def answer(send, status, body):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def module(scope, receive, send):
    path = scope["path"]
    if path in ("/_lumina/ready", "/_lumina/health"):
        await answer(send, 200 if HEALTHY else 503, b"{}")
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    name = path.strip("/")
    if name == "exit":
        os._exit(int(body))
    result = attempt(globals()[name], *([body.decode()] if body else []))
    await answer(send, 200, json.dumps(result).encode())


if __name__ == "__main__":
    print("beginning", MODE, flush=True)
    if MODE == "ends":
        sys.exit(3)
    if MODE == "silent":
        time.sleep(600)
    if MODE == "stubborn":
        import threading

        threading.Thread(target=time.sleep, args=(600,)).start()
    if MODE == "garbage":
        server = socket.socket(socket.AF_UNIX)
        server.bind(os.environ["LUMINA_SOCKET"])
        server.listen()
        while True:
            client, _ = server.accept()
            client.sendall(b"\x00SSH-2.0-garbage\r\n" * 100)
            client.close()
    import uvicorn

    uvicorn.run(module, uds=os.environ["LUMINA_SOCKET"], log_level="warning", lifespan="off", access_log=False)

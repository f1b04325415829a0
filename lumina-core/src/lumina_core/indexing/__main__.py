"""The indexer process: `python -m lumina_core.indexing CURSOR`, its settings as the first line of its standard input.

It writes one line of progress at a time to its standard output, takes orders on its standard input, and ends when that
closes: whoever started it is gone then. The argument is only there to be seen in a list of processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import BinaryIO

import structlog

from lumina_core.drivers.embedder import Embedder
from lumina_core.drivers.embedders.allowance import Allowance
from lumina_core.drivers.embedders.loading import load_embedder
from lumina_core.drivers.vector_store import VectorStore
from lumina_core.drivers.vector_stores.edge import EdgeStore
from lumina_core.errors import CoreError, InvalidInput
from lumina_core.graph.catalogue import Catalogue
from lumina_core.indexing.cursor import Space
from lumina_core.indexing.encode import Encoder
from lumina_core.indexing.history import CatalogueHistory
from lumina_core.indexing.orders import Orders, Stopped, patiently
from lumina_core.indexing.pipeline import Slots
from lumina_core.indexing.progress import (
    Command,
    CommandName,
    EmbedderSpec,
    IndexProgress,
    StoreSpec,
    WorkerSettings,
    decode_line,
    encode_line,
)
from lumina_core.indexing.ranks import RankBook
from lumina_core.indexing.report import Reporter
from lumina_core.indexing.worker import Worker
from lumina_core.retrieval.encoding import ENCODING_VERSION
from lumina_core.text.chunking import CHUNKING_VERSION

__all__ = ["main"]

_LOCK_EVERY_S = 0.1


def main() -> int:
    incoming = sys.stdin.buffer
    progress_fd = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a stray print shall not break a line of progress
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    settings = decode_line(incoming.readline(), WorkerSettings)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _give_way(settings.niceness)
    return asyncio.run(_run(settings, incoming, progress_fd))


async def _run(settings: WorkerSettings, incoming: BinaryIO, progress_fd: int) -> int:
    def send(progress: IndexProgress) -> None:
        with contextlib.suppress(BrokenPipeError):  # the end of standard input says the same, and ends us
            _write_all(progress_fd, encode_line(progress))

    cores = len(os.sched_getaffinity(0))
    slots = Slots(cores)
    allowance = Allowance(cores)

    def share_cores(busy: bool) -> None:
        for held_back in (slots, allowance):
            held_back.resize(max(1, cores // 2) if busy else cores)

    orders = Orders(on_busy=share_cores)
    reporter = Reporter(send)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, orders.take, Command(CommandName.STOP))
    threading.Thread(target=_listen, args=(incoming, loop, orders), daemon=True, name="orders").start()
    with contextlib.ExitStack() as held:
        try:
            lock = await _lock(settings.cursor.with_name("indexer.lock"), orders)
            held.enter_context(lock)
            load = partial(_load_embedder, settings.embedder, allowance)
            embedder = await patiently(partial(asyncio.to_thread, load), orders=orders, reporter=reporter)
            held.callback(embedder.close)
            catalogue = Catalogue.open(settings.catalogue, settings.log_root, read_only=True)
            held.callback(catalogue.close)
            book = RankBook.open(settings.cursor.with_name("ranks.sqlite"))
            held.callback(book.close)
            store = await _connect(settings.store)
        except Stopped:
            return 0
        except CoreError as error:
            reporter.update(now=True, error=error.message, hint=error.hint)
            return 1
        info = embedder.info
        reporter.update(embedder=f"{info.name} {info.model} {info.precision}")
        worker = Worker(
            settings,
            space=Space(info.name, info.model, info.dim, CHUNKING_VERSION, ENCODING_VERSION),
            store=store,
            encoder=Encoder(embedder, book),
            history=CatalogueHistory(catalogue),
            book=book,
            orders=orders,
            slots=slots,
            reporter=reporter,
        )
        try:
            await worker.run()
        finally:
            await store.close()
    return 0


def _listen(incoming: BinaryIO, loop: asyncio.AbstractEventLoop, orders: Orders) -> None:
    """Runs in a thread of its own. What is half done when our parent is gone is done again by the next indexer."""
    for line in incoming:
        try:
            command = decode_line(line, Command)
        except InvalidInput as error:
            structlog.get_logger(__name__).warning("order_not_understood", error=error.message)
            continue
        loop.call_soon_threadsafe(orders.take, command)
    os._exit(0)


def _give_way(niceness: int) -> None:
    """Run when nobody else wants the processor.

    Where the kernel groups processes by session, niceness counts only within a session; so ours is one of its own, and
    the group as a whole gives way too.
    """
    os.nice(niceness)
    with contextlib.suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text(str(niceness))


def _load_embedder(spec: EmbedderSpec, allowance: Allowance) -> Embedder:
    options = dict(spec.options)
    if spec.driver == "onnx":
        options["allowance"] = allowance  # it gives way within a batch of the model; others, within one of ours
    if "models_dir" in options:
        options["models_dir"] = Path(options["models_dir"])
    return load_embedder(spec.driver, **options)


async def _connect(spec: StoreSpec) -> VectorStore:
    if spec.socket is not None:
        return await EdgeStore.connect(spec.socket)
    if spec.url is not None:
        from lumina_core.drivers.vector_stores.server import ServerStore  # two seconds that only this case shall pay

        return ServerStore(spec.url, api_key=spec.api_key, prefix=spec.prefix)
    raise InvalidInput("the indexer was told no vector store", hint="Give the socket of one, or the URL of a server.")


async def _lock(path: Path, orders: Orders) -> BinaryIO:
    """Wait until no other indexer works on this index: the last one may be dying still."""
    file = path.open("ab")
    while not orders.is_stopping:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await orders.wait(_LOCK_EVERY_S)
        else:
            return file
    file.close()
    raise Stopped


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # embedding threads may be inside a long call; nobody waits for what they would say

"""The optimiser: it copies a shard and optimises the copy. Its arguments: SHARD COPY SPEC PARENT_PID.

It copies the shard, says so in a line on its standard output, waits for a line on its standard input, by which time the
shard is no longer written to, copies what has changed since and says so. It is a process that does this, for a thread
would wait for the interpreter behind every search. Then it optimises the copy, and ends with 0 when the copy is better
than the shard, with 3 when there was nothing to do. Dies with its parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec
import psutil
import qdrant_edge as qe

from lumina_core.drivers.vector_store import CollectionSpec
from lumina_core.drivers.vector_stores.edge_collection import write_indexed_points
from lumina_core.drivers.vector_stores.edge_copy import copy_shard
from lumina_core.drivers.vector_stores.edge_process import die_with_parent
from lumina_core.drivers.vector_stores.edge_requests import edge_config

__all__ = ["main"]


def main(shard_path: str, copy_path: str, spec_json: str, parent: int) -> int:
    die_with_parent(parent, signal.SIGKILL)
    copy_shard(Path(shard_path), Path(copy_path))
    _say("copied")
    sys.stdin.readline()
    copy_shard(Path(shard_path), Path(copy_path))
    _say("up to date")
    _give_way()
    psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    spec = msgspec.json.decode(spec_json, type=CollectionSpec)
    shard = qe.EdgeShard.load(copy_path, edge_config(spec))
    if not shard.optimize():
        return 3
    points = shard.info().points_count
    shard.close()
    write_indexed_points(copy_path, points)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _give_way() -> None:
    """Run when nobody else wants the processor. Where the kernel groups processes by session, niceness counts only
    within one: so this one is its own, and as a group gives way too."""
    os.nice(19)
    with contextlib.suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text("19")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))

"""`python -m lumina_core.drivers.vector_stores.edge_optimise_process SHARD SPEC PARENT`: optimise a shard nobody uses.

Ends with 0 when the shard is better than before, with 3 when there was nothing to do. Dies with its parent.
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
from lumina_core.drivers.vector_stores.edge_process import die_with_parent
from lumina_core.drivers.vector_stores.edge_requests import edge_config

__all__ = ["main"]


def main(shard_path: str, spec_json: str, parent: int) -> int:
    die_with_parent(parent, signal.SIGKILL)
    _give_way()
    psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    spec = msgspec.json.decode(spec_json, type=CollectionSpec)
    shard = qe.EdgeShard.load(shard_path, edge_config(spec))
    if not shard.optimize():
        return 3
    points = shard.info().points_count
    shard.close()
    write_indexed_points(shard_path, points)
    return 0


def _give_way() -> None:
    """Run when nobody else wants the processor. Where the kernel groups processes by session, niceness counts only
    within one: so this one is its own, and as a group gives way too."""
    os.nice(19)
    with contextlib.suppress(OSError):
        os.setsid()
        Path("/proc/self/autogroup").write_text("19")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

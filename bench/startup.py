"""How soon a hub with 100,000 chunks is ready, what it takes at rest, and what a chunk takes on the disk.

    python -m bench.startup [--chunks N] [--autogroup N] [--json FILE]

Every start is a whole `lumina up`, from its first instruction to the first 200 of `/readyz`: once after another, and
once with the home's files dropped from the kernel's page cache. Memory is counted ten seconds after a start that nobody
asked anything, and again after 300 searches.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from bench.home import copy_of, home_of, load_base, questions
from bench.hub import forget_pages, hub_on, memory

from lumina_core.drivers.vector_stores.edge_copy import disk_bytes

STARTS = 5
REST_S = 10.0


def measure(home: Path, autogroup: int | None) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    warm, cold = [], []
    for number in range(STARTS):
        with hub_on(home, autogroup=autogroup) as hub:
            warm.append(round(hub.ready_s, 2))
            if number == STARTS - 1:
                time.sleep(REST_S)
                answer["memory_at_rest_mib"] = memory(hub.processes())
                for question in questions(load_base(), 300, seed=17):
                    hub.search(question)
                answer["memory_after_300_searches_mib"] = memory(hub.processes())
    for _ in range(2):
        forget_pages(home)
        with hub_on(home, autogroup=autogroup) as hub:
            cold.append(round(hub.ready_s, 2))
    answer["ready_s"] = warm
    answer["ready_from_disk_s"] = cold
    chunks = json.loads((home / "bench.json").read_text())["chunks"]
    parts = {
        "index": home / "index",
        "log": home / "graphs",
        "catalogue": home / "catalogue.sqlite",
    }
    answer["disk_bytes_per_chunk"] = {
        name: round((path.stat().st_size if path.is_file() else disk_bytes(path)) / chunks)
        for name, path in parts.items()
    }
    answer["chunks"] = chunks
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--autogroup", type=int, help="share of the processor among sessions, -20 to 19; needs root")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    made = home_of(arguments.chunks, optimised=True)
    home = copy_of(made, made.with_name("startup"))
    answer = {"load_before": os.getloadavg()[0], **measure(home, arguments.autogroup), "load_after": os.getloadavg()[0]}
    for name, value in answer.items():
        print(f"{name:32} {json.dumps(value)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()

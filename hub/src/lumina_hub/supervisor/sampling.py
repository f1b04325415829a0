"""What processes and all they have started use, in one pass over the process table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

__all__ = ["Usage", "sample"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a process with its descendants; `cpu_s` counts those that live now."""

    processes: int
    memory_bytes: int
    cpu_s: float


def sample(roots: Mapping[int, int]) -> dict[int, Usage]:
    """By process id; one that has ended is left out. Takes a few milliseconds: call it in a thread.

    `roots` says of each how many generations, itself the first, are not counted.
    """
    children: dict[int, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            children[process.ppid()].append(process)
    answer = {}
    for root, skipped in roots.items():
        with suppress(psutil.Error):
            generation = [psutil.Process(root)]
            for _ in range(skipped):
                generation = [child for process in generation for child in children.get(process.pid, ())]
            answer[root] = _usage(generation, children)
    return answer


def _usage(waiting: list[psutil.Process], children: dict[int, list[psutil.Process]]) -> Usage:
    count, memory, cpu_s = 0, 0, 0.0
    while waiting:
        process = waiting.pop()
        with suppress(psutil.Error), process.oneshot():
            memory += process.memory_info().rss
            times = process.cpu_times()
            cpu_s += times.user + times.system
            count += 1
        waiting += children.get(process.pid, ())
    return Usage(count, memory, cpu_s)

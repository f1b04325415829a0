"""Control groups, where this process may make some. They count what limits of single processes cannot: all of them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from lumina_hub.supervisor.spec import ProcessLimits

__all__ = ["make_groups", "remove_groups"]

_ROOT = Path("/sys/fs/cgroup")


def make_groups(slug: str, limits: ProcessLimits) -> tuple[Path, ...]:
    """Directories whose `cgroup.procs` takes a process in; () where none can be made."""
    name = f"lumina-{os.getpid()}-{slug}"
    made = []
    for controller, values in (
        ("pids", {"pids.max": limits.processes + 8}),  # our keeper and the namespace's first process count too
        ("memory", {"memory.max": limits.memory_bytes, "memory.limit_in_bytes": limits.memory_bytes}),
    ):
        for parent in _parents(controller):
            group = parent / name
            with suppress(OSError):
                group.mkdir(exist_ok=True)
                files = [group / file for file in values if (group / file).exists()]
                for file in files:
                    file.write_text(str(values[file.name]))
                if files:
                    made.append(group)
                elif group not in made:
                    group.rmdir()
    return tuple(dict.fromkeys(made))


def remove_groups(groups: tuple[Path, ...]) -> None:
    """Nobody must be in them."""
    for group in groups:
        with suppress(OSError):
            group.rmdir()


def _parents(controller: str) -> list[Path]:
    """Where our own group is, for version 2 and for version 1 of the interface."""
    found = []
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if not names:
                found.append(_ROOT / path.lstrip("/"))
            elif controller in names.split(","):
                found.append(_ROOT / controller / path.lstrip("/"))
    return [path for path in found if path.is_dir() and os.access(path, os.W_OK)]

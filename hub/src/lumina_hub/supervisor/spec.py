"""What the hub tells the launcher about one process. Standard library only: see `launch.py`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["LaunchSpec", "ProcessLimits", "Walls"]


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What a module's processes may use, together unless said otherwise.

    `file_bytes` is the size of one file. `open_files` holds for each process.
    """

    memory_bytes: int = 1024 * 1024 * 1024
    processes: int = 128
    open_files: int = 1024
    file_bytes: int = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Walls:
    """What stands around a process.

    Args:
        own_root: It sees only what is its own or everybody's, and no process but its own.
        landlock: The version of Landlock used; 0 for none.
        seccomp: Its system calls are filtered.
    """

    own_root: bool = False
    landlock: int = 0
    seccomp: bool = False


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """Everything the launcher needs.

    Args:
        command: What to run once the walls stand.
        environment: All of it; nothing of the hub's is handed on.
        directory: Where it starts; its data directory.
        readable: What it may read and execute, with all beneath, beside what every program needs.
        writable: What it may change, with all beneath.
        run_dir: Where it reads its token and listens; it makes sockets there and nothing else.
        reachable: Sockets of others it must see.
        network: It may use the network.
        cgroups: Directories of control groups made for it.
        notes: A file for the launcher to say which walls stand; out of the module's sight.
        root: An empty directory for the launcher, out of the module's sight.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    directory: str
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    run_dir: str
    reachable: tuple[str, ...]
    network: bool
    limits: ProcessLimits
    notes: str
    root: str
    cgroups: tuple[str, ...] = field(default=())

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> LaunchSpec:
        found = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
        return cls(**(found | lists | {"limits": ProcessLimits(**found["limits"])}))

"""The machine: Python, processor, memory, sandbox and clock."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil

from lumina_hub.cli.doctor.check import Check, fail, ok, warn
from lumina_hub.cli.output import readable_bytes
from lumina_hub.settings import Settings
from lumina_hub.supervisor.landlock import ABI_FILES, ABI_SIGNALS, landlock_abi

__all__ = ["CHECKS", "clock", "landlock", "memory", "namespaces", "processor", "python"]

_NEEDED = (3, 11)
_LITTLE_MEMORY_BYTES = 1_000_000_000
_TRY_NAMESPACES = """
import sys
from pathlib import Path
from lumina_hub.supervisor.rootfs import can_enter_root
sys.exit(not can_enter_root(Path(sys.argv[1])))
"""
_NAMED_FLAGS = {
    "avx2": ("avx2",),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "bf16": ("avx512_bf16", "amx_bf16"),
    "dot product": ("asimddp",),
}


def python(settings: Settings) -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < _NEEDED:
        return fail("python", found, "Lumina needs Python 3.11 or newer: make clean run PYTHON=python3.11")
    if platform.system() != "Linux":
        return warn("python", found, "Lumina is tested on Linux only.")
    return ok("python", found)


def processor(settings: Settings) -> Check:
    """What the embedder can use. Without VNNI or its like, int8 is not faster than float32."""
    flags = cpu_flags(Path("/proc/cpuinfo"))
    named = [name for name, spellings in _NAMED_FLAGS.items() if flags.intersection(spellings)]
    found = f"{os.cpu_count()} cores, {', '.join(named) or 'none of avx2, vnni, bf16'}"
    if platform.machine() in {"x86_64", "AMD64"} and "avx2" not in named:
        return warn("processor", found, "Embedding will be slow here: it is made for processors with AVX2.")
    return ok("processor", found)


def cpu_flags(cpuinfo: Path) -> frozenset[str]:
    """The features the kernel names for the first processor; none where it does not say."""
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = next((line for line in lines if line.startswith(("flags", "Features"))), ":")
    return frozenset(named.partition(":")[2].split())


def memory(settings: Settings) -> Check:
    total = psutil.virtual_memory().total
    found = readable_bytes(total)
    if total < _LITTLE_MEMORY_BYTES:
        return warn("memory", found, "Lumina needs about 700 MB for itself with 100,000 chunks.")
    return ok("memory", found)


def landlock(settings: Settings) -> Check:
    """Keeps a module to its own files and, from its fourth version, off the network."""
    abi = landlock_abi()
    if abi < ABI_FILES:
        return warn(
            "landlock",
            "this kernel does not offer it",
            "Modules could read and write what you can, unless namespaces hide it. Use a Linux that has Landlock.",
        )
    if abi < ABI_SIGNALS:
        return warn(
            "landlock",
            f"version {abi}",
            f"From version {ABI_SIGNALS} (Linux 6.12) on it also keeps modules from sending signals to other programs.",
        )
    return ok("landlock", f"version {abi}")


def namespaces(settings: Settings) -> Check:
    """Keep a module from seeing any socket, file or process that is not its own."""
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run([sys.executable, "-I", "-c", _TRY_NAMESPACES, folder], timeout=60, check=False)
    if tried.returncode != 0:
        return warn(
            "namespaces",
            "not allowed here",
            "Modules can connect to Unix sockets of this user, Redis's among them. Allow unprivileged user namespaces, "
            "or in a container the system calls unshare and mount.",
        )
    return ok("namespaces", "each module gets a root directory of its own")


def clock(settings: Settings) -> Check:
    """Turns, revisions and log files are dated by this clock; one that went back would file them before older ones."""
    now = time.time()
    shown = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
    newest = _newest_day(settings.graphs_dir)
    today = f"{datetime.fromtimestamp(now, UTC):%Y/%m/%d}"
    if newest is not None and newest > today:
        return warn("clock", f"{shown}, but the log already holds {newest}", "Set the clock of this machine right.")
    if now < Path(__file__).stat().st_mtime - 86_400:
        return warn("clock", f"{shown}, before Lumina was installed", "Set the clock of this machine right.")
    return ok("clock", shown)


def _newest_day(graphs: Path) -> str | None:
    days = ("/".join(path.parts[-3:]) for path in graphs.glob("*/[0-9]*/[0-9]*/[0-9]*") if path.is_dir())
    return max(days, default=None)


CHECKS: tuple[Callable[[Settings], Check], ...] = (python, processor, memory, landlock, namespaces, clock)

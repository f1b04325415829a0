"""What the registry tells the supervisor about one module."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from lumina_hub.supervisor.spec import ProcessLimits
from lumina_sdk.contract import ScopeSet
from lumina_sdk.contract.manifest import Limits

__all__ = ["ModuleSpec", "limits_of", "paths_of"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """A module that runs here.

    Args:
        slug: Its name.
        command: What runs it: `(python, "-P", "-m", "lumina_sdk.serve")`.
        entrypoint: Told to it as `LUMINA_ENTRYPOINT`.
        manifest: Told to it as `LUMINA_MANIFEST`; it may read the folder the file is in.
        readable: Interpreter and packages; see `paths_of`.
        scopes: What its own token allows: its manifest ∩ the operator's grant.
        config: Written to the file that `LUMINA_CONFIG_FILE` names.
        network: It was granted `use:network`.
        limits: What it may use.
    """

    slug: str
    command: tuple[str, ...]
    entrypoint: str = ""
    manifest: Path | None = None
    readable: tuple[Path, ...] = ()
    scopes: ScopeSet = field(default_factory=ScopeSet)
    config: Mapping[str, JsonValue] = field(default_factory=dict)
    network: bool = False
    limits: ProcessLimits = field(default_factory=ProcessLimits)


def limits_of(limits: Limits) -> ProcessLimits:
    """A manifest's limits, with ours where it sets none."""
    ours = ProcessLimits()
    return ProcessLimits(
        memory_bytes=limits.memory_mb * _MIB if limits.memory_mb else ours.memory_bytes,
        processes=limits.processes or ours.processes,
        open_files=limits.open_files or ours.open_files,
        file_bytes=limits.disk_mb * _MIB if limits.disk_mb else ours.file_bytes,
    )


def paths_of(python: Path) -> tuple[Path, ...]:
    """The folders an interpreter reads. Of this one: its own and those its packages are in. Of one in an environment
    made with this one: the environment and the Python below. It is not asked, nor is a file of the environment: what
    is installed there would have a say.
    """
    if python == Path(sys.executable):
        found = [Path(path) for path in dict.fromkeys([sys.prefix, sys.base_prefix, *sys.path])]
        private = (Path.cwd(), Path.home())  # `python -m` puts the folder it was started in on the path
        return tuple(
            path for path in found if path.is_absolute() and not any(one.is_relative_to(path) for one in private)
        )
    return python.parent.parent, Path(sys.base_prefix)

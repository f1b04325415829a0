"""Where a module's things are in the home."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Places", "write_private"]

_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class Places:
    """`run` is read by the module; `launch` is the hub's and out of its sight; `data` is the module's to keep."""

    data: Path
    run: Path
    launch: Path

    @classmethod
    def make(cls, home: Path, slug: str) -> Places:
        """Make the folders, readable by their owner only; `run` elsewhere where the home's path is too long for a
        socket in it."""
        run = home / "run" / "modules" / slug
        if len(os.fsencode(run / "module.sock")) > _LONGEST_SOCKET_PATH:
            run = Path(tempfile.mkdtemp(prefix="lumina-"))
        places = cls(home / "modules" / slug / "data", run, home / "run" / "launch" / slug)
        for folder in (places.data, places.data / "tmp", places.run, places.launch, places.root):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return places

    @property
    def socket(self) -> Path:
        return self.run / "module.sock"

    @property
    def token(self) -> Path:
        return self.run / "token"

    @property
    def config(self) -> Path:
        return self.run / "config.json"

    @property
    def spec(self) -> Path:
        return self.launch / "spec.json"

    @property
    def notes(self) -> Path:
        return self.launch / "walls.json"

    @property
    def root(self) -> Path:
        return self.launch / "root"

    def remove_run(self) -> None:
        """The token and the socket are no use any more. What the module keeps stays."""
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self.launch, ignore_errors=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file at once; readable by its owner only."""
    scratch = path.with_suffix(".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    scratch.replace(path)

"""A reindex that was asked for and is not carried out yet: the file `index/reindex.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from lumina_core.indexing.files import replace_durably

__all__ = ["ReindexRequest", "load_request", "remove_request", "save_request"]


@dataclass(frozen=True, slots=True)
class ReindexRequest:
    """The index is to be built anew: its rebuild must come to have a higher number than `after_rebuild`."""

    after_rebuild: int
    reason: str


def load_request(path: Path) -> ReindexRequest | None:
    """The open request, if there is one. One that cannot be read asks for a rebuild all the same."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ReindexRequest)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        return ReindexRequest(after_rebuild=0, reason="asked for")


def save_request(path: Path, request: ReindexRequest) -> None:
    """Durable once this returns. Raises `StorageFull` where there is no room."""
    replace_durably(path, msgspec.json.encode(request))


def remove_request(path: Path) -> None:
    path.unlink(missing_ok=True)

"""What the graph holds already, asked from within the process that reads a source."""

from __future__ import annotations

from pathlib import Path

from lumina_core.graph.catalogue import Catalogue
from lumina_core.ingest.source import Known

__all__ = ["known_revisions"]


def known_revisions(catalogue: str, log_root: str) -> Known:
    """Open the catalogue for reading and answer from it."""
    return Catalogue.open(Path(catalogue), Path(log_root), read_only=True).has_revision

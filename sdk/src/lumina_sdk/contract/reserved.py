"""What belongs to the core."""

from __future__ import annotations

__all__ = ["RESERVED_PARTS"]

RESERVED_PARTS = frozenset(
    "adapters audit chat docs embeddings engine events gaps graph ingest keys login logout me metrics modules".split()
    + "openapi.json pads queues redoc reindex roles schemas search session sessions status storage streams".split()
    + "tokens users vectors whoami".split()
)
"""The parts after `/api/v1/` under which the core's own routes live, now or later; a module takes none of them."""

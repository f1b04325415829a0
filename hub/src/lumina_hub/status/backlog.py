"""How much of the log is not in the index yet."""

from __future__ import annotations

from lumina_core.graph.catalogue import Catalogue
from lumina_core.graph.layout import LogPosition

__all__ = ["count_pending"]


def count_pending(catalogue: Catalogue, position: LogPosition | None) -> int:
    """Events on articles behind a position of `articles/articles`; one index look-up, whatever their number."""
    after = (position.day, position.offset) if position is not None else ("", 0)
    with catalogue.reading() as connection:
        (number,) = connection.execute("SELECT count(*) FROM revisions WHERE (day, start) >= (?, ?)", after).fetchone()
    return int(number)

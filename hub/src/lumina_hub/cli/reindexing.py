"""`lumina reindex`: build the index anew from the log, and watch."""

from __future__ import annotations

import asyncio

from lumina_hub.cli.connection import connect
from lumina_hub.cli.failures import INTERRUPTED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, print_raw_json
from lumina_hub.cli.progress import progress
from lumina_sdk.contract import Reindex, ReindexState

__all__ = ["reindex"]

_POLL_S = 0.3


async def reindex(said: Globals) -> None:
    """Ctrl-C leaves the rebuilding where it is; it goes on whenever a hub runs on this home."""
    async with connect(said) as hub:
        await hub.post("/api/v1/reindex")
        try:
            with progress("Rebuilding the index from the log") as shown:
                while True:
                    body = await hub.get("/api/v1/reindex")
                    now = Reindex.model_validate_json(body)
                    if now.state is not ReindexState.RUNNING:
                        break
                    rate = f"{now.chunks_per_s:,.0f} passages/s" if now.chunks_per_s else ""
                    shown.move(now.done, now.total or None, rate=rate, eta_s=now.eta_s)
                    await asyncio.sleep(_POLL_S)
        except asyncio.CancelledError:
            raise Failure(
                "Stopped watching; what was rebuilt so far is kept.",
                hint="It goes on while a hub runs on this home: see `lumina status`.",
                status=INTERRUPTED,
            ) from None
    if now.state is ReindexState.FAILED:
        raise Failure(now.error or "Rebuilding failed.", hint="The log is whole; run `lumina doctor`, then try again.")
    if said.json:
        print_raw_json(body)
    else:
        data().print(f"Rebuilt the index from the log: {now.done:,} articles.")

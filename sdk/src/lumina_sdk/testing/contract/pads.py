"""Scratchpads: the caller's own, for a while."""

from __future__ import annotations

import pytest

from lumina_sdk.errors import NotFound
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["PadsContract"]

SCOPES = ("read:scratchpad", "write:scratchpad")


class PadsContract:
    async def test_notes_are_read_in_the_order_written(self, hub: HubUnderTest) -> None:
        pads = hub.client("module:tested", SCOPES).pads
        pad = await pads.open("thoughts", ttl_s=60, cause="turn-1")
        assert pad.id.startswith("pad:")

        await pads.write(pad.id, "first", weight=1)
        written = await pads.write(pad.id, "second")

        read = await pads.read(pad.id)
        assert written.notes == 2
        assert [(note.text, note.data) for note in read.entries] == [("first", {"weight": 1}), ("second", {})]
        assert (read.title, read.cause, read.owner) == ("thoughts", "turn-1", "module:tested")

    async def test_a_pad_ends_with_its_time_and_writing_begins_it_anew(self, hub: HubUnderTest) -> None:
        pads = hub.client("module:tested", SCOPES).pads
        pad = await pads.open(ttl_s=3)
        await hub.later(2)
        await pads.write(pad.id, "still here")
        await hub.later(2)

        assert (await pads.read(pad.id)).notes == 1
        await hub.later(2)
        with pytest.raises(NotFound):
            await pads.read(pad.id)
        with pytest.raises(NotFound):
            await pads.write(pad.id, "too late")
        assert (await pads.list()).pads == ()

    async def test_a_pad_can_be_closed(self, hub: HubUnderTest) -> None:
        pads = hub.client("module:tested", SCOPES).pads
        pad, other = await pads.open("a", compress=False), await pads.open("b", compress=False)

        await pads.close(pad.id)

        assert [one.id for one in (await pads.list()).pads] == [other.id]
        with pytest.raises(NotFound):
            await pads.close(pad.id)

    async def test_another_owners_pad_is_not_there(self, hub: HubUnderTest) -> None:
        pad = await hub.client("module:tested", SCOPES).pads.open()
        other = hub.client("module:other", SCOPES).pads

        for call in (other.read(pad.id), other.write(pad.id, "x"), other.close(pad.id)):
            with pytest.raises(NotFound):
                await call
        assert (await other.list()).pads == ()

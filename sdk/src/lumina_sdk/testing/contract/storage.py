"""Storage: each module's own, kept whole, and versioned."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from lumina_sdk.errors import Conflict, LuminaError, MalformedRequest, NotFound
from lumina_sdk.testing.contract.under_test import HubUnderTest

__all__ = ["StorageContract"]


class StorageContract:
    @pytest.mark.parametrize("value", [None, True, 0, -1.5, "", "ü", [], [1, [2]], {"a": {"b": None}}])
    async def test_a_value_comes_back_as_it_was_put(self, hub: HubUnderTest, value: object) -> None:
        storage = hub.client("module:tested").storage

        await storage.put("a", value)  # type: ignore[arg-type]

        kept = await storage.get("a", "nothing")
        assert kept == value
        assert type(kept) is type(value)

    async def test_what_was_never_put_is_the_default(self, hub: HubUnderTest) -> None:
        storage = hub.client("module:tested").storage

        assert await storage.get("a", 7) == 7
        with pytest.raises(NotFound):
            await storage.read("a")

    async def test_a_value_is_replaced_forgotten_and_listed(self, hub: HubUnderTest) -> None:
        storage = hub.client("module:tested").storage
        for key in ("b:1", "a", "b:2", "b:3"):
            await storage.put(key, key)

        page = await storage.keys(prefix="b:", limit=2)
        rest = await storage.keys(prefix="b:", limit=2, after=page.after)

        assert (page.keys, rest.keys, rest.after) == (("b:1", "b:2"), ("b:3",), None)
        assert await storage.delete("b:1")
        assert not await storage.delete("b:1")
        assert (await storage.keys()).keys == ("a", "b:2", "b:3")

    async def test_a_value_can_be_changed_only_if_nobody_else_did(self, hub: HubUnderTest) -> None:
        storage = hub.client("module:tested").storage
        first = await storage.put("a", 1, if_version=0)
        second = await storage.put("a", 2, if_version=first.version)

        assert second.version > first.version
        for version in (0, first.version):
            with pytest.raises(Conflict):
                await storage.put("a", 3, if_version=version)
        assert await storage.get("a") == 2

    async def test_of_many_writers_of_one_version_one_succeeds(self, hub: HubUnderTest) -> None:
        storage = hub.client("module:tested").storage

        results = await asyncio.gather(*(storage.put("a", n, if_version=0) for n in range(8)), return_exceptions=True)

        assert sum(isinstance(result, Conflict) for result in results) == 7

    async def test_a_value_with_a_time_to_live_is_forgotten(self, hub: HubUnderTest) -> None:
        storage = hub.client("module:tested").storage
        await storage.put("a", 1, ttl_s=1)

        assert await storage.get("a") == 1
        await hub.later(2)
        assert await storage.get("a") is None
        assert (await storage.keys()).keys == ()

    async def test_nobody_sees_anothers_values_and_files(self, hub: HubUnderTest) -> None:
        mine, theirs = hub.client("module:tested").storage, hub.client("module:other", ["admin:modules"]).storage
        await mine.put("a", 1)
        await mine.write_file("a.txt", b"1")

        assert await theirs.get("a") is None
        assert (await theirs.keys()).keys == ()
        assert (await theirs.files()).files == ()
        with pytest.raises(NotFound):
            await theirs.read_file("a.txt")

    async def test_a_file_comes_back_as_it_was_written(self, hub: HubUnderTest) -> None:
        storage = hub.client("module:tested").storage
        content = bytes(range(256)) * 1000

        written = await storage.write_file("deep/er/a.bin", content)

        assert await storage.read_file("deep/er/a.bin") == content
        assert (written.path, written.size_bytes) == ("deep/er/a.bin", len(content))
        assert written.fingerprint == hashlib.sha256(content).hexdigest()

    async def test_files_are_replaced_removed_and_listed(self, hub: HubUnderTest) -> None:
        storage = hub.client("module:tested").storage
        for path in ("b/1", "a", "b/2"):
            await storage.write_file(path, b"")
        await storage.write_file("a", b"more")

        page = await storage.files(limit=2)
        assert [file.path for file in page.files] == ["a", "b/1"]
        assert [file.path for file in (await storage.files(limit=2, after=page.after)).files] == ["b/2"]
        assert await storage.read_file("a") == b"more"
        assert await storage.delete_file("a")
        assert not await storage.delete_file("a")
        assert [file.path for file in (await storage.files(prefix="b/")).files] == ["b/1", "b/2"]

    @pytest.mark.parametrize(
        "path", ["../a", "a/../../b", "/etc/passwd", ".hidden", "a/.b", "a//b", "a/", "a\\b", "a\x00"]
    )
    async def test_a_path_cannot_leave_the_modules_own(self, hub: HubUnderTest, path: str) -> None:
        storage = hub.client("module:tested").storage

        with pytest.raises(LuminaError):
            await storage.write_file(path, b"x")
        assert (await storage.files()).files == ()

    @pytest.mark.parametrize("key", ["a b", "a/b", "ü", "x" * 257])
    async def test_a_key_is_plain(self, hub: HubUnderTest, key: str) -> None:
        with pytest.raises((MalformedRequest, NotFound)):
            await hub.client("module:tested").storage.put(key, 1)

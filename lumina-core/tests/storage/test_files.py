from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lumina_core.errors import Conflict, InvalidInput, NotFound, QuotaFull
from lumina_core.storage.files import FileStore, StoredFile


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore.open(tmp_path / "storage", quota_bytes=100)


def put(files: FileStore, path: str, content: bytes, owner: str = "almanac") -> StoredFile:
    with files.begin(owner, path) as upload:
        upload.write(content)
        return upload.finish()


def get(files: FileStore, path: str, owner: str = "almanac") -> bytes:
    _, file = files.read(owner, path)
    with file:
        return file.read()


def test_a_file_comes_back_with_its_fingerprint(files: FileStore) -> None:
    kept = put(files, "maps/north.bin", b"one")

    found, file = files.read("almanac", "maps/north.bin")
    with file:
        assert file.read() == b"one"
    assert found == kept
    assert (found.size_bytes, found.fingerprint) == (3, hashlib.sha256(b"one").hexdigest())
    assert files.list("almanac") == ([found], None)


def test_an_upload_that_is_cut_off_changes_nothing(files: FileStore, tmp_path: Path) -> None:
    put(files, "a", b"old")
    with files.begin("almanac", "a") as upload:
        upload.write(b"new")

    assert get(files, "a") == b"old"
    left = tmp_path / "storage" / "almanac" / ".incoming" / "left"  # as a hub that was killed leaves it
    left.write_bytes(b"x" * 200)
    FileStore.open(tmp_path / "storage", quota_bytes=100)
    assert not left.exists()


def test_a_reader_keeps_the_file_it_began_with(files: FileStore) -> None:
    put(files, "a", b"old")
    _, file = files.read("almanac", "a")
    put(files, "a", b"new")

    with file:
        assert file.read() == b"old"
    assert get(files, "a") == b"new"


def test_the_quota_holds_for_all_files_of_one_owner(files: FileStore, tmp_path: Path) -> None:
    put(files, "a", b"x" * 60)
    with pytest.raises(QuotaFull, match="100 bytes"):
        put(files, "b", b"x" * 60)
    put(files, "a", b"x" * 100)
    put(files, "b", b"x" * 60, owner="other")
    again = FileStore.open(tmp_path / "storage", quota_bytes=100)
    with pytest.raises(QuotaFull):
        put(again, "b", b"x")
    again.delete("almanac", "a")
    put(again, "b", b"x" * 100)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", ".hidden", "a//b", "", "a/.", "a\0b", "a" * 600])
def test_what_leads_elsewhere_is_no_path(files: FileStore, path: str) -> None:
    for use in (files.begin, files.read, files.delete):
        with pytest.raises(InvalidInput):
            use("almanac", path)


def test_a_link_somebody_planted_leads_nowhere(files: FileStore, tmp_path: Path) -> None:
    put(files, "a", b"1")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "token").write_text("secret")
    (tmp_path / "storage" / "almanac" / "out").symlink_to(secret)
    (tmp_path / "storage" / "almanac" / "file").symlink_to(secret / "token")

    for path in ("out/token", "file"):
        with pytest.raises(NotFound):
            files.read("almanac", path)
    with pytest.raises(NotFound):
        put(files, "out/new", b"x")
    assert os.listdir(secret) == ["token"]  # noqa: PTH208


def test_a_file_is_no_folder_and_a_folder_is_no_file(files: FileStore) -> None:
    put(files, "a/b", b"1")
    put(files, "c", b"1")

    with pytest.raises(Conflict, match="folder"):
        put(files, "a", b"2")
    with pytest.raises(Conflict, match="a part of"):
        put(files, "c/d", b"2")
    with pytest.raises(NotFound):
        files.read("almanac", "a")
    with pytest.raises(NotFound):
        files.read("almanac", "c/d")


def test_empty_folders_go_with_their_last_file(files: FileStore, tmp_path: Path) -> None:
    put(files, "a/b/c", b"1")
    files.delete("almanac", "a/b/c")

    assert put(files, "a", b"now a file").size_bytes == 10
    with pytest.raises(NotFound):
        files.delete("almanac", "a/b/c")


def test_files_are_listed_by_prefix_page_by_page(files: FileStore) -> None:
    for path in ("b/2", "a", "b/1", "b/3", "c"):
        put(files, path, b"1")

    page, after = files.list("almanac", prefix="b/", limit=2)
    assert ([file.path for file in page], after) == (["b/1", "b/2"], "b/2")
    assert [file.path for file in files.list("almanac", prefix="b/", limit=2, after=after)[0]] == ["b/3"]


_PARTS = st.from_regex(r"\A[A-Za-z0-9_-][A-Za-z0-9_.-]{0,8}\Z")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(_PARTS, min_size=1, max_size=4), content=st.binary(max_size=50))
def test_every_allowed_path_lies_in_its_owners_folder(
    files: FileStore, tmp_path: Path, parts: list[str], content: bytes
) -> None:
    path = "/".join(parts)
    put(files, path, content)

    assert (tmp_path / "storage" / "almanac" / path).read_bytes() == content
    files.delete("almanac", path)
    assert files.list("almanac") == ([], None)

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina_hub.errors import AmbiguousPath
from lumina_hub.gateway.paths import forwarded_path, require_canonical


@pytest.mark.parametrize(
    "raw",
    [
        "/api/v1/a%2Fb",
        "/api/v1/a%2fb",
        "/api/v1/a%5Cb",
        "/api/v1/a\\b",
        "/api/v1/../b",
        "/api/v1/%2e%2e/b",
        "/api/v1/.%2E",
        "/api/v1/.",
        "/api/v1/..",
        "//api/v1/a",
        "/api//v1/a",
        "/api/v1/a%00",
        "/api/v1/a%0d%0aX: y",
        "/api/v1/a%",
        "/api/v1/a%zz",
        "/api/v1/a%4",
        "/api/v1/a%FF",
        "/api/v1/a b",
        "/api/v1/a\x7f",
    ],
)
def test_a_path_with_two_readings_is_refused(raw: str) -> None:
    with pytest.raises(AmbiguousPath):
        require_canonical(unquote(raw), raw.encode("latin-1"))


@pytest.mark.parametrize(
    "raw",
    ["/", "/api/v1/a", "/api/v1/a.b", "/api/v1/.well-known/x", "/a/...", "/a%20b", "/caf%C3%A9", "/a%2525", "/a:b@c"],
)
def test_other_paths_pass(raw: str) -> None:
    require_canonical(unquote(raw), raw.encode())


def test_needless_escapes_are_undone_for_the_module() -> None:
    assert forwarded_path("/api/v1/almanac", b"/api/v1/%61lmanac") == b"/api/v1/almanac"


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_what_passes_is_forwarded_with_the_same_meaning_and_passes_again(parts: list[str]) -> None:
    try:
        raw = "/" + "/".join(quote(part) for part in parts)
    except UnicodeEncodeError:
        return
    path = unquote(raw)
    try:
        require_canonical(path, raw.encode())
    except AmbiguousPath:
        return

    sent = forwarded_path(path, raw.encode())

    assert unquote(sent.decode()) == path
    require_canonical(path, sent)

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from lumina_hub.auth.credentials import client_address


def connection(*forwarded: str, client: tuple[str, int] | None = ("192.0.2.1", 1)) -> HTTPConnection:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return HTTPConnection({"type": "http", "headers": headers, "client": client})


def test_without_a_proxy_nobody_says_where_they_are_from() -> None:
    assert client_address(connection("198.51.100.9"), behind_proxy=False) == "192.0.2.1"


@pytest.mark.parametrize(
    "forwarded", [["198.51.100.9"], ["203.0.113.5, 198.51.100.9"], ["203.0.113.5", "203.0.113.6,198.51.100.9"]]
)
def test_behind_a_proxy_what_the_proxy_appended_counts(forwarded: list[str]) -> None:
    assert client_address(connection(*forwarded), behind_proxy=True) == "198.51.100.9"


def test_a_caller_without_an_address_is_on_this_machine() -> None:
    assert client_address(connection(client=None), behind_proxy=False) == "local"
    assert client_address(connection("", client=None), behind_proxy=True) == "local"

"""What a request shows to say who is calling, read off an ASGI scope in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, cookie_parser
from starlette.types import Scope as AsgiScope

from lumina_hub.auth.sessions.store import SESSION_COOKIE

__all__ = ["Credentials", "client_address", "read_credentials"]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIE = SESSION_COOKIE.encode() + b"="


@dataclass(frozen=True, slots=True)
class Credentials:
    """`is_safe`: a page elsewhere gains nothing by causing the request. It changes nothing (RFC 9110, section 9.2.1),
    or it opens a WebSocket from a page of our own."""

    authorization: str | None = None
    cookie: str | None = None
    csrf_token: str | None = None
    is_safe: bool = False

    @property
    def session_cookie(self) -> str | None:
        """The cookie, if it is what lets the request in: a token goes before it."""
        return self.cookie if self.authorization is None else None


def read_credentials(asgi_scope: AsgiScope) -> Credentials:
    """Of several headers of one name the first counts."""
    authorization = cookie = csrf_token = None
    for name, value in asgi_scope["headers"]:
        if name == b"authorization":
            authorization = authorization or value.decode("latin-1")
        elif name == b"cookie":
            cookie = cookie or _session_of(value)
        elif name == b"x-csrf-token":
            csrf_token = csrf_token or value.decode("latin-1")
    is_safe = asgi_scope.get("method") in _SAFE if asgi_scope["type"] == "http" else _is_same_origin(asgi_scope)
    return Credentials(authorization or None, cookie, csrf_token, is_safe)


def client_address(connection: HTTPConnection, *, behind_proxy: bool) -> str:
    """Where the caller is, for counting its attempts. Of `X-Forwarded-For` only what the proxy itself appended counts:
    anybody can send the rest."""
    if behind_proxy:
        forwarded = connection.headers.getlist("x-forwarded-for")
        if forwarded and (last := forwarded[-1].rpartition(",")[2].strip()):
            return last
    return connection.client.host if connection.client is not None else "local"


def _session_of(header: bytes) -> str | None:
    return cookie_parser(header.decode("latin-1")).get(SESSION_COOKIE) or None if _COOKIE in header else None


def _is_same_origin(asgi_scope: AsgiScope) -> bool:
    headers = dict(asgi_scope["headers"])
    origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()

"""What crosses the gateway in each direction, and what does not.

Hop-by-hop fields (RFC 9110, section 7.6.1) end here. A caller's credentials never reach a module; nothing a module
sends can set a cookie, open the hub's origin to other sites, or be mistaken for the hub's own word.
"""

from __future__ import annotations

import random
import re

__all__ = ["RawHeaders", "request_headers", "request_id_of", "response_headers", "trace_of"]

RawHeaders = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOT_TO_MODULES = _HOP_BY_HOP | {
    b"authorization",
    b"cookie",
    b"x-csrf-token",
    b"host",
    b"content-length",  # said anew by whoever writes the body
    b"expect",  # answered by the hub's server
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-forwarded-port",
    b"x-forwarded-prefix",
    b"x-real-ip",
    b"x-original-url",
    b"x-rewrite-url",
    b"x-http-method-override",
    b"x-request-id",
    b"traceparent",
    b"tracestate",
}
_NOT_FROM_MODULES = _HOP_BY_HOP | {
    b"date",  # the hub's server says both
    b"server",
    b"set-cookie",
    b"clear-site-data",
    b"service-worker-allowed",
    b"strict-transport-security",
    b"public-key-pins",
    b"alt-svc",
    b"www-authenticate",
    b"refresh",
    b"x-accel-redirect",
    b"x-sendfile",
    b"x-request-id",
    b"content-security-policy",
    b"content-security-policy-report-only",
    b"x-frame-options",
    b"x-content-type-options",
    b"cross-origin-resource-policy",
    b"referrer-policy",
}
_OURS: RawHeaders = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # A page a module sends runs nothing on the hub's origin, where the UI's session is.
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'; base-uri 'none'; "
        b"form-action 'none'",
    ),
]
_RESERVED = b"x-lumina-"
_PRIVATE_NETWORK = b"access-control-"
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def request_headers(headers: RawHeaders, *, host: bytes, scheme: bytes, client: bytes) -> RawHeaders:
    """A caller's end-to-end fields for a module, and who asked.

    Args:
        headers: As ASGI has them, names in lower case.
        host: Of the upstream.
        scheme: How the caller came, `http` or `https`.
        client: The caller's address; empty where it came over a Unix socket.

    A name with an underscore is dropped: some programs take `x_lumina_authorization` for `x-lumina-authorization`.
    """
    kept: RawHeaders = [(b"host", host), (b"x-forwarded-proto", scheme)]
    named: frozenset[bytes] = frozenset()
    caller_host = b""
    for field in headers:
        name = field[0]
        if name not in _NOT_TO_MODULES:
            if b"_" not in name and name[:9] != _RESERVED:
                kept.append(field)
        elif name == b"host":
            caller_host = field[1]
        elif name == b"connection":
            named |= _named(field[1])
    if named:
        kept = [field for field in kept if field[0] not in named]
    if caller_host:
        kept.append((b"x-forwarded-host", caller_host))
    if client:
        kept.append((b"x-forwarded-for", client))
    return kept


def response_headers(headers: RawHeaders, request_id: bytes) -> RawHeaders:
    """A module's end-to-end fields for the caller, and ours."""
    kept: RawHeaders = [*_OURS, (b"x-request-id", request_id)]
    named: frozenset[bytes] = frozenset()
    cached = False
    for field in headers:
        name = field[0]
        if name not in _NOT_FROM_MODULES:
            if name[:15] == _PRIVATE_NETWORK or name[:9] == _RESERVED:
                continue
            cached = cached or name == b"cache-control"
            kept.append(field)
        elif name == b"connection":
            named |= _named(field[1])
    if named - {b"close", b"keep-alive"}:
        kept = [field for field in kept if field[0] not in named or field in _OURS]
    if not cached:
        kept.append((b"cache-control", b"no-store"))
    return kept


def request_id_of(headers: RawHeaders) -> bytes:
    """The caller's `X-Request-ID` where it is a plain word, so that logs of a proxy and ours can be joined."""
    for name, value in headers:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return value
    return b"%032x" % _name(128)


def trace_of(headers: RawHeaders) -> RawHeaders:
    """`traceparent` (W3C Trace Context), the caller's with its `tracestate`, or the start of a new trace."""
    parents = [value for name, value in headers if name == b"traceparent"]
    if len(parents) == 1 and _TRACEPARENT.fullmatch(parents[0]):
        return [(b"traceparent", parents[0]), *(field for field in headers if field[0] == b"tracestate")]
    return [(b"traceparent", b"00-%032x-%016x-01" % (_name(128), _name(64)))]


def _name(bits: int) -> int:
    return random.getrandbits(bits) or 1


def _named(connection: bytes) -> frozenset[bytes]:
    """The fields a Connection field makes hop-by-hop."""
    return frozenset(word.strip().lower() for word in connection.split(b",") if word.strip())

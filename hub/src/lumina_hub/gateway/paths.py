"""One reading of a path for everybody behind the gateway.

Proxies are got round with paths that two programs read differently: `%2F`, `..`, `//`, `\\`. Such a path is refused,
for the hub's own routes as well, and what is forwarded is encoded anew from what was matched.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from lumina_hub.errors import AmbiguousPath

__all__ = ["forwarded_path", "require_canonical"]

_SUSPECT = re.compile(
    rb"//|/\.{1,2}(?:/|$)|[\\\x00-\x20\x7f-\xff]|%(?![0-9a-fA-F]{2})|%(?:2[fF]|5[cC]|[01][0-9a-fA-F]|7[fF])"
)
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")
_SAFE = "/:@!$&'()*+,;=~-._"


def require_canonical(path: str, raw_path: bytes) -> None:
    """Go on only with a path that has one reading.

    Args:
        path: As the server decoded it.
        raw_path: As it came, without its query.

    Raises:
        AmbiguousPath: it has an encoded slash or backslash, a dot segment, an empty segment, a control character, a
            broken escape, or bytes that are not UTF-8.
    """
    if _SUSPECT.search(raw_path) or (b"%" in raw_path and (_DOTS.search(path) or "\ufffd" in path)):
        raise AmbiguousPath


def forwarded_path(path: str, raw_path: bytes) -> bytes:
    """The one way we write this path."""
    return quote(path, safe=_SAFE).encode("ascii") if b"%" in raw_path else raw_path

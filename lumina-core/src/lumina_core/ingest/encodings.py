"""Bytes to text: UTF-8 first, then what the document says of itself, then what it looks like."""

from __future__ import annotations

import codecs
import re

__all__ = ["Undecodable", "decode"]

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_SAMPLE_BYTES = 1 << 18


class Undecodable(ValueError):
    """The bytes are no text in an encoding anybody can name; the message is a clause."""


def decode(data: bytes, *, charset: str | None = None, is_html: bool = False) -> str:
    """Turn a document's bytes into text with `\\n` line ends.

    Args:
        data: The whole document.
        charset: What the transport said, if anything; believed where the bytes bear it out.
        is_html: Whether a `<meta charset>` may be believed.

    Raises:
        Undecodable: the bytes are binary, or no encoding fits them.
    """
    return _decoded(data, charset, is_html).replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes, charset: str | None, is_html: bool) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strict(data, encoding)
    if b"\0" in data[:_SAMPLE_BYTES]:
        raise Undecodable("it is binary, not text")
    declared = [charset] if charset else []
    if is_html and (found := _META.search(data[:4096]) or _XML.match(data[:4096])):
        declared.append(found[1].decode("ascii"))
    for encoding in ["utf-8", *declared]:
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if encoding == "utf-8" or _readable(text):
            return text
    return _guessed(data)


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Undecodable(f"its {encoding.upper()} is damaged at byte {error.start:,}") from error


def _guessed(data: bytes) -> str:
    from charset_normalizer import from_bytes  # slow to import, and nearly everything is UTF-8

    best = from_bytes(data[:_SAMPLE_BYTES]).best()
    if best is None:
        raise Undecodable("its encoding cannot be told")
    try:
        text = data.decode(best.encoding)
    except UnicodeDecodeError as error:
        raise Undecodable(f"it looks like {best.encoding} and is damaged at byte {error.start:,}") from error
    if not _readable(text):
        raise Undecodable("it is binary, not text")
    return text


def _readable(text: str) -> bool:
    """Whether there are next to no control characters in it."""
    return len(_CONTROL.findall(text[:_SAMPLE_BYTES])) * 1000 <= min(len(text), _SAMPLE_BYTES)

"""One web page, fetched with care: no address is trusted that the name did not resolve to when it was checked."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx

from lumina_core.documents import Article, article_id, fingerprint, normalise_title
from lumina_core.errors import InvalidInput, UnreadableSource
from lumina_core.ingest.blocks import Block, assemble, summarise
from lumina_core.ingest.encodings import Undecodable, decode
from lumina_core.ingest.html import read_html
from lumina_core.ingest.markdown import markdown_title, read_markdown
from lumina_core.ingest.source import Item, Known, Unchanged, never_known

__all__ = ["MAX_PAGE_BYTES", "Fetched", "WebPage", "check_url", "fetch"]

MAX_PAGE_BYTES = 20 << 20
"""Of the decoded page; a compressed one is stopped where it grows past this."""

_MAX_REDIRECTS = 5
_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
_DEADLINE_S = 60.0
_USER_AGENT = "Lumina/0.1 (knowledge base; one page on a user's request)"
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_TEXT_TYPES = frozenset({"text/plain", "text/markdown", "text/x-markdown"})

Resolver = Callable[[str, int], list[str]]


class Fetched:
    """A page's bytes, and where they came from in the end."""

    __slots__ = ("charset", "content_type", "data", "last_modified", "url")

    def __init__(
        self, url: str, data: bytes, content_type: str, charset: str | None, last_modified: str | None
    ) -> None:
        self.url = url
        self.data = data
        self.content_type = content_type
        self.charset = charset
        self.last_modified = last_modified


class WebPage:
    """A URL as a source of one article. Its source name is the host, its name there the canonical URL."""

    def __init__(self, url: str, *, allow_private: bool = False, transport: httpx.BaseTransport | None = None) -> None:
        """Check the URL; nothing is fetched yet.

        Args:
            url: http or https, without a user name in it.
            allow_private: The URL may be on this machine or a private network. A public page still may not redirect
                there.
            transport: What carries the requests; the network unless given.
        """
        self._url = check_url(url)
        self._allow_private = allow_private
        self._transport = transport
        self.total_bytes: int | None = None
        self.position_bytes = 0

    @classmethod
    def accepts(cls, spec: str) -> bool:
        return spec.strip().lower().startswith(("http://", "https://"))

    @classmethod
    def open(cls, spec: str, *, allow_private: bool = False) -> Self:
        return cls(spec, allow_private=allow_private)

    @property
    def name(self) -> str:
        return urlsplit(self._url).hostname or ""

    def items(self, *, known: Known = never_known) -> Iterator[Item]:
        self.position_bytes = 0
        page = fetch(self._url, allow_private=self._allow_private, transport=self._transport)
        self.total_bytes = self.position_bytes = len(page.data)
        yield self._item(page, known)

    def _item(self, page: Fetched, known: Known) -> Item:
        is_html = page.content_type in _HTML_TYPES
        try:
            text = decode(page.data, charset=page.charset, is_html=is_html)
        except Undecodable as error:
            raise UnreadableSource(
                f"{page.url!r} cannot be read as text: {error}", hint="Give a page of HTML, Markdown or plain text."
            ) from error
        url = page.url
        date: str | None = None
        links: tuple[str, ...] = ()
        title: str | None
        if is_html:
            html = read_html(text, url=page.url)
            title, blocks, links, date = html.title, html.blocks, html.links, html.date
            url = html.canonical or page.url
        elif "markdown" in page.content_type or urlsplit(page.url).path.endswith((".md", ".markdown")):
            title = markdown_title(text)
            blocks = read_markdown(text, title=title or "").blocks
        else:
            title = None
            blocks = [Block("", 1, [part.strip() for part in text.split("\n\n") if part.strip()])]
        url = urldefrag(url).url
        title = normalise_title(title or "")[:300] or url
        plain, sections = assemble(blocks)
        if not plain:
            raise UnreadableSource(
                f"there is no text in {page.url!r}",
                hint="Pages drawn by scripts alone cannot be read; save it as HTML.",
            )
        revision = hashlib.sha256(plain.encode()).hexdigest()[:16]
        source = urlsplit(url).hostname or self.name
        if known(source, title, revision):
            return Unchanged(title)
        return Article(
            id=article_id(source, url),
            title=title,
            url=url,
            source=source,
            revision=revision,
            ts=_epoch(date, page.last_modified),
            text=plain,
            summary=summarise(plain, sections),
            fingerprint=fingerprint(plain),
            sections=sections,
            links=links,
        )


def check_url(url: str) -> str:
    """Return the URL, stripped, without its fragment; `InvalidInput` where it is none that may be fetched."""
    stripped = urldefrag(url.strip()).url
    try:
        parts = urlsplit(stripped)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{url!r} is not a URL: {error}", hint="Write it as https://example.org/page.") from error
    if parts.scheme.lower() not in {"http", "https"}:
        raise InvalidInput(f"only http and https are fetched, not {parts.scheme!r}", hint="Give an http(s) URL.")
    if not parts.hostname or port == 0:
        raise InvalidInput(f"{url!r} names no host", hint="Write it as https://example.org/page.")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise InvalidInput("the URL carries a user name or password", hint="Remove what stands before the @.")
    return stripped


def fetch(
    url: str,
    *,
    allow_private: bool = False,
    transport: httpx.BaseTransport | None = None,
    resolve: Resolver | None = None,
) -> Fetched:
    """Fetch one page, following at most five redirects.

    The host is resolved once per request, every address is checked, and the connection goes to a checked address,
    so a name that resolves differently a moment later gains nothing. With `allow_private` the page, and what it
    redirects to, may be on this machine or a private network, unless a public address was on the way.

    Raises:
        InvalidInput: the URL, or one it redirects to, may not be fetched.
        UnreadableSource: the page is not there, too big, too slow, or not text.
    """
    deadline = time.monotonic() + _DEADLINE_S
    current = check_url(url)
    with httpx.Client(
        transport=transport,
        timeout=_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": _USER_AGENT},
    ) as client:
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                target = _request(client, current, allow_private, resolve or _resolve, deadline)
            except httpx.TimeoutException as error:
                raise UnreadableSource(f"{current!r} did not answer in time", hint="Try again later.") from error
            except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
                raise UnreadableSource(
                    f"{current!r} could not be fetched: {error}", hint="Check the address and the network."
                ) from error
            if isinstance(target, Fetched):
                return target
            allow_private = allow_private and not _is_public_host(current, resolve or _resolve)
            current = check_url(urljoin(current, target))
    raise UnreadableSource(f"{url!r} redirects more than {_MAX_REDIRECTS} times", hint="Give the final address.")


def _request(client: httpx.Client, url: str, allow_private: bool, resolve: Resolver, deadline: float) -> Fetched | str:
    """One request; a string is where it redirects to."""
    logical = httpx.URL(url)
    address = _checked_address(logical, allow_private, resolve)
    pinned = logical.copy_with(host=address)
    request = client.build_request(
        "GET",
        pinned,
        headers={
            "Host": logical.netloc.decode("ascii"),
            "Accept": "text/html,application/xhtml+xml,text/markdown,text/plain;q=0.8",
            "Accept-Encoding": "gzip",
        },
        extensions={"sni_hostname": logical.raw_host.decode("ascii"), "timeout": _TIMEOUT.as_dict()},
    )
    response = client.send(request, stream=True)
    try:
        if response.has_redirect_location:
            return str(response.headers["location"])
        if response.status_code != 200:
            raise UnreadableSource(
                f"{url!r} answered {response.status_code} {response.reason_phrase}".rstrip(),
                hint="Open it in a browser; a page behind a log-in cannot be read.",
            )
        content_type, charset = _content_type(response)
        if content_type not in _HTML_TYPES | _TEXT_TYPES:
            raise UnreadableSource(
                f"{url!r} is {content_type or 'of no stated type'}, not a page of text",
                hint="HTML, Markdown and plain text can be read.",
            )
        data = _body(response, url, deadline)
        return Fetched(url, data, content_type, charset, response.headers.get("last-modified"))
    finally:
        response.close()


def _body(response: httpx.Response, url: str, deadline: float) -> bytes:
    """Read and decode the body by hand, so that a small answer that unpacks to gigabytes is stopped in time."""
    too_big = UnreadableSource(f"{url!r} is over {MAX_PAGE_BYTES >> 20} MiB", hint="Save the part you need as a file.")
    if int(response.headers.get("content-length") or 0) > MAX_PAGE_BYTES:
        raise too_big
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip"}:
        raise UnreadableSource(
            f"{url!r} came in the encoding {encoding!r}, which was not asked for", hint="Save the page as a file."
        )
    unpacker = None if encoding in {"identity", ""} else zlib.decompressobj(31)
    body = bytearray()
    for piece in response.iter_raw():
        if time.monotonic() > deadline:
            raise UnreadableSource(f"{url!r} was still sending after {_DEADLINE_S:.0f} s", hint="Try again later.")
        if unpacker is None:
            body += piece
        else:
            body += unpacker.decompress(piece, MAX_PAGE_BYTES + 1 - len(body))
        if len(body) > MAX_PAGE_BYTES:
            raise too_big
    if unpacker is not None and not unpacker.eof:
        raise UnreadableSource(f"{url!r} stopped in the middle", hint="Try again later.")
    return bytes(body)


def _content_type(response: httpx.Response) -> tuple[str, str | None]:
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return content_type, response.charset_encoding


def _checked_address(url: httpx.URL, allow_private: bool, resolve: Resolver) -> str:
    host = url.raw_host.decode("ascii").strip("[]")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        addresses = resolve(host, port)
    except OSError as error:
        raise UnreadableSource(f"the host {host!r} was not found", hint="Check the address and the network.") from error
    if not addresses:
        raise UnreadableSource(f"the host {host!r} has no address", hint="Check the address and the network.")
    for address in addresses:
        if not allow_private and not _is_public(address):
            raise InvalidInput(
                f"{host!r} is {address}, an address of this machine or a private network",
                hint='`lumina ingest` may read it; over REST, send "allow_private": true with the owner\'s token.',
            )
    return addresses[0]


def _is_public_host(url: str, resolve: Resolver) -> bool:
    logical = httpx.URL(url)
    addresses = resolve(logical.raw_host.decode("ascii").strip("[]"), logical.port or 443)
    return any(_is_public(address) for address in addresses)


def _is_public(address: str) -> bool:
    parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is None and parsed in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None and not _is_public(str(inner)):
            return False
    return parsed.is_global and not parsed.is_multicast


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _epoch(*dates: str | None) -> float:
    """The first date that can be read, as epoch seconds; now, where the page says nothing."""
    for date in dates:
        if not date:
            continue
        for read in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                moment = read(date)
            except ValueError:
                continue
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return time.time()

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from lumina_core.documents import Article, article_id
from lumina_core.errors import InvalidInput, UnreadableSource
from lumina_core.ingest import web
from lumina_core.ingest.source import Unchanged
from lumina_core.ingest.web import WebPage, check_url, fetch

PARAGRAPHS = "".join(
    f"<p>Paragraph {n} of the page, long enough to be taken for its main content.</p>" for n in range(9)
)
PAGE = (
    "<html><head><title>Site: Page</title><link rel='canonical' href='/canonical'>"
    "<meta property='article:published_time' content='2021-03-04'></head><body><nav>Menu</nav><article>"
    f"<h1>The page</h1><h2>Part</h2>{PARAGRAPHS}<p><a href='/other'>Other</a> words at the end.</p>"
    "</article></body></html>"
)


def public(host, port):
    return ["93.184.215.14"]


def answering(handler):
    return httpx.MockTransport(handler)


def html(content=PAGE, **headers):
    headers = {"Content-Type": "text/html; charset=utf-8", **headers}
    return httpx.Response(200, headers=headers, stream=httpx.ByteStream(content.encode()))


def test_a_page_becomes_an_article(monkeypatch):
    monkeypatch.setattr(web, "_resolve", public)
    page = WebPage("https://example.org/a?utm=1#part", transport=answering(lambda request: html()))

    (article,) = page.items()

    assert isinstance(article, Article)
    assert article.title == "The page"
    assert article.url == "https://example.org/canonical"
    assert article.source == page.name == "example.org"
    assert article.id == article_id("example.org", "https://example.org/canonical")
    assert "Part" in [section.heading for section in article.sections]
    assert "Paragraph 3 of the page" in article.text
    assert "Menu" not in article.text
    assert article.ts == 1614816000.0
    assert page.position_bytes == page.total_bytes == len(PAGE)


def test_the_same_page_again_is_unchanged(monkeypatch):
    monkeypatch.setattr(web, "_resolve", public)
    page = WebPage("https://example.org/a", transport=answering(lambda request: html()))
    (article,) = page.items()

    again = list(page.items(known=lambda *key: key == (article.source, article.title, article.revision)))

    assert again == [Unchanged("The page")]


def test_the_connection_goes_to_the_address_that_was_checked():
    seen = []

    def handler(request):
        seen.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        return html()

    fetch("https://example.org:8443/a", transport=answering(handler), resolve=public)

    assert seen == [("93.184.215.14", "example.org:8443", "example.org")]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "::1", "::",
     "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "ff02::1"],
)  # fmt: skip
def test_private_addresses_are_refused_unless_allowed(address):
    def resolve(host, port):
        return ["93.184.215.14", address]

    with pytest.raises(InvalidInput, match="private network") as caught:
        fetch("http://inside.example/", transport=answering(lambda request: html()), resolve=resolve)

    assert caught.value.hint


def test_every_redirect_is_checked_again():
    def resolve(host, port):
        return ["127.0.0.1"] if host == "evil.example" else public(host, port)

    def handler(request):
        return httpx.Response(302, headers={"Location": "http://evil.example/metadata"})

    with pytest.raises(InvalidInput, match=r"evil\.example"):
        fetch("http://example.org/", transport=answering(handler), resolve=resolve)
    with pytest.raises(InvalidInput, match="only http and https"):
        fetch(
            "http://example.org/",
            transport=answering(lambda request: httpx.Response(301, headers={"Location": "file:///etc/passwd"})),
            resolve=public,
        )


def test_five_redirects_are_followed_and_no_more():
    def handler(request):
        step = int(request.url.path.strip("/"))
        return html() if step == 0 else httpx.Response(302, headers={"Location": f"/{step - 1}"})

    assert fetch("http://example.org/5", transport=answering(handler), resolve=public).url == "http://example.org/0"
    with pytest.raises(UnreadableSource, match="more than 5"):
        fetch("http://example.org/6", transport=answering(handler), resolve=public)


def typed(body=b"", content_type="text/html", **headers):
    return httpx.Response(200, headers={"Content-Type": content_type, **headers}, stream=httpx.ByteStream(body))


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(404), "404"),
        (typed(b"x", "image/png"), "image/png"),
        (typed(**{"Content-Length": str(21 << 20)}), "20 MiB"),
        (typed(b"x" * (21 << 20)), "20 MiB"),
        (typed(b"x", **{"Content-Encoding": "br"}), "'br'"),
        (typed(gzip.compress(b"x" * (30 << 20)), **{"Content-Encoding": "gzip"}), "20 MiB"),
        (typed(gzip.compress(b"x" * 999)[:-9], **{"Content-Encoding": "gzip"}), "stopped in the middle"),
        (typed(b"no gzip", **{"Content-Encoding": "gzip"}), "could not be fetched"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_hint(response, words):
    with pytest.raises(UnreadableSource, match=words) as caught:
        fetch("http://example.org/", transport=answering(lambda request: response), resolve=public)

    assert caught.value.hint


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
def test_a_server_that_does_not_answer_is_our_error(error):
    def handler(request):
        raise error

    with pytest.raises(UnreadableSource):
        fetch("http://example.org/", transport=answering(handler), resolve=public)


def test_a_host_that_does_not_exist_is_our_error():
    def resolve(host, port):
        raise OSError("no such host")

    with pytest.raises(UnreadableSource, match="not found"):
        fetch("http://nowhere.invalid/", transport=answering(lambda request: html()), resolve=resolve)


@pytest.mark.parametrize(
    "url",
    ["ftp://x.org/a", "file:///etc/passwd", "https://", "https://user:pw@x.org/", "https://user@x.org/", "x.org/a",
     "http://x.org:99999/", "http://[::1/", "javascript:alert(1)"],
)  # fmt: skip
def test_addresses_that_may_not_be_fetched_are_refused_before_anything(url):
    with pytest.raises(InvalidInput) as caught:
        check_url(url)

    assert caught.value.hint


def test_a_page_without_text_is_an_error(monkeypatch):
    monkeypatch.setattr(web, "_resolve", public)
    page = WebPage(
        "http://example.org/", transport=answering(lambda request: html("<html><script>x()</script></html>"))
    )

    with pytest.raises(UnreadableSource, match="no text"):
        list(page.items())


def test_the_charset_of_the_header_is_believed(monkeypatch):
    monkeypatch.setattr(web, "_resolve", public)
    body = PAGE.replace("words at the end", "Wörter am Ende").encode("latin-1")
    headers = {"Content-Type": "text/html; charset=iso-8859-1"}
    response = httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    (article,) = WebPage("http://example.org/", transport=answering(lambda request: response)).items()

    assert "Wörter am Ende" in article.text


class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        body = gzip.compress(PAGE.encode())
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


def test_a_real_server_on_this_machine_is_read_where_that_is_allowed():
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://localhost:{server.server_port}/a"
        try:
            with pytest.raises(InvalidInput, match="private network"):
                list(WebPage(url).items())
            (article,) = WebPage(url, allow_private=True).items()
        finally:
            server.shutdown()

    assert article.title == "The page"
    assert article.source == "localhost"


def test_an_allowed_private_page_may_redirect_on_its_own_network_but_a_public_one_may_not():
    hosts = {"wiki.lan": ["10.0.0.5"], "public.example": ["93.184.216.34"]}

    def answer(request):
        host = request.headers["host"]
        if request.url.path == "/there":
            return httpx.Response(200, headers={"content-type": "text/plain"}, stream=httpx.ByteStream(b"Here it is."))
        return httpx.Response(302, headers={"location": "http://wiki.lan/there" if host else ""})

    def resolve(host, port):
        return hosts[host]

    transport = httpx.MockTransport(answer)
    page = fetch("http://wiki.lan/", allow_private=True, transport=transport, resolve=resolve)

    assert page.data == b"Here it is."
    with pytest.raises(InvalidInput, match="private network"):
        fetch("http://public.example/", allow_private=True, transport=transport, resolve=resolve)

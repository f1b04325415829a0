"""Where the module's code is, or its address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding, Severity

__all__ = ["RULE"]

BAD = Code("bad-entrypoint", "There is neither an entrypoint nor a url, or both.")
IMPORT = Code("entrypoint-does-not-import", "The entry point cannot be imported, or is no `Module`.")
PLAIN = Code("url-without-tls", "The module's url is called without TLS on another machine.", Severity.WARNING)


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    yield from module.found(BAD, "entrypoint")
    if (found := module.inspection) and found.problem:
        if found.file is None:
            yield module.finding(IMPORT, ("entrypoint",), found.problem, found.hint)
        else:
            yield module.finding_in(IMPORT, module.relative(found.file), found.line, found.problem, found.hint)
    url = module.document.at("url")
    if isinstance(url, str) and url.startswith("http://") and not _is_loopback(url):
        yield module.finding(
            PLAIN, ("url",), f"{url} is called without TLS: tokens could be read on the way", "Serve it over https."
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


RULE = Rule((BAD, IMPORT, PLAIN), check)

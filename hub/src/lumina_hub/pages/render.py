"""The pages' HTML: small, without scripts, readable without their style."""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["render_operations", "render_start"]

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1.25rem }
code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { padding: .9rem 1rem; border: 1px solid #8885; border-radius: .5rem; overflow-x: auto }
h1 { margin-bottom: .2rem } h2 { margin-top: 2.2rem }
.scope { opacity: .75; font-size: 14px }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .35rem .8rem .35rem 0;
border-bottom: 1px solid #8883; vertical-align: top }
"""


def render_start(base_url: str) -> str:
    """The start page of a hub reached at `base_url`."""
    base = escape(base_url)
    return _page(
        "Lumina",
        f"""
<h1>Lumina</h1>
<p>A knowledge base of your own. It answers from what it knows, with citations and an honest confidence, and says so
when it does not know.</p>
<h2>Ask</h2>
<pre>lumina ask "What is Lumina?"</pre>
<p>Or from any program. The token is in <code>owner.token</code> of the data directory:</p>
<pre>curl {base}/api/v1/chat \\
  -H "Authorization: Bearer $(cat ~/.lumina/owner.token)" \\
  -H "Content-Type: application/json" \\
  -d '{{"query": "What is Lumina?"}}'</pre>
<h2>Teach it</h2>
<pre>lumina ingest ~/notes
lumina ingest https://en.wikipedia.org/wiki/Anarchism
lumina ingest enwiki-latest-pages-articles.xml.bz2</pre>
<h2>Look inside</h2>
<ul>
<li><a href="/api/v1/docs">Every route</a>, and the same as <a href="/api/v1/openapi.json">OpenAPI</a></li>
<li><a href="/readyz">Whether the hub is ready</a></li>
<li><code>lumina status</code>, <code>lumina doctor</code>, <code>lumina graph log</code></li>
</ul>
""",
    )


def render_operations(openapi: dict[str, Any]) -> str:
    """Every operation of an OpenAPI document, by tag."""
    sections: dict[str, list[str]] = {}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            scopes = operation.get("x-required-scopes", [])
            access = "needs " + ", ".join(f"<code>{escape(scope)}</code>" for scope in scopes) if scopes else "public"
            sections.setdefault(operation.get("tags", ["other"])[0], []).append(
                f"<tr><td><code>{method.upper()}&nbsp;{escape(path)}</code></td>"
                f"<td>{_prose(operation.get('description', ''))}<br>"
                f'<span class="scope">{access}</span></td></tr>'
            )
    body = "".join(f"<h2>{escape(tag)}</h2><table>{''.join(rows)}</table>" for tag, rows in sections.items())
    return _page(
        "Lumina: routes",
        f'<h1>Routes</h1><p>As <a href="/api/v1/openapi.json">OpenAPI</a> with every field. '
        f'Errors are problems, RFC 9457. <a href="/">Start page</a></p>{body}',
    )


def _prose(text: str) -> str:
    parts = escape(" ".join(text.split())).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )

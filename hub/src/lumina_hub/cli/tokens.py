"""`lumina token`: API tokens made, listed and revoked, and the signing keys rotated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from rich.markup import escape
from rich.table import Table

from lumina_hub.cli.connection import connect
from lumina_hub.cli.failures import MISUSED, Failure
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, moment, note, print_json, print_raw_json
from lumina_sdk.contract import ApiTokens, IssuedToken, SigningKeys

__all__ = ["create", "listing", "revoke", "rotate_keys"]

_TOKENS = "/api/v1/tokens"
_LIFE = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


async def create(said: Globals, name: str, *, scopes: Sequence[str], expires: str | None, client: bool) -> None:
    """Print the token alone on stdout, so that a script can keep it."""
    body = {"name": name, "scopes": list(scopes), "expires_in_s": _life_s(expires), "client": client}
    async with connect(said) as hub:
        answer = await hub.post(_TOKENS, body)
    if said.json:
        print_raw_json(answer)
        return
    issued = IssuedToken.model_validate_json(answer)
    data().print(issued.token, markup=False)
    ends = f" until {moment(issued.expires_at)} UTC" if issued.expires_at is not None else ""
    note(f"Token {issued.id} may {', '.join(issued.scopes)}{ends}. It is shown this once.")
    if client:
        note(f"For /oauth/token, {issued.id} is the client's id and the token its secret.")


async def listing(said: Globals) -> None:
    async with connect(said) as hub:
        body = await hub.get(_TOKENS)
    if said.json:
        print_raw_json(body)
        return
    tokens = ApiTokens.model_validate_json(body).tokens
    if not tokens:
        data().print("No API tokens. Make one with: lumina token create NAME --scope chat")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("id", "name", "of", "scopes", "made", "ends", "last used"):
        table.add_column(column, overflow="fold", no_wrap=column == "id")
    for token in tokens:
        name = token.name + (" (client)" if token.client else "")
        times = [
            moment(at) if at is not None else "never" for at in (token.created_at, token.expires_at, token.last_used_at)
        ]
        table.add_row(token.id, escape(name), token.owner, " ".join(token.scopes), *times)
    data().print(table)


async def revoke(said: Globals, id: str) -> None:
    async with connect(said) as hub:
        await hub.delete(f"{_TOKENS}/{quote(id, safe='')}")
    if said.json:
        print_json({"revoked": id})
        return
    data().print(f"Token {id} is revoked, and so are those made with it.", markup=False)


async def rotate_keys(said: Globals) -> None:
    async with connect(said) as hub:
        body = await hub.post("/api/v1/keys/rotate")
    if said.json:
        print_raw_json(body)
        return
    newest, *older = SigningKeys.model_validate_json(body).keys
    data().print(f"Key {newest.id} signs from now on.", markup=False)
    if older:
        data().print("Tokens signed before stay valid until they end, at most an hour.")


def _life_s(text: str | None) -> int | None:
    """`30d` in seconds."""
    if text is None:
        return None
    found = _LIFE.fullmatch(text.strip().lower())
    if found is None:
        raise Failure(
            f"{text!r} is no span of time.", hint="Write a number and s, m, h or d: --expires 30d.", status=MISUSED
        )
    return int(found[1]) * _SECONDS[found[2]]

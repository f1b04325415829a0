"""Reading what an OAuth client sends: a form, and its own id and secret in the form or in the header."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request

from lumina_hub.auth.oauth.errors import RefusedGrant
from lumina_sdk.contract import OAuthErrorCode

__all__ = ["ClientForm", "read_form"]

_MEDIA_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class ClientForm:
    """`client_id` and `client_secret` are what the client says it is; `fields` are the other ones of the form."""

    client_id: str
    client_secret: str
    fields: dict[str, str]


async def read_form(request: Request) -> ClientForm:
    """
    Raises:
        RefusedGrant: there is no form, a field comes twice, or the client does not name itself in one way.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise RefusedGrant(OAuthErrorCode.INVALID_REQUEST, f"Send the parameters as {_MEDIA_TYPE}.")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as error:
        raise RefusedGrant(OAuthErrorCode.INVALID_REQUEST, "The form cannot be read.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RefusedGrant(OAuthErrorCode.INVALID_REQUEST, "A parameter is given twice.")
    in_form = fields.pop("client_id", None), fields.pop("client_secret", None)
    client_id, secret = _client(request.headers.get("authorization"), *in_form)
    return ClientForm(client_id, secret, {name: value for name, value in fields.items() if value})


def _client(authorization: str | None, client_id: str | None, client_secret: str | None) -> tuple[str, str]:
    """RFC 6749, section 2.3.1: as HTTP Basic, or in the form, and not in both."""
    if authorization is None:
        if not client_id or not client_secret:
            raise RefusedGrant(OAuthErrorCode.INVALID_CLIENT, "The client does not name itself.")
        return client_id, client_secret
    if client_secret is not None:
        raise RefusedGrant(OAuthErrorCode.INVALID_REQUEST, "The client names itself in two ways.")
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error) as error:
        raise RefusedGrant(OAuthErrorCode.INVALID_CLIENT, "The header is not HTTP Basic.") from error
    id, secret = unquote_plus(id), unquote_plus(secret)
    if not colon or (client_id is not None and client_id != id):
        raise RefusedGrant(OAuthErrorCode.INVALID_CLIENT, "The client does not name itself.")
    return id, secret

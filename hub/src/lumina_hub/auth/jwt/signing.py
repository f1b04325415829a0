"""Claims to a signed token and back: the only code that knows the JOSE library."""

from __future__ import annotations

import math
from collections.abc import Callable

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import GuestProtocol, OKPKey
from joserfc.jwt import JWTClaimsRegistry

from lumina_hub.auth.jwt.claims import HUB_AUDIENCE, MEDIA_TYPE, Claims
from lumina_hub.auth.keys.ring import ALGORITHM, LONGEST_TOKEN_S, KeyRing
from lumina_hub.errors import InvalidToken, TokenFault

__all__ = ["LEEWAY_S", "is_signed", "sign", "verify"]

LEEWAY_S = 5
"""How far two machines' clocks may be apart."""

_FOREIGN = (JoseError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def is_signed(token: str) -> bool:
    """Whether the token has the shape of a JWT, and so must verify as one."""
    return token.startswith("eyJ") and token.count(".") == 2


def sign(claims: Claims, keys: KeyRing) -> str:
    key = keys.signing
    header = {"typ": MEDIA_TYPE, "alg": ALGORITHM, "kid": key.kid}
    return jwt.encode(header, claims.as_dict(), key.key, algorithms=[ALGORITHM])


def verify(token: str, keys: KeyRing, *, issuer: str, clock: Callable[[], float]) -> Claims:
    """The claims of a token that one of our keys signed for this hub, and whose time it is.

    The key is the one of our own that the header's `kid` names. Whatever else the header offers (`jwk`, `jku`, `x5c`)
    is not looked at, and there is one algorithm.

    Raises:
        InvalidToken: saying which of these does not hold.
    """

    def our_key(signature: GuestProtocol) -> OKPKey:
        header = signature.headers()
        known = keys.find(header.get("kid"))
        if known is None:
            raise InvalidToken(TokenFault.UNKNOWN_KEY)
        if str(header.get("typ", "")).lower() not in (MEDIA_TYPE, f"application/{MEDIA_TYPE}"):
            raise InvalidToken(TokenFault.MALFORMED)
        return known.key

    now = clock()
    registry = JWTClaimsRegistry(
        now=math.floor(now),
        leeway=LEEWAY_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": HUB_AUDIENCE},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
    )
    try:
        said = jwt.decode(token, our_key, algorithms=[ALGORITHM]).claims
        registry.validate(said)
        claims = Claims.read(said)
    except ExpiredTokenError as error:
        raise InvalidToken(TokenFault.EXPIRED) from error
    except _FOREIGN as error:
        raise InvalidToken(TokenFault.MALFORMED) from error
    if claims.expires_at - claims.issued_at > LONGEST_TOKEN_S:
        raise InvalidToken(TokenFault.MALFORMED)
    return claims

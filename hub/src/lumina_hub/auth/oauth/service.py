"""Short-lived access tokens for API clients (RFC 6749, section 4.4), and giving them back (RFC 7009)."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.jwt.issuer import TokenIssuer
from lumina_hub.auth.jwt.revocations import Revocations
from lumina_hub.auth.jwt.signing import is_signed
from lumina_hub.auth.jwt.verifier import SignedTokenStore
from lumina_hub.auth.oauth.errors import RefusedGrant
from lumina_hub.auth.oauth.form import ClientForm
from lumina_hub.auth.principal import Principal, token_id
from lumina_hub.auth.tokens.finder import ApiTokenFinder
from lumina_hub.auth.tokens.store import ApiTokenStore
from lumina_hub.errors import InvalidToken
from lumina_sdk.contract import InvalidScope, OAuthErrorCode, ScopeSet, TokenResponse

__all__ = ["OAuthService"]


class OAuthService:
    """A client is an API token that was made as one: its id is the client's id, the token the client's secret."""

    def __init__(
        self,
        tokens: ApiTokenStore,
        finder: ApiTokenFinder,
        issuer: TokenIssuer,
        signed: SignedTokenStore,
        revocations: Revocations,
        audit: Audit,
        *,
        lifetime_s: float,
        on_change: Callable[[], None],
    ) -> None:
        self._tokens = tokens
        self._finder = finder
        self._issuer = issuer
        self._signed = signed
        self._revocations = revocations
        self._audit = audit
        self._lifetime_s = lifetime_s
        self._on_change = on_change

    async def grant(self, form: ClientForm) -> TokenResponse:
        """An access token for the client itself, of as many of its scopes as it asks for.

        Raises:
            RefusedGrant: saying why, in OAuth's words.
        """
        grant_type = form.fields.get("grant_type")
        if grant_type is None:
            raise RefusedGrant(OAuthErrorCode.INVALID_REQUEST, "The parameter grant_type is missing.")
        client = await self._client(form)
        if grant_type != "client_credentials":
            raise RefusedGrant(OAuthErrorCode.UNSUPPORTED_GRANT_TYPE, "The one grant is client_credentials.")
        scopes = _narrowed(client.scopes, form.fields.get("scope"))
        about = client.id
        self._audit.note(AuditEvent.TOKEN_ISSUED, by=about, scopes=str(scopes))
        token = self._issuer.issue(client.id, scopes, client_id=about, lifetime_s=self._lifetime(client))
        return TokenResponse(access_token=token.text, expires_in=int(token.lifetime_s), scope=str(scopes))

    async def revoke(self, form: ClientForm) -> None:
        """Accept one of the client's own access tokens no more. One that is unknown or over is as good as revoked.

        Raises:
            RefusedGrant: saying why, in OAuth's words.
        """
        client = await self._client(form)
        token = form.fields.get("token")
        if token is None:
            raise RefusedGrant(OAuthErrorCode.INVALID_REQUEST, "The parameter token is missing.")
        if not is_signed(token):
            return
        try:
            claims = self._signed.read(token)
        except InvalidToken:
            return
        if claims.client_id != client.id:
            raise RefusedGrant(OAuthErrorCode.UNAUTHORIZED_CLIENT, "The token was issued to another client.")
        await self._revocations.revoke(claims)
        self._on_change()
        await self._audit.record(AuditEvent.TOKEN_REVOKED, by=client.id, about=client.id, jti=claims.token_id)

    async def _client(self, form: ClientForm) -> Principal:
        known = await self._tokens.matching(form.client_secret)
        if known is None or not hmac.compare_digest(form.client_id.encode(), known.id.encode()):
            self._audit.note(AuditEvent.REFUSED, by="nobody", allowed=False, reason="invalid_client")
            raise RefusedGrant(OAuthErrorCode.INVALID_CLIENT, "There is no such client, or not with this secret.")
        try:
            principal = await self._finder.principal_of(known)
        except InvalidToken as error:
            self._audit.note(AuditEvent.REFUSED, by=token_id(known.id), allowed=False, token=error.fault.value)
            raise RefusedGrant(OAuthErrorCode.INVALID_CLIENT, "The client is no longer valid.") from error
        if not known.is_client:
            raise RefusedGrant(
                OAuthErrorCode.UNAUTHORIZED_CLIENT, "The token was not made as a client: make one with --client."
            )
        return principal

    def _lifetime(self, client: Principal) -> float:
        """No longer than the client itself has."""
        return self._issuer.at_most(self._lifetime_s, until=client.expires_at)


def _narrowed(granted: ScopeSet, asked: str | None) -> ScopeSet:
    if asked is None:
        return granted
    try:
        wanted = ScopeSet.parse(asked)
    except InvalidScope as error:
        raise RefusedGrant(OAuthErrorCode.INVALID_SCOPE, str(error)) from error
    if missing := granted.missing(wanted):
        raise RefusedGrant(OAuthErrorCode.INVALID_SCOPE, f"The client was not granted {' '.join(missing)}.")
    if not wanted:
        raise RefusedGrant(OAuthErrorCode.INVALID_SCOPE, "The parameter scope is empty.")
    return wanted

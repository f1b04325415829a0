"""Logging in and out."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from lumina_core.errors import InvalidInput
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.authenticator import Authenticator
from lumina_hub.auth.principal import Principal, PrincipalKind, user_id
from lumina_hub.auth.sessions.schemas import session_out
from lumina_hub.auth.sessions.store import SessionStore
from lumina_hub.auth.sessions.throttle import ADDRESS, USER, Limit, LoginThrottle, network_of
from lumina_hub.auth.tokens.store import digest_of
from lumina_hub.auth.users.service import UserService
from lumina_hub.auth.users.store import User
from lumina_hub.errors import InvalidToken, LoginRefused, Throttled
from lumina_sdk.contract import ChangePassword, LoginRequest, LoginSession

__all__ = ["Login", "SessionService"]


@dataclass(frozen=True, slots=True)
class Login:
    """A session that has begun, and what to put into its cookie."""

    cookie: str
    session: LoginSession


class SessionService:
    """Logs people in with a name and a password, and people and programs with a token."""

    def __init__(
        self,
        sessions: SessionStore,
        users: UserService,
        throttle: LoginThrottle,
        authenticator: Authenticator,
        audit: Audit,
    ) -> None:
        self._sessions = sessions
        self._users = users
        self._throttle = throttle
        self._authenticator = authenticator
        self._audit = audit

    async def log_in(self, request: LoginRequest, *, address: str, old_cookie: str | None) -> Login:
        """Begin a session. It has nothing of the one before it, which ends.

        Args:
            request: A name and a password, or a token.
            address: Where the caller is.
            old_cookie: What the browser sent, if anything.

        Raises:
            InvalidInput: neither is given, or both.
            LoginRefused, InvalidToken: they are wrong.
            Throttled: too many were, lately.
        """
        if request.token is not None and request.name is None and request.password is None:
            login = await self._with_token(request.token.get_secret_value(), address)
        elif request.token is None and request.name is not None and request.password is not None:
            login = await self._with_password(request.name.strip().lower(), request.password, address)
        else:
            raise InvalidInput("to log in takes a name and a password, or a token", hint="Send one of the two.")
        if old_cookie is not None:
            await self._end(old_cookie)
        return login

    async def log_out(self, principal: Principal, cookie: str | None) -> None:
        """End the session. Without one nothing happens: a token is not a session."""
        if cookie is None:
            return
        await self._end(cookie)
        await self._audit.record(AuditEvent.LOGGED_OUT, by=principal.id)

    async def current(self, principal: Principal, cookie: str | None) -> LoginSession | None:
        """The session of the request; None for a call with a token."""
        session = await self._sessions.get(cookie) if cookie is not None else None
        return session_out(cookie, session, principal) if cookie is not None and session is not None else None

    async def change_password(self, principal: Principal, request: ChangePassword) -> None:
        """Change the caller's own password. Every session of the user ends, this one too.

        Raises:
            InvalidInput: the caller did not log in with a password, or the new one is too easy to guess.
            LoginRefused: the present one is wrong.
            Throttled: too many were, lately.
        """
        if principal.kind is not PrincipalKind.USER:
            raise InvalidInput("only a user who logged in has a password to change")
        name = principal.id.partition(":")[2]
        user = await self._tried({USER: name}, name, request.current)
        await self._users.change_password(principal, user, request.new)

    async def _with_password(self, name: str, password: SecretStr, address: str) -> Login:
        user = await self._tried({ADDRESS: network_of(address), USER: name}, name, password)
        return await self._begin(user_id(user.name))

    async def _tried(self, keys: dict[Limit, str], name: str, password: SecretStr) -> User:
        """The user, if the password is right. What was typed as a name is put down only if it is one: it may be a
        password in the wrong field."""
        address = keys.get(ADDRESS)
        known = user_id(name) if await self._users.exists(name) else "unknown user"
        try:
            await self._throttle.take(keys)
        except Throttled:
            self._audit.note(AuditEvent.LOGIN_THROTTLED, by=known, allowed=False, address=address)
            raise
        user = await self._users.log_in(name, password.get_secret_value())
        if user is None:
            self._audit.note(AuditEvent.LOGIN_FAILED, by=known, allowed=False, address=address)
            raise LoginRefused
        await self._throttle.succeeded(keys)
        return user

    async def _with_token(self, token: str, address: str) -> Login:
        keys = {ADDRESS: network_of(address)}
        try:
            await self._throttle.take(keys)
            principal = await self._authenticator.bearer(token)
        except (InvalidToken, Throttled) as error:
            event = AuditEvent.LOGIN_THROTTLED if isinstance(error, Throttled) else AuditEvent.LOGIN_FAILED
            self._audit.note(event, by="nobody", allowed=False, address=keys[ADDRESS])
            raise
        await self._throttle.succeeded(keys)
        if principal.kind not in (PrincipalKind.OWNER, PrincipalKind.TOKEN) or token.count(".") == 2:
            raise InvalidInput(
                "with this token no session can begin", hint="Use the owner's token or an API token (`lum_…`)."
            )
        return await self._begin(principal.id, proof=digest_of(token).hex())

    async def _begin(self, principal_id: str, *, proof: str = "") -> Login:
        cookie, session = await self._sessions.begin(principal_id, proof=proof)
        found = await self._authenticator.session(cookie)
        await self._audit.record(AuditEvent.LOGGED_IN, by=principal_id)
        return Login(cookie, session_out(cookie, session, found))

    async def _end(self, cookie: str) -> None:
        await self._sessions.end(cookie)
        self._authenticator.forget()

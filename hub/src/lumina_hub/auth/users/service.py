"""Users for the routes: added, changed, removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pydantic import SecretStr

from lumina_core.errors import Conflict, NotFound
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.principal import Principal, PrincipalKind, user_id
from lumina_hub.auth.tokens.store import ApiTokenStore
from lumina_hub.auth.users.passwords import Passwords, check_password
from lumina_hub.auth.users.schemas import user_out
from lumina_hub.auth.users.store import User, UserStore
from lumina_hub.errors import NotForModules
from lumina_sdk.contract import NewUser, UpdateUser, Users
from lumina_sdk.contract import User as UserOut

__all__ = ["UserService"]


class UserService:
    """`on_change` is called after a user may do less, so that it counts at once."""

    def __init__(
        self,
        users: UserStore,
        tokens: ApiTokenStore,
        passwords: Passwords,
        audit: Audit,
        *,
        on_change: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._users = users
        self._tokens = tokens
        self._passwords = passwords
        self._audit = audit
        self._on_change = on_change
        self._clock = clock

    async def add(self, principal: Principal, wanted: NewUser) -> UserOut:
        """
        Raises:
            Conflict: the name is taken.
            InvalidInput: the password is too easy to guess.
        """
        _no_modules(principal)
        password = wanted.password.get_secret_value()
        check_password(password, user=wanted.name)
        if await self._users.get(wanted.name) is not None:
            raise _taken(wanted.name)
        now = self._clock()
        user = User(wanted.name, wanted.role, await self._passwords.hash(password), now, now)
        await self._audit.record(
            AuditEvent.USER_ADDED, by=principal.id, about=user_id(user.name), role=wanted.role.value
        )
        if not await self._users.add(user):
            raise _taken(wanted.name)
        return user_out(user)

    async def list(self) -> Users:
        return Users(users=tuple(map(user_out, await self._users.all())))

    async def update(self, principal: Principal, name: str, wanted: UpdateUser) -> UserOut:
        """Change what is given. A new password and being disabled end the user's sessions.

        Raises:
            NotFound: there is no such user.
            InvalidInput: the password is too easy to guess.
        """
        _no_modules(principal)
        changed = await self._existing(name)
        about = user_id(name)
        if wanted.password is not None:
            changed = replace(changed, password_hash=await self._hashed(name, wanted.password))
            await self._audit.record(AuditEvent.PASSWORD_CHANGED, by=principal.id, about=about)
        if wanted.role is not None:
            changed = replace(changed, role=wanted.role)
            await self._audit.record(AuditEvent.ROLE_CHANGED, by=principal.id, about=about, role=wanted.role.value)
        if wanted.disabled is not None:
            changed = replace(changed, is_disabled=wanted.disabled)
            event = AuditEvent.USER_DISABLED if wanted.disabled else AuditEvent.USER_ENABLED
            await self._audit.record(event, by=principal.id, about=about)
        if wanted.password is not None or wanted.disabled:
            changed = replace(changed, sessions_since=self._clock())
        await self._replace(changed)
        return user_out(changed)

    async def exists(self, name: str) -> bool:
        return await self._users.get(name) is not None

    async def log_in(self, name: str, password: str) -> User | None:
        """The user of this name and password; None where there is none, after as much work."""
        user = await self._users.get(name)
        right = await self._passwords.matches(user.password_hash if user is not None else None, password)
        if user is None or not right or user.is_disabled:
            return None
        if self._passwords.is_outdated(user.password_hash):
            await self._users.replace(replace(user, password_hash=await self._passwords.hash(password)))
        await self._users.mark_seen(name, self._clock())
        return user

    async def change_password(self, principal: Principal, user: User, new: SecretStr) -> None:
        """Every session of the user ends. Raises `InvalidInput` where the password is too easy to guess."""
        hashed = await self._hashed(user.name, new)
        await self._audit.record(AuditEvent.PASSWORD_CHANGED, by=principal.id, about=user_id(user.name))
        await self._replace(replace(user, password_hash=hashed, sessions_since=self._clock()))

    async def remove(self, principal: Principal, name: str) -> None:
        """The user's sessions and tokens end with it. Raises `NotFound`."""
        _no_modules(principal)
        if not await self._users.remove(name):
            raise _unknown(name)
        self._on_change()
        await self._tokens.remove_made_by(user_id(name))
        await self._audit.record(AuditEvent.USER_REMOVED, by=principal.id, about=user_id(name))

    async def _hashed(self, name: str, password: SecretStr) -> str:
        check_password(password.get_secret_value(), user=name)
        return await self._passwords.hash(password.get_secret_value())

    async def _existing(self, name: str) -> User:
        user = await self._users.get(name)
        if user is None:
            raise _unknown(name)
        return user

    async def _replace(self, user: User) -> None:
        if not await self._users.replace(user):
            raise Conflict(f"user {user.name!r} was changed or removed meanwhile", hint="Look, and try again.")
        self._on_change()


def _no_modules(principal: Principal) -> None:
    if principal.kind is PrincipalKind.MODULE:
        raise NotForModules("add, change or remove users")


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a user {name!r} already", hint=f"`lumina user passwd {name}` changes the password.")


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no user {name!r}", hint="`lumina user list` shows who there is.")

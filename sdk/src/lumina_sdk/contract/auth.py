"""Who is calling: tokens, users and sessions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue, SecretStr

from lumina_sdk.contract._model import RequestModel, WireModel
from lumina_sdk.contract.scope import ScopeText

__all__ = [
    "ApiToken",
    "ApiTokens",
    "AuditEntries",
    "AuditEntry",
    "ChangePassword",
    "IssuedToken",
    "LoginRequest",
    "LoginSession",
    "NewApiToken",
    "NewUser",
    "OAuthError",
    "OAuthErrorCode",
    "PrincipalInfo",
    "Role",
    "SigningKeyInfo",
    "SigningKeys",
    "TokenRequest",
    "TokenResponse",
    "UpdateUser",
    "User",
    "Users",
]

UserName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,31}$", examples=["ada"])]
"""A user's name: lower case, 1 to 32 characters."""

Password = Annotated[SecretStr, Field(max_length=1024)]
"""The hub says which are good enough, and why one is not."""


class Role(StrEnum):
    """A named set of scopes. `owner` may do everything, and there is always one."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class TokenRequest(RequestModel):
    """`POST /oauth/token`, as a form (RFC 6749, section 4.4.2). `scope` narrows what the token may do.

    The client may name itself here or in the Authorization header as HTTP Basic, and not in both (section 2.3.1).
    """

    grant_type: Literal["client_credentials"]
    client_id: str | None = Field(default=None, max_length=256)
    client_secret: SecretStr | None = Field(default=None, max_length=1024)
    scope: str | None = Field(default=None, max_length=8192, examples=["chat read:graph"])


class TokenResponse(WireModel):
    """RFC 6749, section 5.1. `scope` is what the token may do, with blanks between."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int
    scope: str


class OAuthErrorCode(StrEnum):
    """RFC 6749, section 5.2."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_SCOPE = "invalid_scope"


class OAuthError(WireModel):
    """RFC 6749, section 5.2: how `/oauth/token` alone says that something is wrong."""

    error: OAuthErrorCode
    error_description: str | None = None


class PrincipalInfo(WireModel):
    """Who a call is made by. `scopes` are what it may do; `on_behalf_of` is whom a module calls for, where it does."""

    id: str
    kind: Literal["owner", "user", "token", "client", "module"]
    scopes: tuple[str, ...]
    on_behalf_of: str | None = None


class NewApiToken(RequestModel):
    """A token to make. It never allows more than its maker may do; `expires_in_s` None is a token that stays valid.

    With `client` its id and secret are also good for `POST /oauth/token`.
    """

    name: str = Field(min_length=1, max_length=100, description="What it is for, for people.")
    scopes: tuple[ScopeText, ...] = Field(min_length=1)
    expires_in_s: int | None = Field(default=None, ge=60)
    client: bool = False


class ApiToken(WireModel):
    """A token, without its secret, of which only a digest is kept. Times are epoch seconds."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    client: bool = False
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None


class IssuedToken(ApiToken):
    """A token as it is shown once, when it is made. For an OAuth client, `id` is its id, `token` its secret."""

    token: str


class ApiTokens(WireModel):
    """Newest first."""

    tokens: tuple[ApiToken, ...]


class NewUser(RequestModel):
    """A user to add."""

    name: UserName
    password: Password
    role: Role = Role.MEMBER


class UpdateUser(RequestModel):
    """What to change about a user; what is None stays."""

    role: Role | None = None
    password: Password | None = None
    disabled: bool | None = None


class User(WireModel):
    """A user. `scopes` are those of the role; times are epoch seconds."""

    name: str
    role: Role
    scopes: tuple[str, ...]
    disabled: bool = False
    created_at: float
    last_login_at: float | None = None


class Users(WireModel):
    """By name."""

    users: tuple[User, ...]


class ChangePassword(RequestModel):
    """A user's own new password. Every other session of the user ends."""

    current: SecretStr = Field(max_length=1024)
    new: Password


class LoginRequest(RequestModel):
    """A user's name and password; or, in `token`, the owner's token or an API token."""

    name: str | None = Field(default=None, max_length=64)
    password: SecretStr | None = Field(default=None, max_length=1024)
    token: SecretStr | None = Field(default=None, max_length=4096)


class LoginSession(WireModel):
    """A session, whose cookie the browser holds. Send `csrf_token` as `X-CSRF-Token` with every unsafe request."""

    id: str
    principal: PrincipalInfo
    csrf_token: str | None = None
    created_at: float
    expires_at: float


class SigningKeyInfo(WireModel):
    """A key that verifies access tokens; `id` is its `kid`, `created_at` epoch seconds."""

    id: str
    created_at: float


class SigningKeys(WireModel):
    """The one that signs first."""

    keys: tuple[SigningKeyInfo, ...]


class AuditEntry(WireModel):
    """A grant, a token, a login or a refusal. `by` and `about` are principals' ids, `ts` is epoch seconds."""

    ts: float
    event: str
    by: str
    about: str | None = None
    allowed: bool = True
    details: dict[str, JsonValue] = Field(default_factory=dict)


class AuditEntries(WireModel):
    """Newest first. `before` is the cursor of the page after this one, None on the last page."""

    entries: tuple[AuditEntry, ...]
    before: str | None = None

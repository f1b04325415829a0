"""What the audit log tells of."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["AUDIT", "AuditEvent"]

AUDIT = "audit/audit"
"""The stream of the graph log: `graphs/audit/YYYY/MM/DD/audit.ndjson`."""


class AuditEvent(StrEnum):
    """The `event` of a line."""

    TOKEN_CREATED = "token_created"  # noqa: S105 - names, not secrets
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    TOKEN_FIRST_USED = "token_first_used"  # noqa: S105
    TOKEN_ISSUED = "token_issued"  # noqa: S105
    LOGGED_IN = "logged_in"
    LOGGED_OUT = "logged_out"
    LOGIN_FAILED = "login_failed"
    LOGIN_THROTTLED = "login_throttled"
    USER_ADDED = "user_added"
    USER_REMOVED = "user_removed"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    ROLE_CHANGED = "role_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    KEYS_ROTATED = "keys_rotated"
    GRANTED = "granted"
    GRANT_WITHDRAWN = "grant_withdrawn"
    MODULE_INSTALLED = "module_installed"
    MODULE_UPGRADED = "module_upgraded"
    MODULE_ENABLED = "module_enabled"
    MODULE_DISABLED = "module_disabled"
    MODULE_REMOVED = "module_removed"
    REFUSED = "refused"

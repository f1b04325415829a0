"""Reading the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from lumina_hub.auth.access import GuardedRoute, requires
from lumina_hub.auth.audit.events import AuditEvent
from lumina_hub.auth.audit.service import Audit
from lumina_hub.auth.principal import Principal
from lumina_hub.parts import audit_log
from lumina_sdk.contract import AuditEntries, Scope

__all__ = ["router"]

router = APIRouter(route_class=GuardedRoute, tags=["audit"])
HubAdmin = Annotated[Principal, requires(Scope.ADMIN_HUB)]
Log = Annotated[Audit, Depends(audit_log)]


@router.get("/api/v1/audit")
async def read_audit(
    principal: HubAdmin,
    audit: Log,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    event: Annotated[AuditEvent | None, Query(description="Only events of this kind.")] = None,
    by: Annotated[str | None, Query(description="Only what this principal did or was refused.")] = None,
    before: Annotated[str | None, Query(description="The `before` of the page ahead of this one.")] = None,
) -> AuditEntries:
    """List grants, tokens, logins and refusals, newest first."""
    return await audit.latest(limit=limit, event=event, by=by, before=before)

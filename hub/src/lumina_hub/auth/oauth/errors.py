"""How the token endpoint, alone, says that something is wrong: RFC 6749, section 5.2."""

from __future__ import annotations

from starlette.responses import Response

from lumina_hub.problems import REALM
from lumina_sdk.contract import OAuthError, OAuthErrorCode

__all__ = ["NO_STORE", "RefusedGrant"]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class RefusedGrant(Exception):
    """Caught by the endpoint that raises it: clients of OAuth read its own form of an error, not a problem."""

    def __init__(self, code: OAuthErrorCode, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description

    def response(self) -> Response:
        body = OAuthError(error=self.code, error_description=self.description)
        headers = dict(NO_STORE)
        status = 400
        if self.code is OAuthErrorCode.INVALID_CLIENT:
            status = 401
            headers["WWW-Authenticate"] = f'Basic realm="{REALM}"'
        return Response(body.model_dump_json(), status_code=status, media_type="application/json", headers=headers)

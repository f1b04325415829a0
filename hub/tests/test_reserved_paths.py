from __future__ import annotations

import pytest
from starlette.routing import BaseRoute

from lumina_hub.app import ROUTES
from lumina_sdk.contract import RESERVED_PARTS

PREFIX = "/api/v1/"


@pytest.mark.parametrize("route", [route for route in ROUTES if getattr(route, "path", "").startswith(PREFIX)], ids=str)
def test_no_module_can_take_a_path_of_the_cores(route: BaseRoute) -> None:
    assert route.path.removeprefix(PREFIX).partition("/")[0] in RESERVED_PARTS  # type: ignore[attr-defined]

"""Engines by name, as the configuration gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from stevedore import DriverManager
from stevedore.exception import NoMatches

from lumina_core.engines.base import Engine
from lumina_core.errors import InvalidInput

__all__ = ["load_engine"]

_NAMESPACE = "lumina.engines"


def load_engine(name: str) -> Engine:
    """Make an engine of the group `lumina.engines`.

    Raises:
        InvalidInput: none is installed under that name.
    """
    try:
        driver: object = DriverManager(_NAMESPACE, name, invoke_on_load=False, on_load_failure_callback=_raise).driver
    except NoMatches as error:
        raise InvalidInput(f"there is no engine {name!r}", hint="Use extractive, or install one.") from error
    return cast("Callable[[], Engine]", driver)()


def _raise(manager: object, entry_point: object, error: BaseException) -> None:
    raise error

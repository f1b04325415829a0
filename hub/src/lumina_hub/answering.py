"""Answerers by name, as the settings give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from stevedore import DriverManager
from stevedore.exception import NoMatches

from lumina_core.answers.base import Answerer
from lumina_core.errors import InvalidInput

__all__ = ["load_answerer"]

_NAMESPACE = "lumina.answerers"


def load_answerer(name: str) -> Answerer:
    """Make an answerer of the group `lumina.answerers`.

    Raises:
        InvalidInput: none is installed under that name.
    """
    try:
        driver: object = DriverManager(_NAMESPACE, name, invoke_on_load=False, on_load_failure_callback=_raise).driver
    except NoMatches as error:
        raise InvalidInput(f"there is no answerer {name!r}", hint="Use extractive, or install one.") from error
    return cast("Callable[[], Answerer]", driver)()


def _raise(manager: object, entry_point: object, error: BaseException) -> None:
    raise error

"""Embedders by name, as the configuration gives them."""

from __future__ import annotations

import inspect
from typing import Any, cast

from stevedore import DriverManager
from stevedore.exception import NoMatches

from lumina_core.drivers.embedder import Embedder
from lumina_core.errors import InvalidInput

__all__ = ["load_embedder"]

_NAMESPACE = "lumina.embedders"


def load_embedder(name: str, **options: Any) -> Embedder:
    """Load a driver of `lumina.embedders` with `options`, which are those of its `load`.

    Raises:
        InvalidInput: no driver has that name, or it does not know an option.
        EmbedderDown: the driver's model or library is missing.
    """
    try:
        driver: Any = DriverManager(_NAMESPACE, name, invoke_on_load=False, on_load_failure_callback=_raise).driver
    except NoMatches as error:
        raise InvalidInput(
            f"there is no embedder {name!r}", hint="Use onnx, sentence-transformers, ollama or openai."
        ) from error
    try:
        inspect.signature(driver.load).bind(**options)
    except TypeError as error:
        raise InvalidInput(
            f"the embedder {name!r} cannot take these options: {error}", hint="Check the embedder's settings."
        ) from error
    return cast(Embedder, driver.load(**options))


def _raise(manager: object, entry_point: object, error: BaseException) -> None:
    raise error

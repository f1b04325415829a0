"""`python -m lumina_sdk.serve`: the program a module's process is.

The hub starts it with the variables of `lumina_sdk.runtime.environment`. It listens on the Unix socket it is told, logs
JSON lines on standard error, and on SIGTERM answers what it has begun, finishes its events, and ends.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
from typing import Any

import uvicorn
from pydantic import ValidationError

from lumina_sdk.app import Module
from lumina_sdk.client import FileToken, HubClient
from lumina_sdk.errors import InvalidEnvironment, LuminaError
from lumina_sdk.logs import JsonHandler, module_logger
from lumina_sdk.runtime.application import create_application
from lumina_sdk.runtime.environment import Environment

__all__ = ["load_module", "main"]

_GRACE_S = 20


def load_module(entrypoint: str) -> Module[Any]:
    """Import a module's entry point.

    Raises:
        InvalidEnvironment: there is no `Module` at it.
    """
    name, _, attribute = entrypoint.partition(":")
    found = getattr(importlib.import_module(name), attribute, None)
    if not isinstance(found, Module):
        raise InvalidEnvironment(f"{entrypoint} is no Module.", hint="`lumina plugin validate` says what is wrong.")
    return found


def _be_told(number: int, frame: object) -> None:
    """uvicorn ends in order at a signal and raises it again at the end, when there is nothing left to be done."""


def main() -> int:
    logging.basicConfig(handlers=[JsonHandler()], level=logging.WARNING, force=True)
    log = module_logger()
    try:
        environment = Environment.read(os.environ)
        module = load_module(environment.entrypoint)
        module.config_type.model_validate(environment.config)
    except LuminaError as error:
        log.error("module_not_started", error=str(error), hint=error.hint)
        return 2
    except ValidationError as error:
        log.error("module_not_started", error=f"The settings do not fit: {error}", hint="Set them with the hub.")
        return 2
    except Exception:
        log.exception("module_not_started")
        return 1
    hub = HubClient(socket=environment.hub, token=FileToken(environment.token_file))
    application = create_application(module, hub, environment.config)
    config = uvicorn.Config(
        application,
        uds=str(environment.socket),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _be_told)
    log.info("module_starting", module=environment.slug)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())

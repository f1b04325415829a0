"""What the hub tells a module's process when it starts it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lumina_sdk.errors import InvalidEnvironment

__all__ = ["Environment"]


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of a module's process, read.

    `socket` is where the module is to listen, `hub` the hub's socket, `token_file` holds the module's token, which the
    hub replaces before it expires. `config` are the module's settings, not checked yet.
    """

    slug: str
    entrypoint: str
    socket: Path
    hub: Path
    token_file: Path
    config: dict[str, Any]

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Read the variables.

        Raises:
            InvalidEnvironment: one is missing, or the file of settings cannot be read.
        """
        names = ("LUMINA_MODULE", "LUMINA_ENTRYPOINT", "LUMINA_SOCKET", "LUMINA_HUB", "LUMINA_TOKEN_FILE")
        if missing := [name for name in names if not variables.get(name)]:
            raise InvalidEnvironment(
                f"{', '.join(missing)} is not set.", hint="The hub starts modules; to try one, use `lumina plugin dev`."
            )
        slug, entrypoint, socket, hub, token = (variables[name] for name in names)
        return cls(slug, entrypoint, Path(socket), Path(hub), Path(token), _config(variables.get("LUMINA_CONFIG_FILE")))


def _config(path: str | None) -> dict[str, Any]:
    if not path:
        return {}
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidEnvironment(f"The settings in {path} cannot be read: {error}.") from error
    if not isinstance(config, dict):
        raise InvalidEnvironment(f"The settings in {path} are no object.")
    return config

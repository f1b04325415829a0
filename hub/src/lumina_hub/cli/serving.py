"""`lumina up` and `lumina setup`."""

from __future__ import annotations

from lumina_hub.cli.options import Globals

__all__ = ["setup", "up"]


def up(said: Globals) -> None:
    raise NotImplementedError


def setup(said: Globals) -> None:
    raise NotImplementedError

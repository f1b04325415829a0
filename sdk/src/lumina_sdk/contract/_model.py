"""The base every wire model shares."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["RequestModel", "WireModel"]


class WireModel(BaseModel):
    """Frozen. Readers pass over fields they do not know, so a newer hub may add some within one major version."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RequestModel(BaseModel):
    """Frozen, and a field the hub does not know is refused: a misspelt one would otherwise be silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

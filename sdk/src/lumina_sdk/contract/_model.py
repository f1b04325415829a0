"""The base every wire model shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

__all__ = ["Question", "RequestModel", "WireModel"]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: write a question, or some words to look for")
    return text


Question = Annotated[str, AfterValidator(_not_blank)]
"""Words that are more than white space."""


class WireModel(BaseModel):
    """Frozen. Readers pass over fields they do not know, so a newer hub may add some within one major version."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RequestModel(BaseModel):
    """Frozen, and a field the hub does not know is refused: a misspelt one would otherwise be silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

"""Passages for a query, with the reasons for their order."""

from __future__ import annotations

from pydantic import Field

from lumina_sdk.contract._model import Question, RequestModel, WireModel

__all__ = ["Hit", "SearchRequest", "SearchResponse"]


class SearchRequest(RequestModel):
    """What to look for. `since` and `until` bound the revision's time, epoch seconds, both inclusive."""

    query: Question = Field(examples=["capital of Alabama"])
    limit: int = Field(default=10, ge=1, le=100)
    source: str | None = Field(default=None, description="Only passages of this source.")
    article: str | None = Field(default=None, description="Only passages of this article id.")
    since: float | None = None
    until: float | None = None
    explain: bool = Field(default=False, description="Say what each signal contributed to each score.")


class Hit(WireModel):
    """A passage. `start` and `end` are offsets into the article's text; a higher score is better."""

    chunk_id: str
    article_id: str
    title: str
    section: str
    url: str
    start: int
    end: int
    text: str
    score: float
    contributions: dict[str, float] | None = None


class SearchResponse(WireModel):
    """Hits by falling score."""

    query: str
    hits: tuple[Hit, ...]
    took_ms: float

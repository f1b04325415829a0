"""Every citation is checked against the article it points into before anybody sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from lumina_core.answers.base import ABSTENTION, Answer, Answerer, Citation, Outcome
from lumina_core.documents import ArticleId, fingerprint
from lumina_core.errors import NotFound
from lumina_core.retrieval.hits import SearchResult

__all__ = ["ArticleText", "CheckedAnswerer"]

ArticleText = Callable[[ArticleId, str], str]
"""The text of an article's revision; raises `NotFound` where there is none."""

_log = structlog.get_logger(__name__)


class CheckedAnswerer:
    """Leaves out the sentences whose citation does not resolve, and abstains where none is left.

    The index follows the log, so it may cite an article that has been deleted a moment ago, or be of another state than
    a log that was put back from a backup. What cannot be shown is not said.
    """

    def __init__(self, answerer: Answerer, read: ArticleText) -> None:
        self._answerer = answerer
        self._read = read

    def answer(self, question: str, result: SearchResult) -> Answer:
        """Answer and check; reads each cited article once."""
        answer = self._answerer.answer(question, result)
        texts = {key: self._text(*key) for key in {(cited.article_id, cited.revision) for cited in answer.citations}}
        sound = [
            (sentence, citation)
            for sentence, citation in zip(answer.sentences, answer.citations, strict=True)
            if _resolves(citation, texts[citation.article_id, citation.revision])
        ]
        if len(sound) == len(answer.citations):
            return answer
        _log.warning("citations_dropped", dropped=len(answer.citations) - len(sound))
        if not sound:
            return replace(answer, text=ABSTENTION, outcome=Outcome.ABSTAINED, sentences=(), citations=())
        return replace(
            answer,
            text=" ".join(f"{sentence} [{marker}]" for marker, (sentence, _) in enumerate(sound, start=1)),
            outcome=Outcome.PARTIAL,
            sentences=tuple(sentence for sentence, _ in sound),
            citations=tuple(replace(citation, marker=marker) for marker, (_, citation) in enumerate(sound, start=1)),
        )

    def _text(self, article: ArticleId, revision: str) -> str | None:
        try:
            return self._read(article, revision)
        except NotFound:
            return None


def _resolves(citation: Citation, text: str | None) -> bool:
    return text is not None and fingerprint(text[citation.start : citation.end]) == citation.fingerprint

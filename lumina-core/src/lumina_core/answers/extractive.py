"""Answers with sentences from the sources: no language model, nothing said that no source says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lumina_core.answers.base import ABSTENTION, Answer, Citation, Outcome
from lumina_core.answers.confidence import Model, confidence, confidence_features, load_model
from lumina_core.answers.features import Candidate, candidates, sentence_features
from lumina_core.documents import fingerprint
from lumina_core.retrieval.hits import SearchResult

__all__ = ["ExtractiveAnswerer"]

_CHUNKS = 5
_MOST_SENTENCES = 4
_SPREAD = 1.5
"""How far, in the lead model's log-odds, a sentence may be behind the first one and still be said."""


class ExtractiveAnswerer:
    """Chooses the sentence that answers best, and up to three that add to it.

    The best sentence comes first; the others follow in reading order: first those after it in its own chunk, then
    those of other chunks, as ranked. Nothing from before the best sentence is taken from its chunk, since that would
    have to be read before it.
    """

    def __init__(self, model: Model | None = None, *, abstain_below: float = 0.20, partial_below: float = 0.50) -> None:
        self._model = model or load_model()
        self._abstain_below = abstain_below
        self._partial_below = partial_below

    def answer(self, question: str, result: SearchResult) -> Answer:
        """Answer from the five best hits. `Answer.features` is empty when there was nothing to answer from."""
        found = candidates(result.hits, chunks=_CHUNKS)
        if not found:
            return Answer(ABSTENTION, Outcome.ABSTAINED, 0.0, (), (), {})
        features = sentence_features(question, found)
        scores = self._model.rank(features)
        lead = int(np.argmax(scores))
        places = _choose(found, scores, lead)
        numbers = confidence_features(question, result, found, scores, places)
        sure = confidence(self._model, numbers)
        outcome = Outcome.ANSWERED
        if sure < self._abstain_below:
            return Answer(ABSTENTION, Outcome.ABSTAINED, sure, (), (), numbers)
        if sure < self._partial_below:
            outcome = Outcome.PARTIAL
        said = [found[place] for place in places]
        sentences = tuple(_spoken(candidate) for candidate in said)
        citations = tuple(cite(candidate, marker) for marker, candidate in enumerate(said, start=1))
        text = " ".join(f"{sentence} [{marker}]" for marker, sentence in enumerate(sentences, start=1))
        return Answer(text, outcome, sure, sentences, citations, numbers)


def cite(candidate: Candidate, marker: int) -> Citation:
    """Point at the very span in the article's revision."""
    hit, score = candidate.hit, candidate.score
    return Citation(
        marker=marker,
        cite_id=hit.wikidata or hit.article_id,
        chunk_id=hit.chunk_id,
        article_id=hit.article_id,
        title=hit.title,
        url=hit.url,
        section=hit.section,
        revision=hit.revision,
        start=hit.start + score.start,
        end=hit.start + score.end,
        text=candidate.text,
        fingerprint=fingerprint(candidate.text),
    )


def _choose(found: Sequence[Candidate], scores: NDArray[np.float64], lead: int) -> list[int]:
    """Places in `found`, in the order they are said."""
    first = found[lead]
    chosen = [lead]
    for place in sorted(range(len(found)), key=lambda place: (-scores[place], place)):
        if len(chosen) == _MOST_SENTENCES or scores[place] < scores[lead] - _SPREAD:
            break
        candidate = found[place]
        before = candidate.hit.chunk_id == first.hit.chunk_id and candidate.place < first.place
        said = any(_spoken(candidate) == _spoken(found[other]) for other in chosen)
        if place != lead and not before and not said:
            chosen.append(place)
    rest = sorted(chosen[1:], key=lambda place: (found[place].hit.chunk_id != first.hit.chunk_id, place))
    return [lead, *rest]


def _spoken(candidate: Candidate) -> str:
    """The sentence on one line."""
    return " ".join(candidate.text.split())

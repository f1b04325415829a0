from __future__ import annotations

import pytest

from lumina_core.answers.base import ABSTENTION, Answer, Citation, Outcome
from lumina_core.answers.checking import CheckedAnswerer
from lumina_core.documents import ArticleId, ChunkId, fingerprint
from lumina_core.errors import NotFound
from lumina_core.retrieval.hits import QuerySignals, SearchResult

TEXT = "The sea is salt. The sky is blue."
SEA, SKY = TEXT[:16], TEXT[17:]
RESULT = SearchResult("what is the sea", (), QuerySignals(), {})


def citation(marker: int, sentence: str, *, article: str = "art_sea") -> Citation:
    start = TEXT.index(sentence)
    return Citation(
        marker=marker,
        cite_id=article,
        chunk_id=ChunkId(f"{article}#0"),
        article_id=ArticleId(article),
        title="Sea",
        url="",
        section="",
        revision="1",
        start=start,
        end=start + len(sentence),
        text=sentence,
        fingerprint=fingerprint(sentence),
    )


class Says:
    """An answerer with one thing to say."""

    def __init__(self, *citations: Citation) -> None:
        self.given = Answer(
            text=" ".join(f"{cited.text} [{cited.marker}]" for cited in citations),
            outcome=Outcome.ANSWERED,
            confidence=0.9,
            sentences=tuple(cited.text for cited in citations),
            citations=citations,
            features={},
        )

    def answer(self, question: str, result: SearchResult) -> Answer:
        return self.given


def checked(*citations: Citation, texts: dict[str, str]) -> tuple[Answer, list[str]]:
    read: list[str] = []

    def text(article: ArticleId, revision: str) -> str:
        read.append(article)
        if article not in texts:
            raise NotFound(f"there is no article {article!r}")
        return texts[article]

    return CheckedAnswerer(Says(*citations), text).answer("what is the sea", RESULT), read


def test_an_answer_whose_citations_resolve_passes_unchanged_and_each_article_is_read_once():
    cited = citation(1, SEA), citation(2, SKY)

    answer, read = checked(*cited, texts={"art_sea": TEXT})

    assert answer == Says(*cited).given
    assert read == ["art_sea"]


@pytest.mark.parametrize("texts", [{}, {"art_sea": "Something else stands here now, and it is long enough."}])
def test_what_cannot_be_shown_is_not_said(texts):
    answer, _ = checked(citation(1, SEA), texts=texts)

    assert (answer.outcome, answer.text, answer.citations) == (Outcome.ABSTAINED, ABSTENTION, ())


def test_the_sentences_that_can_be_shown_are_kept_and_numbered_anew():
    answer, _ = checked(citation(1, SEA, article="art_gone"), citation(2, SKY), texts={"art_sea": TEXT})

    assert answer.text == f"{SKY} [1]"
    assert answer.outcome is Outcome.PARTIAL
    assert [cited.marker for cited in answer.citations] == [1]

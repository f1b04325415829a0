from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.answers.base import ABSTENTION, Answer, Outcome
from lumina_core.answers.confidence import CONFIDENCE_FEATURES, Model
from lumina_core.answers.extractive import ExtractiveAnswerer
from lumina_core.documents import fingerprint
from lumina_core.retrieval.hits import Hit, QuerySignals, SearchResult

MakeHit = Callable[..., Hit]
BY_COSINE = Model(lead={"dense": 1.0}, confidence={"sentence": 10.0}, bias=0.0)
"""The lead is the sentence with the best cosine; how sure we are follows from that cosine alone."""
OUTCOMES = {"answered": (0.0, 0.0), "partial": (0.0, 1.1), "as fitted": (0.25, 0.40)}
questions = st.sampled_from(
    ["Who built the lighthouse of Alexandria?", "When did ships see it?", "how many years", "?", "What is fire"]
)


def result_of(*hits: Hit) -> SearchResult:
    return SearchResult("question", hits, QuerySignals(), {})


def chunk(make_hit: MakeHit, *sentences: tuple[str, float], **more: object) -> Hit:
    """A hit made of sentences and their cosines."""
    spans, text = [], ""
    for sentence, dense in sentences:
        spans.append((len(text), len(text) + len(sentence), dense))
        text += sentence + " "
    return make_hit(text.rstrip(), spans, **more)


def say(*hits: Hit) -> Answer:
    return ExtractiveAnswerer(BY_COSINE, abstain_below=0.0, partial_below=0.0).answer("?", result_of(*hits))


@pytest.mark.parametrize("thresholds", OUTCOMES.values(), ids=OUTCOMES)
def test_whatever_is_found_the_answer_keeps_its_promises(
    thresholds: tuple[float, float], any_result: st.SearchStrategy
) -> None:
    answerer = ExtractiveAnswerer(abstain_below=thresholds[0], partial_below=thresholds[1])

    @given(any_result, questions)
    @settings(max_examples=60, deadline=None)
    def holds(found: tuple[Any, SearchResult], question: str) -> None:
        articles, result = found
        answer = answerer.answer(question, result)

        assert 0 <= answer.confidence < 1
        if answer.outcome is Outcome.ABSTAINED:
            assert (answer.text, answer.sentences, answer.citations) == (ABSTENTION, (), ())
            return
        assert set(answer.features) == set(CONFIDENCE_FEATURES)
        assert answer == answerer.answer(question, result)
        assert 1 <= len(answer.sentences) == len(answer.citations) <= 4
        assert len(set(answer.sentences)) == len(answer.sentences)
        assert [citation.marker for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
        assert answer.text == " ".join(f"{one} [{n}]" for n, one in enumerate(answer.sentences, 1))
        hits = {hit.chunk_id: hit for hit in result.hits[:5]}
        for sentence, citation in zip(answer.sentences, answer.citations, strict=True):
            article, hit = articles[citation.article_id], hits[citation.chunk_id]
            assert article.text[citation.start : citation.end] == citation.text
            assert citation.text in hit.text
            assert " ".join(citation.text.split()) == sentence
            assert citation.fingerprint == fingerprint(citation.text)
            assert citation.cite_id == (article.wikidata or article.id)
            assert (citation.title, citation.section, citation.revision) == (hit.title, hit.section, hit.revision)
        lead = answer.citations[0]
        order = list(hits)
        rest = [(one.chunk_id != lead.chunk_id, order.index(one.chunk_id), one.start) for one in answer.citations[1:]]
        assert rest == sorted(rest)
        assert all(one.start > lead.start for one in answer.citations[1:] if one.chunk_id == lead.chunk_id)

    holds()


def test_nothing_found_is_not_answered() -> None:
    answer = ExtractiveAnswerer().answer("Who?", result_of())

    assert answer == Answer(ABSTENTION, Outcome.ABSTAINED, 0.0, (), (), {})
    assert "do not know" in answer.text


def test_hits_whose_sentences_nobody_read_are_not_answered_from(make_hit: MakeHit) -> None:
    assert say(make_hit("Never read.", [])).outcome is Outcome.ABSTAINED


@pytest.mark.parametrize(
    ("cosine", "outcome"),
    [
        (-0.12, Outcome.ABSTAINED),
        (-0.11, Outcome.ABSTAINED),
        (-0.10, Outcome.PARTIAL),
        (-0.041, Outcome.PARTIAL),
        (-0.040, Outcome.ANSWERED),
        (0.50, Outcome.ANSWERED),
    ],
)
def test_how_sure_we_are_decides_what_is_said(make_hit: MakeHit, cosine: float, outcome: Outcome) -> None:
    answerer = ExtractiveAnswerer(BY_COSINE, abstain_below=0.25, partial_below=0.4)

    answer = answerer.answer("?", result_of(chunk(make_hit, ("A sentence.", cosine))))

    assert answer.outcome is outcome
    assert bool(answer.citations) == (outcome is not Outcome.ABSTAINED)
    assert answer.features["sentence"] == cosine


def test_an_abstention_still_says_how_sure_the_answer_not_given_was(make_hit: MakeHit) -> None:
    answer = ExtractiveAnswerer(BY_COSINE).answer("?", result_of(chunk(make_hit, ("A sentence.", -0.2))))

    assert answer.confidence == pytest.approx(0.1192, abs=1e-4)
    assert set(answer.features) == set(CONFIDENCE_FEATURES)


def test_the_best_sentence_leads_and_the_others_follow_in_reading_order(make_hit: MakeHit) -> None:
    first = chunk(make_hit, ("First ranked, one.", 0.5), ("First ranked, two.", 0.1), chunk_id="art_a#0", score=9.0)
    second = chunk(
        make_hit,
        ("Before the lead.", 0.85),
        ("The lead.", 0.9),
        ("After the lead, weaker.", 0.2),
        ("After the lead, better.", 0.3),
        chunk_id="art_b#0",
        score=8.0,
    )

    assert say(first, second).sentences == (
        "The lead.",
        "After the lead, weaker.",
        "After the lead, better.",
        "First ranked, one.",
    )


def test_what_falls_far_behind_the_lead_is_not_said(make_hit: MakeHit) -> None:
    model = Model(lead={"dense": 10.0}, confidence={}, bias=0.0)
    hit = chunk(make_hit, ("The lead.", 0.9), ("Close to it.", 0.76), ("Far from it.", 0.74))

    answer = ExtractiveAnswerer(model).answer("?", result_of(hit))

    assert answer.sentences == ("The lead.", "Close to it.")


def test_a_sentence_that_two_articles_share_is_said_once(make_hit: MakeHit) -> None:
    one = chunk(make_hit, ("Owls hunt at night.", 0.9), ("They hear well.", 0.8), chunk_id="art_a#0")
    other = chunk(
        make_hit, ("Owls hunt\u00a0at\nnight.", 0.9), ("They fly silently.", 0.7), chunk_id="art_b#0", score=9.0
    )

    assert say(one, other).sentences == ("Owls hunt at night.", "They hear well.", "They fly silently.")


def test_only_the_five_best_hits_are_read(make_hit: MakeHit) -> None:
    hits = [chunk(make_hit, (f"Hit {n}.", n / 10), chunk_id=f"art_{n}#0", score=9.0 - n) for n in range(7)]

    assert say(*hits).sentences[0] == "Hit 4."


def test_equal_sentences_go_by_rank(make_hit: MakeHit) -> None:
    hits = [chunk(make_hit, (f"Hit {n}.", 0.5), chunk_id=f"art_{n}#0", score=9.0 - n) for n in range(6)]

    assert say(*hits).sentences == ("Hit 0.", "Hit 1.", "Hit 2.", "Hit 3.")


def test_line_breaks_inside_a_sentence_are_not_said_but_cited_as_they_stand(make_hit: MakeHit) -> None:
    answer = say(chunk(make_hit, ("Over\ntwo  lines.", 0.9), start=40))

    assert answer.text == "Over two lines. [1]"
    assert answer.citations[0].text == "Over\ntwo  lines."
    assert (answer.citations[0].start, answer.citations[0].end) == (40, 56)

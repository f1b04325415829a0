from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina_core.answers.confidence import (
    CONFIDENCE_FEATURES,
    Model,
    confidence,
    confidence_features,
    load_model,
)
from lumina_core.answers.features import SENTENCE_FEATURES, candidates
from lumina_core.documents import ArticleId, ChunkId
from lumina_core.retrieval.hits import Hit, QuerySignals, SearchResult, SentenceScore

MakeHit = Callable[..., Hit]
values = st.fixed_dictionaries(dict.fromkeys(CONFIDENCE_FEATURES, st.floats(-1, 1)))


def test_a_typed_search_is_as_sure_as_a_question_only_where_its_sentence_is_near() -> None:
    weights = load_model().confidence

    assert weights["typed"] < 0 < weights["typed_sentence"]


def test_the_shipped_numbers_are_of_exactly_the_features_that_are_computed(make_hit: MakeHit) -> None:
    stored = json.loads(files("lumina_core.answers").joinpath("calibration.json").read_text(encoding="utf-8"))
    result = SearchResult("", (make_hit("A sentence.", [(0, 11, 0.5)]),), QuerySignals(), {})
    found = candidates(result.hits, chunks=5)

    assert set(stored) == {"about", "lead", "confidence", "bias"}
    assert set(stored["lead"]) == set(SENTENCE_FEATURES)
    assert set(stored["confidence"]) == set(CONFIDENCE_FEATURES)
    assert set(confidence_features("?", result, found, np.zeros(1), [0])) == set(CONFIDENCE_FEATURES)
    assert load_model() == Model(stored["lead"], stored["confidence"], stored["bias"])


def test_what_should_speak_for_an_answer_does_and_what_should_not_does_not() -> None:
    weights = load_model().confidence

    assert {name: weight > 0 for name, weight in weights.items() if not name.startswith("typed")} == {
        "sentence": True,
        "words": True,
        "share": True,
        "missing": False,
        "unknown": False,
    }
    assert all(weight > 0 for weight in load_model().lead.values())


@given(values, st.sampled_from(CONFIDENCE_FEATURES), st.floats(0.001, 1))
def test_confidence_follows_the_sign_of_each_weight(features: dict[str, float], name: str, step: float) -> None:
    model = load_model()
    before = confidence(model, features)
    after = confidence(model, features | {name: features[name] + step})

    assert 0 < before < 1
    assert 0 < after < 1
    assert (after > before) == (model.confidence[name] > 0)


@given(st.floats(-1e300, 1e300))
def test_confidence_is_a_probability_however_far_out_the_numbers_are(value: float) -> None:
    assert 0 < confidence(Model({}, {"sentence": 1.0}, 0.0), {"sentence": value}) < 1


def test_confidence_is_the_logistic_function_of_the_sum() -> None:
    model = Model({}, {"sentence": 2.0, "share": -1.0}, 0.5)

    assert confidence(model, {"sentence": 1.0, "share": 1.0, "unknown": 9.0}) == pytest.approx(1 / (1 + np.exp(-1.5)))


def test_the_lead_model_weighs_columns_by_name() -> None:
    model = Model({"length": 2.0, "dense": 1.0}, {}, 0.0)
    row = np.arange(len(SENTENCE_FEATURES), dtype=np.float64)

    expected = 1.0 * SENTENCE_FEATURES.index("dense") + 2.0 * SENTENCE_FEATURES.index("length")
    assert model.rank(row[None, :]).tolist() == [expected]


def numbers(make_hit: MakeHit, question: str, text: str, idf: dict[str, float], *unknown: str) -> dict[str, float]:
    hit = make_hit(text, [(0, len(text), 0.4)], title="Lighthouse", section="Lamps")
    result = SearchResult(question, (hit,), QuerySignals(term_idf=idf, unknown_terms=unknown), {})
    return confidence_features(question, result, candidates(result.hits, chunks=5), np.zeros(1), [0])


def test_names_and_numbers_that_the_chunk_lacks_are_missing(make_hit: MakeHit) -> None:
    idf = {"fresnel": 3.0, "1822": 2.0, "lens": 1.0, "lighthouses": 4.0}
    question = "Did Fresnel make a lens for Lighthouses in 1822?"

    assert numbers(make_hit, question, "Fresnel made a lens in 1822.", idf)["missing"] == 0
    assert numbers(make_hit, question, "Fresnel made it.", idf)["missing"] == pytest.approx(0.2)
    assert numbers(make_hit, question, "Somebody made it.", idf)["missing"] == pytest.approx(0.5)


def test_words_that_no_chunk_holds_are_unknown(make_hit: MakeHit) -> None:
    idf = {"wombat": 6.0, "lens": 2.0}

    found = numbers(make_hit, "does a wombat need a lens", "A lens.", idf, "wombat")

    assert found == {
        "sentence": 0.4,
        "words": pytest.approx(math.log(3)),
        "share": 1.0,
        "missing": 0.0,
        "unknown": 0.75,
        "typed": 1.0,
        "typed_sentence": 0.4,
    }


@pytest.mark.parametrize("question", ["Does a wombat need a lens", "does a wombat need a lens?", "who was Fresnel"])
def test_a_capital_or_a_question_mark_tells_a_question_from_a_search(make_hit: MakeHit, question: str) -> None:
    found = numbers(make_hit, question, "A lens.", {"lens": 2.0})

    assert (found["typed"], found["typed_sentence"]) == (0.0, 0.0)


def test_a_question_without_terms_misses_nothing(make_hit: MakeHit) -> None:
    assert numbers(make_hit, "?", "A lens.", {}) == {
        "sentence": 0.4,
        "words": 0.0,
        "share": 1.0,
        "missing": 0.0,
        "unknown": 0.0,
        "typed": 0.0,
        "typed_sentence": 0.0,
    }


@given(st.lists(st.floats(-800, 800), min_size=1, max_size=6))
@settings(max_examples=50)
def test_the_shares_of_all_candidates_are_one_together(scores: list[float]) -> None:
    text = "x" * len(scores)
    found = candidates([_hit_of(text)], chunks=1)
    result = SearchResult("", (_hit_of(text),), QuerySignals(), {})

    shares = [
        confidence_features("?", result, found, np.array(scores), [place])["share"] for place in range(len(scores))
    ]

    assert sum(shares) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares)


def _hit_of(text: str) -> Hit:
    spans = tuple(SentenceScore(place, place + 1, 0.0, 0.0, 0.0, 0.0) for place in range(len(text)))
    return Hit(
        *(ChunkId("art_a#0"), ArticleId("art_a"), "", "", "", "", "1", None, 0, len(text), text, 0.0, 1.0, 1.0, {}),
        sentences=spans,
    )

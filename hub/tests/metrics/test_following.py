from __future__ import annotations

from dataclasses import replace

import pytest

from lumina_core.indexing.progress import IndexProgress
from lumina_hub.metrics.following import newly_indexed
from lumina_hub.metrics.registry import Metrics

BEFORE = IndexProgress(rebuild=2, chunks=100)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (BEFORE, replace(BEFORE, chunks=130), 30),
        (BEFORE, replace(BEFORE, rebuild=3, chunks=10), 10),
        (BEFORE, BEFORE, 0),
        (IndexProgress(), BEFORE, 0),
    ],
)
def test_only_what_was_written_in_this_life_is_counted(
    before: IndexProgress, after: IndexProgress, expected: int
) -> None:
    assert newly_indexed(before, after) == expected


def test_the_hit_ratio_is_that_of_the_last_two_hundred_questions() -> None:
    metrics = Metrics()
    for hit in [False] * 300 + [True] * 150:
        metrics.observe_hit(hit)

    assert metrics.registry.get_sample_value("retrieval_hit_ratio") == 0.75


def test_two_hubs_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.memory_hits.inc()

    assert other.registry.get_sample_value("chat_memory_hits_total") == 0

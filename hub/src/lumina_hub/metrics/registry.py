"""The hub's metrics. Names the seed gave are kept to the letter; every other one begins with `lumina_`."""

from __future__ import annotations

from collections import deque

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lumina_hub.gateway.metrics import GatewayMetrics
from lumina_hub.supervisor.metrics import SupervisorMetrics

__all__ = ["Metrics"]

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SEARCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)  # the seed's begin where we end
_RETRIEVAL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0)
_HIT_WINDOW = 200


class Metrics:
    """One registry of its own, so that two hubs in one process do not meet.

    `retrieval_hit_ratio` is the share of the last 200 questions whose answer was at least as confident as
    `GAP_THRESHOLD`; the seed names it without defining it.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.articles_ingested = Counter(
            "articles_ingested_total", "Article revisions added to the graph", ["source"], registry=registry
        )
        self.vectors_indexed = Counter("vectors_indexed_total", "Vectors written to the index", registry=registry)
        self.search_seconds = Histogram(
            "faiss_query_seconds", "Time spent on search in the index", buckets=_SEARCH_BUCKETS, registry=registry
        )
        self.retrieval_seconds = Histogram(
            "retrieval_latency_seconds",
            "Time from a question to the passages for it, its embedding included",
            buckets=_RETRIEVAL_BUCKETS,
            registry=registry,
        )
        self.hit_ratio = Gauge(
            "retrieval_hit_ratio", "Share of recent questions answered with confidence", registry=registry
        )
        self.memory_hits = Counter(
            "chat_memory_hits_total", "Questions for which past turns were recalled", registry=registry
        )
        self.answers = Counter("lumina_answers_total", "Answers by outcome", ["outcome"], registry=registry)
        self.answer_seconds = Histogram(
            "lumina_answer_seconds",
            "Time from a question to its answer, kept and ready to send",
            buckets=_RETRIEVAL_BUCKETS,
            registry=registry,
        )
        self.feedback = Counter("lumina_feedback_total", "Marks on answers", ["value"], registry=registry)
        self.request_seconds = Histogram(
            "lumina_http_request_seconds",
            "Time to serve a request",
            ["route", "method", "status"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.ingest_jobs = Counter(
            "lumina_ingest_jobs_total", "Ingest jobs by how they ended", ["state"], registry=registry
        )
        self.skipped = Counter("lumina_pages_skipped_total", "Pages that could not be parsed", registry=registry)
        self.index_pending = Gauge("lumina_index_pending_articles", "Articles not yet in the index", registry=registry)
        self.up_since = Gauge("lumina_start_time_seconds", "When the hub started, epoch seconds", registry=registry)
        self.gateway = GatewayMetrics(registry)
        self.supervisor = SupervisorMetrics(registry)
        self._recent: deque[bool] = deque(maxlen=_HIT_WINDOW)

    def observe_request(self, route: str, method: str, status: int, took_s: float) -> None:
        self.request_seconds.labels(route, method, str(status or 499)).observe(took_s)

    def observe_hit(self, hit: bool) -> None:
        """Count one question towards `retrieval_hit_ratio`."""
        self._recent.append(hit)
        self.hit_ratio.set(sum(self._recent) / len(self._recent))

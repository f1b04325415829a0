"""What every module is measured by, beside its own metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

__all__ = ["ModuleMetrics"]


class ModuleMetrics:
    """Counters and times of requests, events and jobs since the start, labelled by endpoint, stream and job.

    They are in a `registry` of their own, so that a module can be started twice in one process.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "lumina_module_requests", "Requests answered", ["method", "path", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "lumina_module_request_seconds", "Time to the answer's first byte", ["method", "path"], registry=registry
        )
        self.events = Counter(
            "lumina_module_events", "Events handled: done, failed or given up", ["stream", "outcome"], registry=registry
        )
        self.event_seconds = Histogram(
            "lumina_module_event_seconds", "Time to handle an event", ["stream"], registry=registry
        )
        self.jobs = Counter("lumina_module_jobs", "Jobs run: done or failed", ["job", "outcome"], registry=registry)

"""What the gateway counts. An endpoint's series are looked up once, not at every request."""

from __future__ import annotations

from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["EndpointMetrics", "GatewayMetrics"]

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_KNOWN = frozenset(int(status) for status in HTTPStatus) | {499}


class GatewayMetrics:
    """By module and endpoint, whose number the manifests bound; a status that is none counts as `other`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "lumina_module_requests_total",
            "Requests for modules; status 499 is a caller who went away",
            ["module", "endpoint", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "lumina_module_request_seconds",
            "Time to serve a request through a module",
            ["module", "endpoint"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "lumina_module_requests_in_flight", "Requests under way in a module", ["module"], registry=registry
        )

    def of(self, module: str, endpoint: str) -> EndpointMetrics:
        return EndpointMetrics(self, module, endpoint)


class EndpointMetrics:
    __slots__ = ("_counters", "_labels", "_metrics", "_observe")

    def __init__(self, metrics: GatewayMetrics, module: str, endpoint: str) -> None:
        self._metrics = metrics
        self._labels = (module, endpoint)
        self._counters: dict[int, Counter] = {}
        self._observe = metrics.seconds.labels(*self._labels).observe

    def count(self, status: int, took_s: float) -> None:
        counter = self._counters.get(status)
        if counter is None:
            counter = self._metrics.requests.labels(*self._labels, str(status) if status in _KNOWN else "other")
            self._counters[status] = counter
        counter.inc()
        self._observe(took_s)

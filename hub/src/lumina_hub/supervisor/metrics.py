"""What the supervisor measures, by module."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["SupervisorMetrics"]


class SupervisorMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.up = Gauge("lumina_module_up", "Whether the module's process is ready", ["module"], registry=registry)
        self.restarts = Counter(
            "lumina_module_restarts_total", "Starts after the module's process had ended", ["module"], registry=registry
        )
        self.memory = Gauge(
            "lumina_module_memory_bytes", "Resident memory of the module's processes", ["module"], registry=registry
        )
        self.cpu = Counter(
            "lumina_module_cpu_seconds_total",
            "Processor time of the module's processes",
            ["module"],
            registry=registry,
        )
        self.processes = Gauge("lumina_module_processes", "Processes of the module", ["module"], registry=registry)

"""The server's metrics in the text format of Prometheus."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "captiongan_requests", "Requests answered.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "captiongan_request_seconds",
            "Seconds from a request's arrival to the end of its answer.",
            ["path"],
            registry=self._registry,
        )
        self._batches = Histogram(
            "captiongan_batch_pictures",
            "Pictures drawn together.",
            ["bundle"],
            buckets=[1, 2, 4, 8, 16, 32, 64],
            registry=self._registry,
        )
        self._waiting = Gauge(
            "captiongan_waiting_pictures",
            "Pictures asked for and not being drawn yet.",
            registry=self._registry,
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is one of the API's own, or "other"."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def drew(self, bundle: str, pictures: int) -> None:
        """Count a batch."""
        self._batches.labels(bundle).observe(pictures)

    def watch_queue(self, waiting: Callable[[], float]) -> None:
        """Call `waiting` for the length of the queue whenever the metrics are read."""
        self._waiting.set_function(waiting)

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self._registry)

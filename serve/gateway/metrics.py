"""What the gateway tells Prometheus: requests, how long they took, what is served, what waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from serve.gateway.supervisor import Supervisor

METRICS = "/metrics"
CONTENT_TYPE = CONTENT_TYPE_LATEST
PREFIX = "segmentation"
# One customer takes milliseconds, a file of them up to minutes.
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The figures of one gateway, of the aliases it serves.

    No label holds what a sender chose: status and alias have few values each.
    """

    def __init__(self, supervisors: Iterable[Supervisor]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Versions({one.alias: one for one in supervisors}))
        self._answers = Counter(
            f"{PREFIX}_requests",
            "Requests to score, by alias and by the status they were answered with.",
            ("alias", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}_request_seconds",
            "From a request to score until its answer, by alias.",
            ("alias",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._rows = Histogram(
            f"{PREFIX}_batch_rows",
            "Customers in a body sent to a scoring server, of small requests that can be joined.",
            buckets=ROWS,
            registry=self._registry,
        )

        self._notices = Counter(
            f"{PREFIX}_webhooks",
            "Webhooks of the registry, by what they were.",
            ("outcome",),
            registry=self._registry,
        )

    def answered(self, alias: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._answers.labels(alias, str(status)).inc()
        self._seconds.labels(alias).observe(seconds)

    def sent(self, rows: int) -> None:
        """Count a body that was sent to a scoring server."""
        self._rows.observe(rows)

    def announced(self, outcome: str) -> None:
        """Count a webhook that came."""
        self._notices.labels(outcome).inc()

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)


class _Versions(Collector):
    """What is served at the moment it is asked for."""

    def __init__(self, supervisors: Mapping[str, Supervisor]) -> None:
        self._supervisors = supervisors

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the version of each alias, whether it is the one named, what is not answered."""
        serving = GaugeMetricFamily(
            f"{PREFIX}_serving",
            "1 for the version that answers under an alias.",
            labels=("alias", "version"),
        )
        behind = GaugeMetricFamily(
            f"{PREFIX}_behind",
            "1 where another version answers than the alias names, or none.",
            labels=("alias",),
        )
        in_flight = GaugeMetricFamily(
            f"{PREFIX}_requests_in_flight",
            "Requests that a scoring server has not answered yet, waiting ones included.",
            labels=("alias",),
        )
        for alias, supervisor in self._supervisors.items():
            state, backend = supervisor.state, supervisor.current
            if state.serving:
                serving.add_metric((alias, state.serving), 1)
            behind.add_metric((alias,), supervisor.needed and state.serving != state.champion)
            in_flight.add_metric((alias,), backend.in_flight if backend else 0)
        yield from (serving, behind, in_flight)

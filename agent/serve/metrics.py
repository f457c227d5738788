"""What is counted, for Prometheus: requests, seconds, answers, tokens. No text, and no label that a request makes up.

Needs the extra `serve`; without it nothing is counted.
"""

from collections.abc import Callable
from typing import Any

from principles.errors import ConfigError

# Seconds of an answer: from a large model's to a small one's on a slow machine.
BUCKETS = (0.1, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320)


class Metrics:
    """Counters of one server; `inside` tells how many answers are being made or waited for."""

    def __init__(self, inside: Callable[[], int]) -> None:
        try:
            import prometheus_client as prometheus
        except ImportError:
            self._write: Callable[[], bytes] | None = None
            return
        kept = prometheus.CollectorRegistry()
        self._write = lambda: bytes(prometheus.generate_latest(kept))

        def counter(name: str, what: str, *labels: str) -> Any:
            return prometheus.Counter(f"clinalign_{name}", what, labels, registry=kept)

        self._requests = counter("requests", "Requests", "route", "status")
        self._answers = counter("answers", "Answers by whether they were reviewed", "reviewed")
        self._edits = counter("edits", "Edits that were kept, by kind", "kind")
        self._tokens = counter("tokens", "Tokens that the model's endpoint counted", "kind")
        self._stages = counter("stage_seconds", "Seconds of the stages of answers", "stage")
        self._seconds = prometheus.Histogram(
            "clinalign_request_seconds", "Seconds of a request", ["route"], buckets=BUCKETS, registry=kept
        )
        waiting = prometheus.Gauge("clinalign_answers_inside", "Answers being made or waited for", registry=kept)
        waiting.set_function(inside)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        if self._write:
            self._requests.labels(route, str(status)).inc()
            self._seconds.labels(route).observe(seconds)

    def result(self, result: dict[str, Any]) -> None:
        """Count what an answer, a revision or a grade has taken and done."""
        if not self._write:
            return
        for kind in ("prompt_tokens", "completion_tokens"):
            self._tokens.labels(kind.removesuffix("_tokens")).inc(result["usage"].get(kind, 0))
        if "answer" not in result:
            return
        self._answers.labels(str(result["reviewed"]).lower()).inc()
        for edit in result["edits"]:
            self._edits.labels(edit["kind"]).inc()
        for stage, seconds in result["timings"].items():
            self._stages.labels(stage).inc(seconds)

    def page(self) -> bytes:
        """In Prometheus' text format. Raises ConfigError where prometheus-client is missing."""
        if not self._write:
            raise ConfigError('metrics need the package prometheus-client: pip install "clinalign[serve]"')
        return self._write()

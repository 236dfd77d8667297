"""What the worker and the sink tell Prometheus: each metric is declared once, with unit and meaning (docs/metrics.md)."""

from streams.metrics.sink import SinkMetrics
from streams.metrics.worker import WorkerMetrics

__all__ = ["SinkMetrics", "WorkerMetrics"]

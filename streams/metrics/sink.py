"""The metrics of a sink."""

from typing import ClassVar

from projections.rows import TABLES
from streams.metrics.declaring import Label, MetricSet, counter, gauge, histogram

_TABLE = Label("table", tuple(table.name for table in TABLES), "the tables")
_OUTPUT_TOPIC = Label("topic", tuple(table.topic for table in TABLES), "the output topics")
_RESULT = Label("result", ("inserted", "failed"))
_REASON = Label(
    "reason", meaning="ClickHouse's error code, `unreachable`, `short` (not all rows were taken) or `refused` (by its client)"
)

_INSTANT = "seconds since 1970, UTC"
_FLUSH_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCH_ROWS = (1, 10, 100, 1000, 2500, 5000, 10000, 25000, 50000, 100000)
_FRESHNESS_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class SinkMetrics(MetricSet):
    """What a sink tells of its way from the output topics into ClickHouse."""

    prefix: ClassVar[str] = "credits_sink_"

    heartbeat_timestamp_seconds = gauge("When the sink last went round its loop.", unit=_INSTANT)

    lag_records = gauge("Records in the output topics that are not in ClickHouse yet.", unit="records", labels=(_OUTPUT_TOPIC,))
    freshness_seconds = histogram(
        "From the timestamp of a record in an output topic, which is when a worker wrote it, to its row being visible in "
        "ClickHouse. What an event waits for the worker before is credits_lag_seconds.",
        unit="seconds",
        buckets=_FRESHNESS_SECONDS,
    )

    flush_seconds = histogram("Time of one insert.", unit="seconds", labels=(_TABLE,), buckets=_FLUSH_SECONDS)
    batch_rows = histogram("Rows of one insert.", unit="rows", labels=(_TABLE,), buckets=_BATCH_ROWS)
    rows_total = counter(
        "Rows sent to ClickHouse: inserted, or failed with their insert.",
        unit="rows",
        labels=(_TABLE, _RESULT),
    )
    refused_rows_total = counter(
        "Rows that ClickHouse would not take, now in the table of refused rows.", unit="rows", labels=(_TABLE,)
    )
    retries_total = counter("Inserts tried again, by what went wrong.", unit="inserts", labels=(_REASON,))
    last_success_timestamp_seconds = gauge("When ClickHouse last took an insert; 0 before the first.", unit=_INSTANT)

    buffer_bytes = gauge("Bytes read and not yet inserted.", unit="bytes")
    buffer_rows = gauge("Rows read and not yet inserted.", unit="rows")
    paused = gauge("1 while the queue of a table is full and no more of its rows are read.", unit="")
    clickhouse_up = gauge("1 while ClickHouse answers.", unit="")

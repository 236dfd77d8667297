"""The metrics of a worker."""

from collections import Counter as Tally
from typing import ClassVar

from projections.intake import Accepted
from projections.rows import TABLES
from schemas.refusals import Reason
from schemas.topics import INPUT_TOPICS
from streams.metrics.declaring import Label, MetricSet, counter, gauge, histogram
from streams.metrics.group_state import GroupState

PHASES = ("fencing", "restoring", "open", "closing", "parked")
REBUILD_REASONS = ("damaged", "old", "ahead", "foreign")

_INPUT_TOPIC = Label("topic", INPUT_TOPICS, "the input topics")
_OUTPUT_TOPIC = Label("topic", tuple(table.topic for table in TABLES), "the output topics")
_OUTCOME = Label("outcome", ("accepted", "duplicate", "refused", "rerouted"))
_REASON = Label("reason", tuple(reason.value for reason in Reason))
_REBUILD_REASON = Label("reason", REBUILD_REASONS)
_PHASE = Label("phase", PHASES)
_GROUP_STATE = Label("state", tuple(state.value for state in GroupState))
_ROUTE = Label("route", meaning="the path as docs/openapi.json has it; `other` for what is no path of the worker")
_STATUS = Label("status", meaning="the status of the answer")
_CREDIT_TYPE = Label("credit_type", meaning="those of the catalog")

_INSTANT = "seconds since 1970, UTC"
_WORK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_RESTORE_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_BATCH_RECORDS = (1, 10, 100, 500, 1000, 2500, 5000, 10000, 25000, 50000)


class WorkerMetrics(MetricSet):
    """What a worker tells of the partition numbers that it holds; a sum over workers is the sum over all partition numbers."""

    prefix: ClassVar[str] = "credits_"

    heartbeat_timestamp_seconds = gauge("When the worker last looked at itself, every two seconds.", unit=_INSTANT)

    lag_records = gauge(
        "Records of the open partition numbers that are not committed yet.", unit="records", labels=(_INPUT_TOPIC,)
    )
    lag_seconds = gauge(
        "How long this worker has seen the oldest record wait that is not committed; the greatest over the open partition "
        "numbers.",
        unit="seconds",
        labels=(_INPUT_TOPIC,),
    )
    group_state = gauge(
        "Open input topic partitions, by what their last minute of commits and lag says.",
        unit="topic partitions",
        labels=(_GROUP_STATE,),
    )
    events_total = counter(
        "Records read from the input topics, by what came of them. Counted once applied, before the commit: what is applied "
        "again after trouble counts again.",
        unit="records",
        labels=(_INPUT_TOPIC, _OUTCOME),
    )
    refusals_total = counter("Records refused, by reason.", unit="records", labels=(_REASON,))
    apply_seconds = histogram("Time to apply one batch of records.", unit="seconds", buckets=_WORK_SECONDS)

    loop_delay_seconds = histogram(
        "How late the worker's loop came to what it was to do, looked at fifty times a second: how long one piece of work "
        "holds up all others.",
        unit="seconds",
        buckets=_WORK_SECONDS,
    )

    commit_seconds = histogram(
        "Time of one transaction, from its first send to the broker's answer; the count is the number of commits.",
        unit="seconds",
        buckets=_WORK_SECONDS,
    )
    commit_records = histogram("Input records of one transaction.", unit="records", buckets=_BATCH_RECORDS)
    rows_published_total = counter("Changed rows committed to the output topics.", unit="rows", labels=(_OUTPUT_TOPIC,))

    partitions = gauge("Partition numbers that are held, by phase.", unit="partition numbers", labels=(_PHASE,))
    topic_partitions = gauge("Partition numbers that there are, held by whomever.", unit="partition numbers")
    rebalances_total = counter("Assignments of partition numbers that the group made.", unit="rebalances")
    reopenings_total = counter("Times that a partition number was opened anew after trouble.", unit="reopenings")
    fencings_total = counter("Times that another worker had taken a partition number over.", unit="fencings")
    seeks_back_total = counter("Times that a gap before a batch was sought back.", unit="seeks")
    restore_seconds = histogram(
        "Time to bring one partition number's state up to the end of its changelog.", unit="seconds", buckets=_RESTORE_SECONDS
    )
    restored_records_total = counter("Changelog records read in restores.", unit="records")
    store_rebuilds_total = counter(
        "Local stores thrown away and read anew from the changelog.", unit="rebuilds", labels=(_REBUILD_REASON,)
    )

    clock_timestamp_seconds = gauge(
        "The clock, the least over the open partition numbers; 0 while one has none (docs/ledger.md 2.3).", unit=_INSTANT
    )
    boundary_timestamp_seconds = gauge(
        "The boundary, the least over the open partition numbers; 0 while one has none (docs/ledger.md 2.3).", unit=_INSTANT
    )
    time_advanced_total = counter("Times that the worker said the time to partition numbers.", unit="times")

    granted_credits = gauge("Credits of limited lots that have begun and are kept.", unit="credits", labels=(_CREDIT_TYPE,))
    used_credits = gauge("Credits that lots have paid in months that are not final.", unit="credits", labels=(_CREDIT_TYPE,))
    overage_credits = gauge(
        "Credits that no lot has paid, in months that are not final.", unit="credits", labels=(_CREDIT_TYPE,)
    )
    expiring_within_7_days_credits = gauge(
        "Credits left of limited lots that end within seven days.",
        unit="credits",
        labels=(_CREDIT_TYPE,),
        stem="expiring_within_a_week_credits",  # promtool takes "days" for the unit
    )
    deriving_accounts = gauge(
        "Accounts of which late events are derived step by step; their rows are published when that is done.", unit="accounts"
    )
    accounts = gauge("Accounts.", unit="accounts", labels=(_CREDIT_TYPE,))
    balances_sweep_timestamp_seconds = gauge("When the figures by credit type were last summed up; 0 before.", unit=_INSTANT)

    http_requests_total = counter("Requests over HTTP that were answered.", unit="requests", labels=(_ROUTE, _STATUS))
    http_request_seconds = histogram(
        "Time from a request's first line to its answer, waiting for events of its own included.",
        unit="seconds",
        buckets=_WORK_SECONDS,
        labels=(_ROUTE,),
    )
    http_forwarded_total = counter(
        "Requests that were asked of the worker that holds their customer's partition number.", unit="requests"
    )

    def count_batch(self, topic: str, accepted: Accepted) -> None:
        """Count the records of one batch of an input topic by what came of them."""
        for outcome, count in (
            ("accepted", accepted.accepted),
            ("duplicate", accepted.duplicates),
            ("refused", len(accepted.refused)),
            ("rerouted", len(accepted.reroutes)),
        ):
            self.events_total.labels(topic, outcome).inc(count)
        for reason, count in Tally(row.reason for row in accepted.refused).items():
            self.refusals_total.labels(reason).inc(count)

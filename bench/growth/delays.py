"""How late a worker's loop was, as its own metrics tell: how long one piece of work holds up all others."""

import urllib.request
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import TransientError

LATE_SECONDS = 0.05
_METRIC = "credits_loop_delay_seconds"
_ANSWER_SECONDS = 20


class Delays(NamedTuple):
    """The looks at the loop: how many, the share that was late by more than LATE_SECONDS, and a bound that none was above."""

    look_count: int
    late_share: float
    bound_seconds: float

    def told(self) -> str:
        """Tell it in a few words."""
        return f"{self.late_share:.2%} of {self.look_count:,} looks, none above {self.bound_seconds:g} s"


def read_delays(port: int) -> Delays:
    """Ask a worker; raises TransientError where it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_ANSWER_SECONDS) as answer:
            text = answer.read().decode()
    except OSError as error:
        raise TransientError(f"the worker does not tell its metrics: {error}") from error
    counts = {
        float(sample.labels["le"]): int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{_METRIC}_bucket"
    }
    looks = max(counts.values(), default=0)
    late = looks - counts.get(LATE_SECONDS, 0)
    bound = min((bound for bound, count in counts.items() if count == looks), default=float("inf"))
    return Delays(looks, late / looks if looks else 0.0, bound)

"""How long the views take: each asked again and again over HTTP, the first answer counted like the others."""

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from bench.views.data import Loaded
from projections.described_views import DescribedView, described_views
from projections.statements import VIEWS_DATABASE
from schemas.errors import SettingsError

LIMIT_MILLISECONDS = 100
_OF_ONE_CUSTOMER = ("account_statement", "consumption_payment", "grant_statement")
"""Views that make no sense without a customer."""


class Answers(NamedTuple):
    """What the answers of a view were: milliseconds of each, and rows and bytes of one; `asked` says for whom."""

    view: str
    asked: str
    milliseconds: tuple[float, ...]
    row_count: int
    byte_count: int

    @property
    def median(self) -> float:
        """Half of the answers were faster, in milliseconds."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """All but one answer of twenty were faster, in milliseconds."""
        return sorted(self.milliseconds)[-1 - len(self.milliseconds) // 20]

    @property
    def slow_share(self) -> float:
        """The share of the answers that took longer than LIMIT_MILLISECONDS."""
        return sum(one > LIMIT_MILLISECONDS for one in self.milliseconds) / len(self.milliseconds)


def ask_all(client: Client, loaded: Loaded, *, organization: str, times: int) -> Iterator[Answers]:
    """Ask every view so many times, whole organizations and, where a view takes one, a customer."""
    for view in described_views():
        names = {parameter.name for parameter in view.parameters}
        if view.name not in _OF_ONE_CUSTOMER:
            yield _ask(client, view, _values(view, loaded, organization=organization), asked="all", times=times)
        if "customer" in names:
            values = {**_values(view, loaded, organization=organization), "customer": loaded.customer_id}
            yield _ask(client, view, values, asked="one customer", times=times)


def _values(view: DescribedView, loaded: Loaded, *, organization: str) -> dict[str, str]:
    known = {
        **_VALUES,
        "organization": organization,
        "grant_id": loaded.grant_id,
        "event_id": loaded.event_id,
        **_VALUES_OF_VIEW.get(view.name, {}),
    }
    missing = [parameter.name for parameter in view.parameters if parameter.name not in known]
    if missing:
        raise SettingsError(f"the benchmark has no value for {', '.join(missing)} of the view {view.name}")
    return {parameter.name: known[parameter.name] for parameter in view.parameters}


def _ask(client: Client, view: DescribedView, values: Mapping[str, str], *, asked: str, times: int) -> Answers:
    arguments = ", ".join(f"{name} = {{{name}:String}}" for name in values)
    source = f"{VIEWS_DATABASE}.{view.name}" + (f"({arguments})" if arguments else "")
    milliseconds = []
    content = b""
    for _ in range(times):
        began = time.perf_counter()
        content = client.raw_query(f"SELECT * FROM {source}", parameters=dict(values), fmt="Native")  # noqa: S608 -- names of ours
        milliseconds.append((time.perf_counter() - began) * 1000)
    [(row_count,)] = client.query(f"SELECT count() FROM {source}", parameters=dict(values)).result_rows  # noqa: S608 -- names of ours
    return Answers(view.name, asked, tuple(milliseconds), int(row_count), len(content))


_VALUES: Mapping[str, str] = {
    "customer": "",
    "credit_type": "",
    "month": "2026-07",
    "month_from": "2026-07",
    "month_to": "2026-07",
    "date_from": "2026-07-01",
    "date_to": "2026-07-31",
    "as_of": "2026-07-15T12:00:00Z",
    "from": "2026-07-01T00:00:00Z",
    "to": "2026-08-01T00:00:00Z",
    "occurred_at": "",
    "usage": "both",
    "text": "customer-10",
}
"""One month, a day in it, and no choice of a customer or a type of credits."""

_VALUES_OF_VIEW: Mapping[str, Mapping[str, str]] = {
    "account_statement": {"credit_type": "coins"},
    "grants": {"grant_id": ""},
}

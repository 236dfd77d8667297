"""What the commands that read the books share: a client, the form for programs, and a sentence on what is not there."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from clickhouse_connect.driver.client import Client

from creditstream.wall_clock import now_microseconds
from schemas.amounts import UNLIMITED
from schemas.errors import NotThereError, TransientError
from schemas.instants import format_instant
from streams.cli.tables import Entry
from streams.clickhouse import ClickHouseAddress, connect
from streams.clickhouse.asking import ask, has_any
from streams.settings import read_sink_settings

_BESIDE_THE_LIST = {
    "customer_name",
    "grant_name",
    "amount_text",
    "available_text",
    "granted_text",
    "priority",
    "scope",
    "status",
}
"""What the views of accounts say for people, beside the fields of the lists of docs/ledger.md 8.3."""


@contextmanager
def opened_books() -> Iterator[Client]:
    """Give a client of the ClickHouse that CREDITS_CLICKHOUSE_HOST names.

    Raises TransientError where it does not answer, and SettingsError for a wrong setting, each as one sentence.
    """
    settings = read_sink_settings(os.environ)
    address = ClickHouseAddress(settings.host, settings.port, settings.user, settings.password)
    try:
        client = connect(address)
    except TransientError as error:
        raise TransientError(f"{error} (CREDITS_CLICKHOUSE_HOST and CREDITS_CLICKHOUSE_PORT say where it is)") from error
    with closing(client):
        yield client


def now() -> str:
    """Give the instant of the wall clock as views take it."""
    return format_instant(now_microseconds())


def write_json(answer: Any) -> None:
    """Write an answer to standard output as one JSON document."""
    json.dump(answer, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def with_unlimited(entries: Iterable[Entry]) -> list[Entry]:
    """Give lots or grants with `unlimited` as the amount of those that have no limit, as docs/ledger.md 8.3 writes it."""
    return [{**entry, "amount": UNLIMITED if entry["amount"] is None else entry["amount"]} for entry in entries]


def as_listed(entries: Iterable[Entry]) -> list[Entry]:
    """Give the entries of a view of accounts with the fields of its list in docs/ledger.md 8.3.

    A balance has one more where its account is being derived anew: `deriving`, which is true.
    """
    return [
        {name: value for name, value in entry.items() if name not in _BESIDE_THE_LIST and (name != "deriving" or value)}
        for entry in entries
    ]


def require_account(client: Client, *, organization: str, customer: str, credit_type: str) -> None:
    """Raise NotThereError where no account is of this organization, and of this customer and credit type unless they are ''."""
    everything = {"organization": organization, "customer": "", "credit_type": "", "as_of": now()}
    if has_any(client, "account_balances", {**everything, "customer": customer, "credit_type": credit_type}):
        return
    require_organization(client, organization)
    if customer:
        credit_types = [
            entry["credit_type"] for entry in ask(client, "account_balances", {**everything, "customer": customer}).entries
        ]
        if not credit_types:
            raise NotThereError(f"no customer of {organization} with a grant or a consumption has the id {customer}")
        raise NotThereError(f"customer {customer} of {organization} has no {credit_type}, but {', '.join(credit_types)}")
    raise NotThereError(f"no customer of {organization} has {credit_type or 'a grant or a consumption'}")


def require_organization(client: Client, organization: str) -> None:
    """Raise NotThereError where the books have nothing of an organization."""
    of_organization = {"organization": organization}
    everything = {**of_organization, "customer": ""}
    if not (
        has_any(client, "account_balances", {**everything, "credit_type": "", "as_of": now()})
        or has_any(client, "conflicts", everything)
        or has_any(client, "campaigns", of_organization)
    ):
        raise NotThereError(f"the books have nothing of an organization {organization}")

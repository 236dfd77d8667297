"""The views of accounts say what a fold of the same log says: lists, explanations and balances, row by row, field by field.

Asked of many books in one engine (tests/support/view_books.py), before everything, at starts and ends, and far ahead.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import gateway_running

from projections.balances import balance_of, lots_then
from projections.calendar import Calendar, calendar_of
from projections.columns import columns_of
from projections.event_rows import grant_of
from projections.explanation import explain
from projections.lots import issue
from projections.rows import (
    TABLE_OF_ROW_TYPE,
    AllocationRow,
    CampaignRow,
    DerivingRow,
    GrantRow,
    LedgerRow,
    LotRow,
    NameRow,
    SnapshotRow,
)
from schemas.amounts import format_micro
from schemas.events import MONTHLY
from schemas.instants import INSTANT_LIMIT, format_instant, from_datetime, parse_instant
from streams.clickhouse import connect, insert, migrate
from tests.support.view_books import ALL_BOOKS, FEED, Books, books_of, load_all, published, results, whole_catalog

Entry = dict[str, Any]
Ask = Callable[..., list[Entry]]

FAR_AHEAD = INSTANT_LIMIT - 1
WORLDS_AND_EXAMPLES = [name for name in ALL_BOOKS if name != FEED]


@pytest.fixture(scope="module")
def client(data_folder: Path) -> Iterator[Client]:
    """Give a client of an engine of this module's own that holds all books."""
    with gateway_running(data_folder / "account_views") as gateway, connect(gateway.address) as opened:
        migrate(opened, generation=1, catalog=whole_catalog())
        load_all(opened)
        yield opened


@pytest.fixture(scope="module")
def ask(client: Client) -> Ask:
    """Give a function that asks a view; it gives the rows in their order, amounts and instants as text."""

    def asked(view: str, **parameters: str) -> list[Entry]:
        arguments = ", ".join(f"{name} = {{{name}:String}}" for name in parameters)
        found = client.query(" ".join(("SELECT * FROM", f"credits.{view}({arguments})")), parameters=parameters)
        return [{name: shown(value) for name, value in row.items()} for row in found.named_results()]

    return asked


def shown(value: Any) -> Any:
    """Write amounts and instants as docs/ledger.md 8.2 does."""
    if isinstance(value, Decimal):
        text = f"{value.normalize():f}"
        return "0" if text == "-0" else text
    return format_instant(from_datetime(value)) if isinstance(value, datetime) else value


def of_organization(entries: list[Entry], organization: str) -> list[Entry]:
    return [entry for entry in entries if entry["organization_id"] == organization]


def without(entries: list[Entry], *names: str) -> list[Entry]:
    return [{name: value for name, value in entry.items() if name not in names} for entry in entries]


def customer_name(books: Books, organization: str, customer: str) -> str:
    names = {(row.organization_id, row.kind, row.named_id): row.name for row in books.rows.of(NameRow)}
    return names.get((organization, "CUSTOMER", customer), customer)


def with_customer_names(books: Books, entries: list[Entry]) -> list[Entry]:
    found = {(entry["organization_id"], entry["customer_id"]) for entry in entries}
    names = {key: customer_name(books, *key) for key in found}
    return [{**entry, "customer_name": names[entry["organization_id"], entry["customer_id"]]} for entry in entries]


def narrowed(entries: list[Entry]) -> Iterator[tuple[dict[str, str], list[Entry]]]:
    """Give parameters that ask for everything, and for a customer, a credit type and both, each with what they find."""
    yield {"customer": "", "credit_type": ""}, entries
    customer, credit_type = (entries[-1]["customer_id"], entries[-1]["credit_type"]) if entries else ("nobody", "nothing")
    of_customer = [entry for entry in entries if entry["customer_id"] == customer]
    yield {"customer": customer, "credit_type": ""}, of_customer
    of_type = [entry for entry in entries if entry["credit_type"] == credit_type]
    yield {"customer": "", "credit_type": credit_type}, of_type
    of_both = [entry for entry in of_customer if entry["credit_type"] == credit_type]
    yield {"customer": customer, "credit_type": credit_type}, of_both


@pytest.mark.parametrize("name", ALL_BOOKS)
def test_account_balances(name, ask):
    """Every figure of every account at every instant, and of one customer or credit type alone."""
    books = books_of(name)
    for as_of in books.instants():
        for organization in books.organizations:
            expected = [
                {
                    **entry,
                    "available_text": "Unlimited" if entry["unlimited"] else entry["available"],
                    "deriving": False,
                }
                for entry in with_customer_names(books, of_organization(results(name, as_of)["balances"], organization))
            ]
            asked = narrowed(expected) if as_of == books.as_of else [next(narrowed(expected))]
            for parameters, wanted in asked:
                found = ask("account_balances", organization=organization, as_of=format_instant(as_of), **parameters)
                assert found == wanted, (format_instant(as_of), parameters)


@pytest.mark.parametrize("name", ALL_BOOKS)
def test_account_lots(name, ask):
    """The facts of every lot as of every instant, with the name of its grant, its scope in words and what became of it."""
    books = books_of(name)
    rows = {
        (row.organization_id, row.customer_id, row.grant_id, format_instant(row.start)): row for row in books.rows.of(LotRow)
    }
    grants = {(row.organization_id, row.customer_id, row.grant_id): row for row in books.rows.of(GrantRow)}
    for as_of in books.instants():
        for organization in books.organizations:
            expected = []
            for entry in with_customer_names(books, of_organization(results(name, as_of)["lots"], organization)):
                key = (organization, entry["customer_id"], entry["grant_id"])
                row = rows[*key, entry["start"]]
                is_unlimited = entry["amount"] == "unlimited"
                expected.append(
                    {
                        **entry,
                        "amount": None if is_unlimited else entry["amount"],
                        "amount_text": "Unlimited" if is_unlimited else entry["amount"],
                        "grant_name": grants[key].name,
                        "priority": row.priority,
                        "scope": ", ".join(" ".join(filter(None, selector)) for selector in row.scope),
                        "status": status_of(entry, row, as_of),
                    }
                )
            asked = narrowed(expected) if as_of == books.as_of else [next(narrowed(expected))]
            for parameters, wanted in asked:
                found = ask("account_lots", organization=organization, as_of=format_instant(as_of), **parameters)
                assert found == wanted, (format_instant(as_of), parameters)


def status_of(entry: Entry, row: LotRow, as_of: int) -> str:
    """Say in one word what the facts of a lot say: that of a figure that is there, else why none is."""
    if row.start > as_of:
        return "not yet valid"
    for figure in ("expired", "unused", "voided"):
        if entry[figure] != "0":
            return figure
    if row.amount_micro is None:
        return "valid" if row.is_valid_at(as_of) else row.end_kind.lower()
    return "used up" if entry["rest"] == "0" else "valid"


@pytest.mark.parametrize("name", ALL_BOOKS)
def test_account_snapshots(name, ask):
    """Every month of every account over ranges: all, one, none, after the last, and one that ends before it begins."""
    books = books_of(name)
    months = sorted({row.month for row in books.rows.of(SnapshotRow)}) or ["2026-01"]
    ranges = [
        ("1969-12", "2200-01"),
        (months[0], months[0]),
        (months[len(months) // 2], months[-1]),
        ("1970-01", "1970-02"),
        ("2199-01", "2199-12"),
        (months[-1], "1970-01"),
    ]
    for organization in books.organizations:
        entries = with_customer_names(books, of_organization(results(name, books.as_of)["snapshots"], organization))
        for month_from, month_to in ranges:
            expected = [
                {**entry, "granted_text": granted_text(entry)} for entry in entries if month_from <= entry["month"] <= month_to
            ]
            asked = narrowed(expected) if (month_from, month_to) == ranges[0] else [next(narrowed(expected))]
            for parameters, wanted in asked:
                found = ask(
                    "account_snapshots", organization=organization, month_from=month_from, month_to=month_to, **parameters
                )
                assert found == wanted, (month_from, month_to, parameters)


def granted_text(entry: Entry) -> str:
    if entry["once_unlimited"] or entry["monthly_unlimited"]:
        return "Unlimited"
    return shown(Decimal(entry["once_granted"]) + Decimal(entry["monthly_granted"]))


@pytest.mark.parametrize("name", ALL_BOOKS)
def test_conflicts(name, ask):
    """Every conflict of an organization, and those of one customer alone."""
    for organization in books_of(name).organizations:
        expected = of_organization(results(name, books_of(name).as_of)["conflicts"], organization)
        assert ask("conflicts", organization=organization, customer="") == expected
        for customer in {entry["customer_id"] for entry in expected}:
            of_customer = [entry for entry in expected if entry["customer_id"] == customer]
            assert ask("conflicts", organization=organization, customer=customer) == of_customer


@pytest.mark.parametrize("name", WORLDS_AND_EXAMPLES)
def test_consumption_payment(name, client):
    """Of each consumption: every lot that was valid, in the order and with the part and payment of `explain`."""
    rows = books_of(name).rows
    allocations = {row[:4]: row for row in rows.of(AllocationRow)}
    lots = rows.of(LotRow)
    for use in rows.of(LedgerRow):
        own = [lot for lot in lots if lot[:3] == (use.organization_id, use.customer_id, use.credit_type)]
        explanation = explain(use, allocations[use[:4]], own)
        expected = [
            (position, line.lot, line.part.value, line.paid_micro) for position, line in enumerate(explanation.lots, start=1)
        ]
        found = payment_rows(client, use, "")
        assert [row for row in payments_of(found) if row[1] is not None] == expected, use
        assert len(found) == max(1, len(expected))
        for row in found:
            assert_consumption(row, use, explanation.allocation)
    assert payment_rows(client, use, format_instant(use.occurred_at)) == found
    assert payment_rows(client, use, format_instant(use.occurred_at + 1)) == []


def payment_rows(client: Client, use: LedgerRow, occurred_at: str) -> list[Entry]:
    found = client.query(
        "SELECT * FROM credits.consumption_payment("
        "organization = {o:String}, customer = {c:String}, event_id = {e:String}, occurred_at = {at:String})",
        parameters={"o": use.organization_id, "c": use.customer_id, "e": use.event_id, "at": occurred_at},
    )
    return list(found.named_results())


_OTHERWISE_NAMED = {"amount": "lot_amount", "used": "lot_used"}


def payments_of(found: list[Entry]) -> Iterator[tuple[int, LotRow | None, str, int]]:
    """Read back position, lot, part and payment; the lot as the row that it is in the tables."""
    for row in found:
        lot = None
        if row["grant_id"]:
            lot = LotRow(*(column.read(row[_OTHERWISE_NAMED.get(column.name, column.name)]) for column in columns_of(LotRow)))
        yield row["position"], lot, row["part"], int(row["paid"].scaleb(6))


def assert_consumption(row: Entry, use: LedgerRow, allocation: AllocationRow) -> None:
    """Each row repeats what the consumption is and came to."""
    read = {column.name: column.read for column in columns_of(AllocationRow)}
    for field in ("credit_type", "event_id", "activity_type", "line_kind", "item"):
        assert row[field] == getattr(use, field)
    assert row["consumption_month"] == use.month
    assert from_datetime(row["occurred_at"]) == use.occurred_at
    assert tuple(read[name](row[name]) for name in ("amount", "reversed", "overage", "cost", "paid_by")) == (
        allocation.amount_micro,
        allocation.reversed_micro,
        allocation.overage_micro,
        allocation.cost,
        allocation.paid_by,
    )


class Account(NamedTuple):
    """The rows of one account."""

    key: tuple[str, str, str]
    grants: list[GrantRow]
    lots: list[LotRow]
    allocations: list[AllocationRow]
    activities: dict[tuple[int, str], str]
    calendar: Calendar

    def balance_micro(self, as_of: int) -> int:
        """Give the balance of docs/ledger.md 6.1."""
        valid = lots_then(self.lots, self.grants, as_of=as_of, calendar=self.calendar)
        return balance_of(valid, self.allocations, as_of=as_of, month="").balance_micro

    def lots_until(self, last: int) -> list[tuple[str, int, int | None, int | None, int]]:
        """Give grant, start, end, amount and use of all lots that start by an instant, of months to come too."""
        found = {(lot.grant_id, lot.start): (lot.end, lot.amount_micro, lot.used_micro) for lot in self.lots}
        for grant in self.grants:
            if grant.cadence == MONTHLY:
                for lot in issue(
                    grant_of(grant), voided_at=grant.voided_at, calendar=self.calendar, last_month=self.calendar.month_of(last)
                ):
                    found.setdefault(lot.key, (lot.end, lot.amount_micro, 0))
        return [(*key, *facts) for key, facts in sorted(found.items()) if key[1] <= last]

    def lines(self, last: int) -> list[Entry]:
        """Give what a statement lists up to an instant, in its order, without the balance."""
        names = {grant.grant_id: grant.name for grant in self.grants}
        unlimited = {grant.grant_id for grant in self.grants if grant.amount_micro is None}
        lines = []
        for grant_id, start, end, amount_micro, used_micro in self.lots_until(last):
            held, left = (0, 0) if amount_micro is None else (amount_micro, amount_micro - used_micro)
            of_lot = (grant_id, "", names[grant_id], grant_id in unlimited)
            lines.append((start, "lot start", *of_lot, held, 0, 0))
            if end is not None and end <= last:
                lines.append((end, "lot end", *of_lot, -left, 0, 0))
        for row in self.allocations:
            if row.amount_micro > row.reversed_micro and row.occurred_at <= last:
                paid = Counter[bool]()
                for part in row.paid_by:
                    paid[part.grant_id in unlimited] += part.amount_micro
                name = self.activities[row.occurred_at, row.event_id]
                of_use = ("", row.event_id, name, False, -paid[False], paid[True], row.overage_micro)
                lines.append((row.occurred_at, "consumption", *of_use))
        places = ("lot end", "lot start", "consumption")
        lines.sort(key=lambda line: (line[0], places.index(line[1]), line[3], line[2]))
        return [dict(zip(_LINE, line, strict=True)) for line in lines]


_LINE = ("at", "line", "grant_id", "event_id", "name", "unlimited", "amount", "unlimited_used", "overage")
_LINE_AMOUNTS = ("amount", "unlimited_used", "overage")


def accounts_of(books: Books) -> Iterator[Account]:
    grants, lots, allocations = (books.rows.of(row_type) for row_type in (GrantRow, LotRow, AllocationRow))
    uses = books.rows.of(LedgerRow)
    account_of = lambda row: (row.organization_id, row.customer_id, row.credit_type)  # noqa: E731 - read beside its use
    for key in sorted({account_of(row) for row in (*grants, *uses)}):
        yield Account(
            key,
            *([row for row in rows if account_of(row) == key] for rows in (grants, lots, allocations)),
            activities={(row.occurred_at, row.event_id): row.activity_type for row in uses if row[:2] == key[:2]},
            calendar=calendar_of(books.catalog.zone_name(key[0])),
        )


@pytest.mark.parametrize("name", WORLDS_AND_EXAMPLES)
def test_account_statement(name, ask):
    """Every start, net consumption and end in order; after the last line of an instant the balance is that as of it."""
    books = books_of(name)
    for account in accounts_of(books):
        known = [instant for lot in account.lots for instant in (lot.start, lot.end) if instant is not None]
        whole = account.lines(max([*known, *(row.occurred_at for row in account.allocations)], default=0))
        if not account.lots:
            whole = [line for line in whole if line["line"] == "consumption"]
        assert_statement(ask, account, whole)
        far = max(books.instants())
        ahead = account.lines(far - 1)
        assert_statement(ask, account, ahead, to=far)
        for line in ahead[len(ahead) // 3 :: max(1, len(ahead) // 2)]:
            at = line["at"]
            assert_statement(ask, account, [each for each in ahead if each["at"] >= at], begin=at, to=far)
            assert_statement(ask, account, [each for each in account.lines(at) if each["at"] < at], to=at)
            assert_statement(ask, account, [], begin=at, to=at)


def assert_statement(ask: Ask, account: Account, expected: list[Entry], *, begin: int | None = None, to: int | None = None):
    organization, customer, credit_type = account.key
    bounds = {"from": "" if begin is None else format_instant(begin), "to": "" if to is None else format_instant(to)}
    found = ask("account_statement", organization=organization, customer=customer, credit_type=credit_type, **bounds)
    written = [
        {
            name: format_instant(value) if name == "at" else format_micro(value) if name in _LINE_AMOUNTS else value
            for name, value in line.items()
        }
        for line in expected
    ]
    assert without(found, "balance") == written, (account.key, bounds)
    for line, following in zip_longest(found, found[1:]):
        if following is None or following["at"] != line["at"]:
            as_of = parse_instant(line["at"])
            assert as_of is not None
            assert line["balance"] == format_micro(account.balance_micro(as_of)), line
        if following is not None:
            assert Decimal(following["balance"]) == Decimal(line["balance"]) + Decimal(following["amount"])


@pytest.mark.parametrize("name", WORLDS_AND_EXAMPLES)
def test_grant_statement(name, ask):
    """Everything that each grant paid, of one customer or of whoever has a grant of that id."""
    rows = books_of(name).rows
    ends = {(lot.organization_id, lot.customer_id, lot.grant_id, lot.start): lot.end for lot in rows.of(LotRow)}
    activities = {row[:4]: row.activity_type for row in rows.of(LedgerRow)}
    for grant in rows.of(GrantRow):
        expected = [
            {
                "customer_id": row.customer_id,
                "occurred_at": format_instant(row.occurred_at),
                "event_id": row.event_id,
                "activity": activities[row[:4]],
                "credit_type": row.credit_type,
                "lot_start": format_instant(part.lot_start),
                "lot_end": None if end is None else format_instant(end),
                "paid": format_micro(part.amount_micro),
                "net": format_micro(row.amount_micro - row.reversed_micro),
                "reversed": format_micro(row.reversed_micro),
            }
            for row in rows.of(AllocationRow)
            if row.organization_id == grant.organization_id
            for part in row.paid_by
            if part.grant_id == grant.grant_id
            for end in [ends[row.organization_id, row.customer_id, part.grant_id, part.lot_start]]
        ]
        of_customer = [entry for entry in expected if entry["customer_id"] == grant.customer_id]
        for customer, wanted in (("", expected), (grant.customer_id, of_customer), ("nobody", [])):
            found = ask("grant_statement", organization=grant.organization_id, customer=customer, grant_id=grant.grant_id)
            assert found == wanted


SEARCHED_MAX = 100
TEXTS = ("", "c", "g1", "PACK", "%", "'", "c'2\\\"{", "Lisb", "k1", "Name 1", "nothing of the kind")


@pytest.mark.parametrize("name", [*WORLDS_AND_EXAMPLES[:6], FEED])
def test_search(name, ask):
    """All that has an id beginning with the text or a name containing it, nothing of other organizations, at most 100."""
    books = books_of(name)
    for organization in books.organizations[:2]:
        everything = list(findable(books, organization))
        ids = sorted({entry["id"] for entry in everything})
        some = [text for one in ids[:: max(1, len(ids) // 3)] for text in (one, one[:-1])]
        for text in (*TEXTS, *some):
            expected = [entry for entry in everything if text and is_found(entry, text)]
            found = ask("search", organization=organization, text=text)
            assert len(found) == min(len(expected), SEARCHED_MAX)
            different = {tuple(entry.items()) for entry in found}
            assert len(different) == len(found)
            assert different <= {tuple(entry.items()) for entry in expected}
            assert {entry["kind"] for entry in found} == {entry["kind"] for entry in expected}


def is_found(entry: Entry, text: str) -> bool:
    has_name = entry["kind"] in ("customer", "center", "zone", "campaign", "grant") and entry["name"] != entry["id"]
    return entry["id"].startswith(text) or (has_name and text.lower() in entry["name"].lower())


def findable(books: Books, organization: str) -> Iterator[Entry]:
    """Give everything in an organization that has an id, as the view shows it."""
    rows = books.rows
    grants = [row for row in rows.of(GrantRow) if row.organization_id == organization]
    uses = [row for row in rows.of(LedgerRow) if row.organization_id == organization]
    names = [row for row in rows.of(NameRow) if row.organization_id == organization]
    named = {row.named_id for row in names if row.kind == "CUSTOMER"}
    for customer in named | {row.customer_id for row in (*grants, *uses)}:
        yield thing("customer", customer, customer, customer_name(books, organization, customer))
    for row in names:
        if row.kind != "CUSTOMER":
            yield thing(row.kind.lower(), row.named_id, "", row.name)
    for campaign in rows.of(CampaignRow):
        if campaign.organization_id == organization:
            yield thing("campaign", campaign.campaign_id, "", campaign.name)
    for grant in grants:
        yield thing("grant", grant.grant_id, grant.customer_id, grant.name, grant.occurred_at)
    yield from findable_consumption(uses)


def findable_consumption(uses: list[LedgerRow]) -> Iterator[Entry]:
    """Give every consumption, and what they name, with the instant of the first that names it."""
    for use in uses:
        yield thing("consumption", use.event_id, use.customer_id, use.activity_type, use.occurred_at)
    for kind in ("invoice", "booking", "session", "device"):
        first: dict[tuple[str, str], int] = {}
        for use in uses:
            one = getattr(use, f"{kind}_id")
            if one is not None:
                first[one, use.customer_id] = min(use.occurred_at, first.get((one, use.customer_id), INSTANT_LIMIT))
        for (one, customer), at in first.items():
            yield thing(kind, one, customer, one, at)


def thing(kind: str, identity: str, customer: str, name: str, at: int | None = None) -> Entry:
    return {
        "kind": kind,
        "id": identity,
        "customer_id": customer,
        "name": name,
        "at": None if at is None else format_instant(at),
    }


def test_an_account_says_that_it_is_being_derived(client, ask):
    """From the row that says so until it is deleted, and only that account."""
    books = books_of("coworking")
    organization = books.organizations[0]
    accounts = [tuple(entry.values())[:3] for entry in results("coworking", books.as_of)["balances"]]
    table = TABLE_OF_ROW_TYPE[DerivingRow]
    for revision, deleted in ((1, False), (2, True)):
        row = published(DerivingRow(*accounts[1]), revision=revision, deleted=deleted)
        insert(client, table, [row], generation=1, token=f"deriving {revision}")
        found = ask(
            "account_balances", organization=organization, customer="", credit_type="", as_of=format_instant(books.as_of)
        )
        assert [entry["deriving"] for entry in found] == [not deleted and account == accounts[1] for account in accounts]


@pytest.mark.parametrize("as_of", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_instant_is_refused(as_of, ask):
    """A view never takes another instant than the one that was meant."""
    with pytest.raises(Exception, match="Cannot read DateTime"):
        ask("account_balances", organization="harbor-desks", customer="", credit_type="", as_of=as_of)


def test_an_organization_that_is_not_there_has_nothing(ask):
    """Nothing of others is shown, also where the text would end a string in SQL."""
    for organization in ("", "nobody", "harbor-desks' OR 1 = 1 --", "\\"):
        nobody = {"organization": organization, "customer": "", "credit_type": ""}
        assert ask("account_balances", as_of="2026-05-01T00:00:00Z", **nobody) == []
        assert ask("account_lots", as_of="2026-05-01T00:00:00Z", **nobody) == []
        assert ask("account_snapshots", month_from="1970-01", month_to="2199-12", **nobody) == []
        assert ask("conflicts", organization=organization, customer="") == []
        assert ask("search", organization=organization, text="c") == []


def test_the_books_reach_everything():
    """What the views must tell apart is there: the comparisons above are not of nothing with nothing."""
    reached: Counter[str] = Counter()
    for name in ALL_BOOKS:
        books = books_of(name)
        reached.update(things_reached(books))
        for as_of in books.instants():
            lists = results(name, as_of)
            for entry in lists["balances"]:
                reached.update(f"balance {figure}" for figure, value in entry.items() if value not in ("0", None, False))
            lots = {tuple(row[:5]): row for row in books.rows.of(LotRow)}
            for entry in lists["lots"]:
                key = (*tuple(entry.values())[:4], parse_instant(entry["start"]))
                reached[f"status {status_of(entry, lots[key], as_of)}"] += 1
    figures = ("granted", "used", "balance", "committed", "available", "restricted", "unlimited", "next_expiry", "overage")
    statuses = ("not yet valid", "valid", "used up", "expired", "unused", "voided")
    parts = ("paid", "nothing left", "not needed", "out of scope", "no lot")
    wanted = {
        *(f"balance {figure}" for figure in figures),
        *(f"status {status}" for status in statuses),
        *(f"part {part}" for part in parts),
        *("reversed in part", "reversed in full", "paid by unlimited", "voided grant", "conflict"),
        *("monthly lot ahead of its rows", "an end and a start at one instant"),
    }
    assert {name for name in wanted if reached[name] < 3} == set()


def things_reached(books: Books) -> Iterator[str]:
    """Name what consumption, lots and grants of books come to that a view tells apart."""
    rows = books.rows
    lots, allocations = rows.of(LotRow), {row[:4]: row for row in rows.of(AllocationRow)}
    for row in allocations.values():
        if row.reversed_micro:
            yield "reversed in full" if row.reversed_micro == row.amount_micro else "reversed in part"
    if len(allocations) < 100:
        for use in rows.of(LedgerRow):
            own = [lot for lot in lots if lot[:3] == (use.organization_id, use.customer_id, use.credit_type)]
            explanation = explain(use, allocations[use[:4]], own)
            yield from (f"part {line.part.value}" for line in explanation.lots)
            yield from ("paid by unlimited" for line in explanation.lots if line.paid_micro and line.lot.amount_micro is None)
            if not explanation.lots:
                yield "part no lot"
        for account in accounts_of(books):
            stored = {(lot.grant_id, lot.start) for lot in account.lots}
            valid = [
                lots_then(account.lots, account.grants, as_of=as_of, calendar=account.calendar) for as_of in books.instants()
            ]
            yield from (
                "monthly lot ahead of its rows" for some in valid for lot in some if (lot.grant_id, lot.start) not in stored
            )
            starts, ends = {lot.start for lot in account.lots}, {lot.end for lot in account.lots}
            yield from ("an end and a start at one instant" for _ in starts & ends)
    yield from ("voided grant" for row in rows.of(GrantRow) if row.voided_at is not None)
    yield from ("conflict" for _ in results_conflicts(books))


def results_conflicts(books: Books) -> list[Entry]:
    name = next(name for name in ALL_BOOKS if books_of(name) is books)
    return results(name, books.as_of)["conflicts"]

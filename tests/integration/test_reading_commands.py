"""The commands that read the books: what each says to people and to programs is what a fold of the same events says.

One engine holds the examples, and one more organization whose ids and names are awkward to quote, to show and to open.
"""

import contextlib
import csv
import io
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixtures import gateway_running

from projections.calendar import calendar_of
from projections.columns import columns_of
from projections.described_views import described_views
from projections.fold import fold_rows
from projections.results import Results, Rows, results_of
from projections.row_codec import PublishedRow
from projections.rows import TABLE_OF_ROW_TYPE, TABLES, DerivingRow, GrantRow
from schemas.instants import INSTANT_LIMIT, format_instant, parse_instant
from schemas.records import Place
from streams.cli import main
from streams.clickhouse import ClickHouseAddress, connect, insert, migrate
from streams.clickhouse.asking import ask, written
from streams.files import Log, Source, read_catalog, read_log
from tests.support.expected_figures import EXAMPLES, NAMES, read_example

Entry = dict[str, Any]

CATALOG = EXAMPLES / "catalog.toml"
ORGANIZATIONS = {"coworking": "harbor-desks", "salon": "velvet-salons", "care": "brightcare", "cloud": "nimbus-cloud"}
INSTANTS = ("2026-01-01T00:00:00Z", "2026-03-31T23:30:00+01:00", "2026-05-15T12:00:00Z", "2027-02-01T00:00:00.5Z")

ODD = "o'd\\d {x:String}"
MARKUP = "[bold red]c1[/] :smile: 'q' %s"
ESCAPES = '=HYPERLINK("http://x") \x1b[2J'
"""The name of that customer: a formula for a spreadsheet, and an order to a terminal."""
TWICE = "2026-08-01T00:00:00Z"
DERIVED_AT = "2026-03-10T00:00:00Z"


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str

    def lines(self) -> list[str]:
        """Give what it wrote as lines without blanks at their ends, where all went well."""
        assert (self.status, self.err) == (0, "")
        return [line.rstrip() for line in self.out.splitlines()]

    def sentence(self, status: int) -> str:
        """Give the one line that it failed with, which is all that it wrote."""
        assert (self.status, self.out) == (status, "")
        assert self.err.startswith("credits: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("credits: ").removesuffix("\n")


Run = Callable[..., Ended]


class Books(NamedTuple):
    """The rows of a log, and when they are asked about."""

    rows: Rows
    as_of: int

    def results(self, as_of: int) -> Results:
        """Give what they come to at an instant."""
        return results_of(self.rows, catalog=read_catalog(CATALOG), as_of=as_of, duplicates=0)


@cache
def books_of(name: str) -> Books:
    """Give the books of an example."""
    log, as_of = read_example(name)
    return _folded(log, as_of)


def _folded(log: Log, as_of: int) -> Books:
    return Books(fold_rows(log.records, catalog=read_catalog(CATALOG), as_of=as_of).rows, as_of)


def odd_events() -> Iterator[Entry]:
    """Give the events of the awkward organization: two customers with a grant of one id, and an event_id that is used twice."""
    common = {"organization_id": ODD, "credit_type": "coins"}
    promise = {"type": "CreditGranted", "grant_id": "g|1".replace("|", "/"), "cadence": "ONCE", "amount": "10"}
    use = {"type": "CreditConsumed", "event_id": "e1", "amount": "4", "activity": {"type": "Other", "label": "-x"}}
    for number, customer in enumerate((MARKUP, "c2")):
        made = {"event_id": f"m{number}", "customer_id": customer, "occurred_at": "2026-03-01T00:00:00Z", "name": "[b]=Pack"}
        yield {**common, **promise, **made}
    yield {**common, **use, "customer_id": MARKUP, "occurred_at": "2026-03-05T00:00:00Z"}
    given = {"kind": "CUSTOMER", "named_id": MARKUP, "name": ESCAPES}
    yield {"type": "NameGiven", "event_id": "n1", "organization_id": ODD, "occurred_at": "2026-03-01T00:00:00Z", **given}
    # What lies before May is settled, so the same event_id is free for another use.
    yield {"type": "TimeAdvanced", "as_of": "2026-08-01T00:00:00Z", "accept_from": "2026-05-01T00:00:00Z"}
    yield {**common, **use, "customer_id": MARKUP, "occurred_at": TWICE, "amount": "7"}


@pytest.fixture(scope="module")
def odd_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the awkward organization's events as a file."""
    path = tmp_path_factory.mktemp("odd") / "events.jsonl"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in odd_events()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def odd(odd_file: Path) -> Books:
    """Give the awkward organization's books."""
    as_of = parse_instant("2026-08-02T00:00:00Z")
    assert as_of is not None
    log = read_log([Source(odd_file)])
    assert not log.refused
    return _folded(log, as_of)


@pytest.fixture(scope="module")
def address(data_folder: Path, odd: Books) -> Iterator[ClickHouseAddress]:
    """Give an engine of this module's own that holds all the books."""
    with gateway_running(data_folder / "reading") as gateway, connect(gateway.address) as client:
        migrate(client, generation=1, catalog=read_catalog(CATALOG))
        for number, books in enumerate((*map(books_of, NAMES), odd)):
            for table in TABLES:
                put(client, books.rows.of(table.row_type), revision=1, label=f"{number} {table.name}")
        yield gateway.address


def put(client: Client, rows: Iterable[Any], *, revision: int, label: str, deleted: bool = False) -> None:
    """Insert rows as the sink does."""
    published = [PublishedRow(row, Place("", 0, 0), revision, deleted) for row in rows]
    if published:
        insert(client, TABLE_OF_ROW_TYPE[type(published[0].row)], published, generation=1, token=label)


@pytest.fixture(scope="module")
def run(address: ClickHouseAddress) -> Run:
    """Give a function that runs `credits` within this process, with the engine's port unless another is given."""

    def run_credits(*arguments: object, port: int = address.port) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setenv("CREDITS_CLICKHOUSE_HOST", "127.0.0.1")
            patch.setenv("CREDITS_CLICKHOUSE_PORT", str(port))
            patch.setattr(sys, "argv", ["credits", *map(str, arguments)])
            with pytest.raises(SystemExit) as ending:
                main()
        return Ended(int(ending.value.code or 0), out.getvalue(), err.getvalue())

    return run_credits


@pytest.fixture(scope="module")
def asked(run: Run) -> Callable[..., Any]:
    """Give a function that runs `credits` with --json, and reads the one document that it writes."""

    def ask_json(*arguments: object) -> Any:
        ended = run(*arguments, "--json")
        assert (ended.status, ended.err) == (0, "")
        return json.loads(ended.out)

    return ask_json


def micro(text: str) -> int:
    instant = parse_instant(text)
    assert instant is not None
    return instant


def by_customer(entries: list[Entry]) -> dict[tuple[str, str], list[Entry]]:
    """Give entries by organization and customer."""
    grouped: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        grouped.setdefault((entry["organization_id"], entry["customer_id"]), []).append(entry)
    return grouped


def each_account(entries: list[Entry]) -> Iterator[tuple[tuple[str, ...], list[Entry]]]:
    """Give for each customer, and for the last credit type of each, the arguments that ask for it and what they ask for."""
    for customer, own in by_customer(entries).items():
        yield customer, own
        of_type = [entry for entry in own if entry["credit_type"] == own[-1]["credit_type"]]
        yield (*customer, "--credit-type", own[-1]["credit_type"]), of_type


@pytest.mark.parametrize("as_of", INSTANTS)
@pytest.mark.parametrize("name", NAMES)
def test_balances_for_programs(name, as_of, asked):
    """Every balance of the fold, at instants before everything, at a month's end in local time, and far ahead."""
    for arguments, expected in each_account(books_of(name).results(micro(as_of))["balances"]):
        assert asked("balance", *arguments, "--as-of", as_of) == expected


@pytest.mark.parametrize("as_of", INSTANTS)
@pytest.mark.parametrize("name", NAMES)
def test_lots_for_programs(name, as_of, asked):
    """Every lot of the fold with what became of it by an instant."""
    for arguments, expected in each_account(books_of(name).results(micro(as_of))["lots"]):
        assert asked("lots", *arguments, "--as-of", as_of) == expected


@pytest.mark.parametrize("name", NAMES)
def test_snapshots_for_programs(name, asked):
    """Every month of the fold: of all, of one customer, of one credit type, and over ranges whose ends are included."""
    organization = ORGANIZATIONS[name]
    everything = books_of(name).results(0)["snapshots"]
    assert asked("snapshots", organization) == everything
    for (_, customer, *rest), expected in each_account(everything):
        assert asked("snapshots", organization, "--customer", customer, *rest) == expected
    for begin, end in (("2026-03", "2026-04"), ("2026-03", "2026-03"), ("2199-12", "2199-12")):
        expected = [entry for entry in everything if begin <= entry["month"] <= end]
        assert asked("snapshots", organization, "--from", begin, "--to", end) == expected


@pytest.mark.parametrize("name", NAMES)
def test_conflicts_for_programs(name, asked):
    """Every conflict of the fold, of all and of one customer; of a customer without any, none."""
    organization, results = ORGANIZATIONS[name], books_of(name).results(0)
    assert asked("conflicts", organization) == results["conflicts"]
    grouped = by_customer(results["conflicts"])
    for of_organization, customer in by_customer(results["balances"]).keys() | grouped.keys():
        found = asked("conflicts", of_organization, "--customer", customer)
        assert found == grouped.get((of_organization, customer), [])


def _where(use: Entry) -> tuple[str, ...]:
    return use["organization_id"], use["customer_id"], use["event_id"], "--occurred-at", use["occurred_at"]


@pytest.mark.parametrize("name", NAMES)
def test_an_explanation_out_of_clickhouse_is_that_of_the_files(name, run):
    """For every consumption of the examples to programs, and for one of each account to people, byte for byte."""
    files = ("--events", EXAMPLES / name / "feed.toml", "--catalog", CATALOG)
    uses = books_of(name).results(0)["allocations"]
    questions = [(*_where(use), "--json") for use in uses]
    questions += [_where(use) for use in {(use["customer_id"], use["credit_type"]): use for use in uses}.values()]
    assert len(questions) > len(uses) > 0
    for question in questions:
        found = run("explain", *question)
        assert found.lines()
        assert found.out == run("explain", *question, *files).out


def test_settled_history_is_explained(run, odd_file):
    """A consumption whose month is settled is explained like any other; where its id was used again, its instant is asked."""
    files = ("--events", odd_file, "--catalog", CATALOG)
    first = "2026-03-05T00:00:00Z"
    where = ("explain", ODD, MARKUP, "e1")
    sentence = f"e1 was used more than once, at {first}, {TWICE}; say which with --occurred-at"
    assert run(*where).sentence(2) == run(*where, *files).sentence(2) == sentence
    for instant, net in ((first, "4 coins: 4 paid"), (TWICE, "7 coins: 6 paid"), ("2026-08-01T02:00:00+02:00", "7 coins: 6 ")):
        found = run(*where, "--occurred-at", instant)
        assert found.lines()[0].startswith(f"e1: Other of {MARKUP} at ")
        assert net in found.lines()[0]
        assert found.out == run(*where, "--occurred-at", instant, *files).out
    assert run(*where, "--occurred-at", "2026-08-01T00:00:01Z").sentence(1) == (
        f"customer {MARKUP} of {ODD} has no consumption e1 at 2026-08-01T00:00:01Z"
    )


def test_a_statement(run, asked):
    """Months are those of the organization's time zone, whose bounds are instants like any other."""
    account = ("harbor-desks", "atelier-nove", "coins")
    whole = asked("statement", *account)
    begin, end = micro("2026-03-01T00:00:00Z"), micro("2026-03-31T23:00:00Z")
    march = [entry for entry in whole if begin <= micro(entry["at"]) < end]
    assert len(march) == 5
    assert asked("statement", *account, "--from", "2026-03", "--to", "2026-03") == march
    bounds = ("--from", "2026-03-01T01:00:00+01:00", "--to", "2026-04-01T00:00:00+01:00")
    assert asked("statement", *account, *bounds) == march
    assert run("statement", *account, "--from", "2026-03", "--to", "2026-03").lines() == [
        "coins of atelier-nove",
        "at                   what         grant or event  name       amount  paid without limit  overage  balance",
        "2026-03-01           lot end      atelier-team    Team plan       0                   0        0       56",
        "2026-03-01           lot start    atelier-team    Team plan      40                   0        0       96",
        "2026-03-29 00:30:00  consumption  b-05            Booking      -6.5                   0        0     89.5",
        "2026-03-29 01:30:00  consumption  b-06            Booking      -6.5                   0        0       83",
        "2026-03-31 22:30:00  consumption  b-07            Booking       -22                   0        0       61",
        "",
    ]


@pytest.mark.parametrize("organization", [*ORGANIZATIONS.values(), "not-in-the-catalog"])
def test_months_have_the_bounds_of_the_calendar(organization, address):
    """Of the organization's zone where the catalog names one, else of UTC; the first and the last month there are, too."""
    calendar = calendar_of(read_catalog(CATALOG).zone_name(organization))
    months = list(calendar.months(calendar.month_of(0), calendar.month_of(INSTANT_LIMIT - 1)))
    with connect(address) as client:
        for begin, end in (("0000-00", "9999-99"), ("2026-03", "2026-04"), ("2026-04", "2026-03")):
            asked_for = {"organization": organization, "month_from": begin, "month_to": end}
            assert ask(client, "months", asked_for).entries == [
                {"month": month.label, "month_start": format_instant(month.start), "month_end": format_instant(month.end)}
                for month in months
                if begin <= month.label <= end
            ]


@pytest.mark.parametrize("name", NAMES)
def test_a_grant(name, asked):
    """The promise with its void, its lots as in the fold, and everything that they paid, which is all that was used of them."""
    books = books_of(name)
    lots = books.results(micro("2199-01-01T00:00:00Z"))["lots"]
    own_columns = columns_of(GrantRow)
    for row in books.rows.of(GrantRow):
        found = asked("grant", "show", row.organization_id, row.grant_id, "--customer", row.customer_id)
        promise = {column.name: written(column.write(value)) for column, value in zip(own_columns, row, strict=True)}
        promise["scope"] = [{"kind": kind, "item": item} for kind, item in row.scope]
        promise["amount"] = promise["amount"] or "unlimited"
        del found["grant"]["customer_name"]
        assert found["grant"] == promise
        own = [lot for lot in lots if lot["customer_id"] == row.customer_id and lot["grant_id"] == row.grant_id]
        assert [(lot["start"], lot["end"], lot["amount"], lot["used"]) for lot in found["lots"]] == [
            (lot["start"], lot["end"], lot["amount"], lot["used"]) for lot in own
        ]
        for lot in own:
            paid = [Decimal(part["paid"]) for part in found["paid"] if part["lot_start"] == lot["start"]]
            assert sum(paid) == Decimal(lot["used"])


def test_a_grant_for_people(run):
    """What was promised, its void with its reason, its lots, and what it paid."""
    lines = run("grant", "show", "harbor-desks", "atelier-pack").lines()
    assert lines[:9] == [
        "atelier-pack: Coin pack 60, 60 coins once, for atelier-nove (Atelier Nove)",
        "made      2026-02-20 15:00:00 by billing, event cg-05",
        "valid     from 2026-02-20 15:00:00 for ever",
        "priority  60",
        "pays for  everything",
        "costs     EUR 1.1 a credit",
        "voided    2026-05-06 09:00:00, event cv-02: pack returned, rest paid back",
        "",
        "Lots",
    ]
    assert lines[10][37:] == (
        "2026-02-20 15:00:00  2026-05-06 09:00:00      60    12        0       0      48     0  voided  Coin pack 60"
    )
    assert lines[11:] == [
        "",
        "What it paid",
        "occurred             event  activity  net  paid by it  lot of",
        "2026-02-24 10:00:00  b-04   Booking    41           4  2026-02-20 15:00:00",
        "2026-05-05 09:00:00  b-09   Booking    48           8  2026-02-20 15:00:00",
        "",
    ]
    assert run("grant", "show", "nimbus-cloud", "acme-meters").lines()[3:5] == [
        "priority  50",
        "pays for  USAGE_METER egress, USAGE_METER gpu-hours",
    ]
    assert run("grant", "show", "nimbus-cloud", "delta-next").lines()[1:3] == [
        "made      2026-05-02 11:00:00, event p-13",
        "valid     from 2026-06-01 until 2027-06-01",
    ]


def test_accounts_for_people(run):
    """The same tables as those of a fold, with the customer's name, and what became of each lot in a word."""
    assert run("balance", "harbor-desks", "atelier-nove", "--as-of", "2026-05-15T12:00:00Z").lines() == [
        "Balances of Atelier Nove",
        (
            "customer      credits  as of                granted  used  balance  committed  available  restricted  overage  "
            "next to lapse"
        ),
        "atelier-nove  coins    2026-05-15 12:00:00       40    40        0          0          0           0        5",
        "atelier-nove  hours    2026-05-15 12:00:00        0     0        0          0  unlimited           0        0",
        "",
    ]
    assert run("snapshots", "harbor-desks", "--credit-type", "hours", "--from", "2026-03", "--to", "2026-03").lines() == [
        "Months: what was granted once",
        "customer      credits  month    opening  granted  used  expired  voided  closing  overage",
        "atelier-nove  hours    2026-03        0        0     0        0       0        0        2",
        "bruno-costa   hours    2026-03        2        0     2        0       0        0        0",
        "",
        "Months: what was granted monthly or without limit",
        "customer      credits  month    granted  used  unused  voided  unlimited used",
        "atelier-nove  hours    2026-03       10    10       0       0               0",
        "bruno-costa   hours    2026-03        0     0       0       0               1",
        "",
    ]
    unused = run("snapshots", "brightcare", "--customer", "cedar-lodge", "--credit-type", "topups", "--from", "2026-05")
    assert unused.lines() == ["nothing moved in 2026-05"]
    lots = run("lots", "nimbus-cloud", "bluefin-labs", "--as-of", "2026-05-15T12:00:00Z").lines()
    assert [line[14:] for line in lots[1:]] == [
        "credits  grant           start       end         amount  used  expired  unused  voided  rest  status   name",
        "usd      bluefin-a       2026-03-01  2026-07-01      30    30        0       0       0     0  used up  Any line",
        "usd      bluefin-b       2026-03-01  2026-07-01      20    20        0       0       0     0  used up  Usage meters",
        "usd      bluefin-c       2026-03-01  2026-07-01      10    10        0       0       0     0  used up  GPU hours",
        "usd      bluefin-launch  2026-02-01  2026-03-01     200   120       80       0       0     0  expired  Launch month",
        "",
    ]


def test_a_balance_is_that_of_now(asked):
    """Without an instant the balance is that of the moment; the lots of monthly grants go on without end."""
    [found] = asked("balance", "harbor-desks", "atelier-nove", "--credit-type", "coins")
    assert (found["granted"], found["balance"]) == ("40", "40")
    assert micro(found["as_of"]) < micro(found["next_expiry"]) <= micro(found["as_of"]) + 31 * 24 * 3600 * 10**6


def test_an_account_that_is_being_derived_says_so(run, asked, address):
    """To people and to programs, for as long as it lasts, and of this account alone."""
    row = DerivingRow("harbor-desks", "casa-verde", "coins")
    question = ("balance", "harbor-desks", "casa-verde", "--as-of", "2026-05-15T12:00:00Z")
    [before] = asked(*question)
    assert "deriving" not in before
    with connect(address) as client:
        put(client, [row], revision=1, label="deriving")
        try:
            assert asked(*question) == [{**before, "deriving": True}]
            lines = run(*question).lines()
            assert lines[2].endswith("  deriving")
            assert lines[-1].startswith("deriving: being derived anew after a late event; the figures are those of before")
            assert "deriving" not in run(*question[:2], "atelier-nove").out
        finally:
            put(client, [row], revision=2, label="derived", deleted=True)
    assert asked(*question) == [before]
    assert "deriving" not in run(*question).out


def campaign_figures(entries: Iterable[Entry], *fields: str) -> dict[tuple[str, ...], tuple[int, Decimal]]:
    """Sum what campaigns sent and used by some fields; what was never used is left out."""
    sums: dict[tuple[str, ...], tuple[int, Decimal]] = {}
    for entry in entries:
        if entry["credit_type"] is not None:
            key = tuple(entry[field] for field in fields)
            processed, used = sums.get(key, (0, Decimal(0)))
            sums[key] = processed + entry["processed"], used + Decimal(entry["credits"])
    return sums


def test_campaigns(asked, run):
    """In all, by center, by date and cut to days: the sums of the fold's counters."""
    usage = books_of("salon").results(0)["campaign_usage"]
    assert campaign_figures(asked("campaigns", "velvet-salons"), "campaign_id") == campaign_figures(usage, "campaign_id")
    for by, field in (("center", "center_id"), ("date", "day")):
        fields = ("campaign_id", field, "channel", "credit_source")
        assert campaign_figures(asked("campaigns", "velvet-salons", "--by", by), *fields) == campaign_figures(usage, *fields)
        cut = [entry for entry in usage if "2026-03-20" <= entry["day"] <= "2026-03-28"]
        assert cut
        found = asked("campaigns", "velvet-salons", "--by", by, "--from", "2026-03-20", "--to", "2026-03-28")
        assert campaign_figures(found, *fields) == campaign_figures(cut, *fields)
    assert [line[14:] for line in run("campaigns", "velvet-salons").lines()[1:4]] == [
        "name                      status     channel   targeted  credits   processed  used  first day   last day",
        "Birthday wishes           LIVE       EMAIL     5200      messages       3905   395  2026-02-14  2026-05-14",
        "flash-friday                                             messages        160   160  2026-03-13  2026-04-10",
    ]
    assert run("campaigns", "velvet-salons", "--by", "date", "--to", "2026-02-14").lines()[1:3] == [
        "day         campaign  name             status  channel  credits   processed  used",
        "2026-02-14  birthday  Birthday wishes  LIVE    EMAIL    messages       1200   120",
    ]


def test_search(asked, run):
    """By the beginning of an id and by a part of a name, whatever characters there are in it."""
    assert run("search", "harbor-desks", "VERDE").lines() == [
        "kind      id          customer    name             at",
        "customer  casa-verde  casa-verde  Casa Verde, Lda",
        "",
    ]
    [invoice] = asked("search", "nimbus-cloud", "inv-1001")
    assert (invoice["kind"], invoice["id"], invoice["customer_id"]) == ("invoice", "inv-1001", "acme-robotics")
    for text in (MARKUP, MARKUP[:9], 'HYPERLINK("http'):
        assert {(entry["kind"], entry["id"]) for entry in asked("search", ODD, text)} == {("customer", MARKUP)}


def test_awkward_ids_and_names(run, asked, odd):
    """They ask for themselves and nothing else, look as they are, and no text of a customer acts on a terminal."""
    as_of = format_instant(odd.as_of)
    results = odd.results(odd.as_of)
    for customer in (MARKUP, "c2"):
        own = [entry for entry in results["balances"] if entry["customer_id"] == customer]
        assert asked("balance", ODD, customer, "--as-of", as_of) == own
    assert asked("snapshots", ODD) == results["snapshots"]
    said = [
        run("balance", ODD, MARKUP, "--as-of", as_of),
        run("lots", ODD, MARKUP),
        run("grant", "show", ODD, "g/1", "--customer", MARKUP),
        run("search", ODD, "HYPERLINK"),
    ]
    for ended in said:
        assert MARKUP in ended.out.replace("\n", "")
        assert "\x1b" not in ended.out
    assert said[0].lines()[0] == 'Balances of =HYPERLINK("http://x") \\x1b[2J'
    assert "[b]=Pack" in said[1].out
    assert run("grant", "show", ODD, "g/1").sentence(2) == (
        f"g/1 is a grant of several customers: {MARKUP}, c2; say whose with --customer"
    )


@pytest.mark.parametrize(
    ("arguments", "view"),
    [
        (("usage", "brightcare", "--month", "2026-03"), "credit_usage_report"),
        (("campaigns", "velvet-salons"), "campaign_by_center"),
        (("campaigns", "velvet-salons", "--by", "date", "--from", "2026-03-01"), "campaign_by_date"),
        (("coins", "harbor-desks", "--from", "2026-03", "--to", "2026-04"), "coins_by_customer"),
        (("hours", "harbor-desks"), "hourly_credits_by_customer"),
    ],
)
def test_reports_have_the_columns_of_their_views(arguments, view, run):
    """A header of names, and at least one line of as many cells."""
    header, *rows = csv.reader(run("report", *arguments).lines())
    assert header == [column.name for column in next(one for one in described_views() if one.name == view).columns]
    assert rows
    assert {len(row) for row in rows} == {len(header)}


def test_a_report(run):
    """Amounts are as short as they can be, texts are quoted where they have to be, nothing is an empty cell."""
    assert run("report", "usage", "brightcare", "--month", "2026-03", "--usage", "top-ups").lines() == [
        "date,usage,customer_id,customer_name,staff,client,program,duration_minutes,credit_type,credits,cost,event_id",
        '2026-03-31,top-up,oak-house,"Oak House, Residential Care",Priya Nair,Resident 14,Hearing aids,,topups,4,GBP 4.95,t-02',
    ]
    [_, second] = csv.reader(run("report", "coins", "harbor-desks", "--from", "2026-01", "--to", "2026-01").lines())
    assert second[:5] == ["atelier-nove", "Atelier Nove", "0", "25", "40"]
    assert len(run("report", "usage", "brightcare", "--month", "2025-03").lines()) == 1


def test_a_report_runs_nothing_in_a_spreadsheet(run):
    """The name of a customer that is a formula has an apostrophe before it."""
    ended = run("report", "coins", ODD)
    assert ended.status == 0
    rows = {row[0]: row[1] for row in csv.reader(io.StringIO(ended.out))}
    assert rows[MARKUP] == f"'{ESCAPES}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("balance", "nope", "x"), "the books have nothing of an organization nope"),
        (("balance", "harbor-desks", "x"), "no customer of harbor-desks with a grant or a consumption has the id x"),
        (
            ("balance", "harbor-desks", "atelier-nove", "--credit-type", "usd"),
            "customer atelier-nove of harbor-desks has no usd, but coins, hours",
        ),
        (("lots", "harbor-desks", "x"), "no customer of harbor-desks with a grant or a consumption has the id x"),
        (("snapshots", "harbor-desks", "--credit-type", "usd"), "no customer of harbor-desks has usd"),
        (("snapshots", "nope"), "the books have nothing of an organization nope"),
        (
            ("statement", "harbor-desks", "dara-lindqvist", "usd"),
            "customer dara-lindqvist of harbor-desks has no usd, but coins",
        ),
        (("explain", "nimbus-cloud", "bluefin-labs", "il-6"), "customer bluefin-labs of nimbus-cloud has no consumption il-6"),
        (
            ("explain", "nimbus-cloud", "ember-games", "il-20"),
            (
                "customer ember-games of nimbus-cloud has no consumption il-20 that has effect: unknown_credit_type, "
                "the catalog has no credit type eur"
            ),
        ),
        (("explain", "nope", "x", "e"), "the books have nothing of an organization nope"),
        (("grant", "show", "harbor-desks", "x"), "no customer of harbor-desks has a grant that has effect with the id x"),
        (
            ("grant", "show", "harbor-desks", "atelier-pack", "--customer", "casa-verde"),
            "customer casa-verde of harbor-desks has no grant that has effect with the id atelier-pack",
        ),
        (("campaigns", "nope"), "the books have nothing of an organization nope"),
        (("conflicts", "nope"), "the books have nothing of an organization nope"),
        (
            ("conflicts", "harbor-desks", "--customer", "x"),
            "no customer of harbor-desks with a grant or a consumption has the id x",
        ),
        (("search", "nope", "x"), "the books have nothing of an organization nope"),
        (("report", "coins", "nope"), "the books have nothing of an organization nope"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(arguments, sentence, run):
    """The sentence says what is missing and what there is; the status is 1, with --json too, and nothing else is written."""
    assert run(*arguments).sentence(1) == sentence
    if arguments[0] != "report":
        assert run(*arguments, "--json").sentence(1) == sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("snapshots", "harbor-desks", "--from", "2030-01"), "no month from 2030-01 to 2199-12"),
        (
            ("statement", "harbor-desks", "atelier-nove", "coins", "--to", "2025-01", "--from", "2025-01-01T00:00:00Z"),
            "nothing moved",
        ),
        (("conflicts", "harbor-desks", "--customer", "atelier-nove"), "no conflict"),
        (("campaigns", "harbor-desks"), "no campaign"),
        (("campaigns", "velvet-salons", "--by", "center", "--to", "2026-01-01"), "no campaign"),
        (("search", "harbor-desks", "%"), "nothing has an id that begins with it, or a name that contains it"),
    ],
)
def test_an_answer_without_anything_in_it_is_an_answer(arguments, sentence, run, asked):
    """People are told so, programs get an empty list, and the status is 0."""
    assert run(*arguments).lines() == [sentence]
    assert asked(*arguments) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("balance", "o", "c", "--as-of", "2026-05-15"),
            "--as-of is '2026-05-15'; it must be an instant with an offset, such as 2026-05-15T12:00:00Z",
        ),
        (
            ("lots", "o", "c", "--as-of", "9026-05-15T00:00:00Z"),
            "--as-of is '9026-05-15T00:00:00Z'; it must lie from 1970 up to 2200 (exclusive)",
        ),
        (
            ("snapshots", "o", "--from", "2026-3"),
            "--from is '2026-3'; it must be a month from 1970-01 to 2199-12, such as 2026-03",
        ),
        (
            ("report", "coins", "o", "--to", "2026-13"),
            "--to is '2026-13'; it must be a month from 1970-01 to 2199-12, such as 2026-03",
        ),
        (("snapshots", "o", "--from", "2026-04", "--to", "2026-03"), "--to is 2026-03, which lies before --from, 2026-04"),
        (
            ("report", "usage", "o", "--month", "March"),
            "--month is 'March'; it must be a month from 1970-01 to 2199-12, such as 2026-03",
        ),
        (
            ("campaigns", "o", "--by", "date", "--from", "2026-02-30"),
            "--from is '2026-02-30'; it must be a day from 1970-01-01 to 2199-12-31, such as 2026-03-14",
        ),
        (
            ("report", "campaigns", "o", "--from", "2026-02-03", "--to", "2026-02-02"),
            "--to is 2026-02-02, which lies before --from, 2026-02-03",
        ),
        (
            ("campaigns", "o", "--from", "2026-02-20"),
            "--from and --to cut what is told by center or by date; say which with --by",
        ),
        (
            ("statement", "o", "c", "coins", "--from", "2026-03-04"),
            (
                "--from is '2026-03-04'; it must be an instant with an offset, such as 2026-05-15T12:00:00Z, "
                "or a month such as 2026-03"
            ),
        ),
        (
            ("statement", "o", "c", "coins", "--from", "2026-04", "--to", "2026-03-31T23:59:59.5Z"),
            "--to is 2026-03-31T23:59:59.5Z, which lies before --from, 2026-04",
        ),
        (("balance", "a|b", "c"), "ORGANIZATION is 'a|b'; an id must not contain '|', control characters or lone surrogates"),
        (
            ("balance", "a", "\x1b[2J"),
            "CUSTOMER is '\\x1b[2J'; an id must not contain '|', control characters or lone surrogates",
        ),
        (
            ("balance", "a", "\udcff"),
            "CUSTOMER is '\\udcff'; an id must not contain '|', control characters or lone surrogates",
        ),
        (("balance", "a", ""), "CUSTOMER is ''; an id must have 1 to 128 characters, has 0"),
        (("lots", "a", "c", "--credit-type", ""), "the credit type is ''; an id must have 1 to 128 characters, has 0"),
        (("search", "a", ""), "TEXT is ''; it must not be empty"),
        (
            ("explain", "o", "c", "e", "--occurred-at", "noon"),
            "--occurred-at is 'noon'; it must be an instant with an offset, ",
        ),
        (("explain", "o", "c"), "Missing argument 'EVENT_ID'"),
        (("campaigns", "o", "--by", "day"), "Invalid value for '--by': 'day' is not one of 'center', 'date'."),
        (("report", "usage", "o"), "Missing option '--month'"),
        (("grant", "o", "g"), "No such command 'o'."),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(arguments, sentence, run):
    """The sentence names the option, what it got, and what would be right; the status is 2."""
    assert run(*arguments).sentence(2).startswith(sentence)


def test_clickhouse_does_not_answer(run):
    """The sentence names the settings that say where it is."""
    sentence = run("balance", "harbor-desks", "atelier-nove", "--json", port=1).sentence(2)
    assert sentence.startswith("ClickHouse does not answer at 127.0.0.1:1: ")
    assert sentence.endswith("(CREDITS_CLICKHOUSE_HOST and CREDITS_CLICKHOUSE_PORT say where it is)")


def test_views_are_missing_or_of_another_release(run, data_folder):
    """The sentence names the command that makes them."""
    question = ("balance", "o", "c")
    with gateway_running(data_folder / "without_views") as gateway, connect(gateway.address) as client:
        begin = (
            "the view account_balances is missing in ClickHouse, or is that of another release ('credits migrate' makes it): "
        )
        assert run(*question, port=gateway.address.port).sentence(2).startswith(begin)
        client.command("CREATE DATABASE credits")
        assert run(*question, port=gateway.address.port).sentence(2).startswith(begin)
        client.command(
            "CREATE VIEW credits.account_balances AS SELECT {organization:String} AS organization_id, {customer:String} AS "
            "customer_id, {credit_type:String} AS credit_type, {as_of:String} AS as_of"
        )
        assert run(*question, port=gateway.address.port).sentence(2).startswith(begin)
        migrate(client, generation=1, catalog=read_catalog(CATALOG))
        assert run(*question, port=gateway.address.port).sentence(1) == "the books have nothing of an organization o"


_SHOWN = re.compile(r"^\$ credits (.*)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
_READING = {"balance", "snapshots", "lots", "statement", "explain", "grant", "campaigns", "conflicts", "search", "report"}


def shown_in_the_docs() -> list[tuple[str, list[str]]]:
    """Give the reading commands that README and docs/commands.md show, each with the lines below it; not those on files."""
    found = []
    for page in ("README.md", "docs/commands.md"):
        for command, shown in _SHOWN.findall((EXAMPLES.parent / page).read_text(encoding="utf-8")):
            if command.split()[0] in _READING and "--events" not in command:
                found.append((command, shown.rstrip().splitlines()))
    return found


def test_every_reading_command_is_shown_in_the_docs():
    """With what it prints."""
    assert {command.split()[0] for command, _ in shown_in_the_docs()} == _READING


@pytest.mark.parametrize(("command", "lines"), shown_in_the_docs(), ids=[command for command, _ in shown_in_the_docs()])
def test_what_the_docs_show_is_what_is_printed(command, lines, run):
    """Line by line; a sentence of what is not there too."""
    ended = run(*shlex.split(command))
    assert [line.rstrip() for line in (ended.out + ended.err).rstrip().splitlines()] == lines

"""`credits fold`: the right books, and every line that is refused named where it stands."""

import json
import sys

import pytest

from projections.fold import fold
from schemas.dump import write_dump
from schemas.instants import parse_instant
from schemas.records import RawRecord
from streams.files import read_catalog
from tests.support.expected_figures import NAMES, read_example
from tests.support.feed import make_feed

GRANT = (
    '{"type": "CreditGranted", "event_id": "g", "organization_id": "o1", "customer_id": "c1", '
    '"occurred_at": "2026-03-01T00:00:00Z", "grant_id": "g1", "credit_type": "coins", "name": "Pack", "cadence": "ONCE", '
    '"amount": "10"}'
)
CONSUMPTION = (
    '{"type": "CreditConsumed", "event_id": "e", "organization_id": "o1", "customer_id": "c1", '
    '"occurred_at": "2026-03-02T00:00:00Z", "credit_type": "coins", "amount": "4", '
    '"activity": {"type": "Other", "label": "coffee"}}'
)


@pytest.mark.parametrize("name", NAMES)
def test_the_json_is_what_the_fold_gives(name, run, feed, catalog):
    """What a program reads is exactly the results of a fold of the same files, whatever the order of topics or batches."""
    log, as_of = read_example(name)
    expected = fold(log.records, catalog=read_catalog(catalog), as_of=as_of)
    for options in ((), ("--shuffle", 7), ("--batch", 3), ("--shuffle", 8, "--batch", 1), ("--processes", 3)):
        ended = run("fold", feed(name), "--catalog", catalog, "--json", *options)
        assert ended.status == 0
        assert json.loads(ended.out) == expected
        refused = ended.err.splitlines()
        assert len(refused) == len(expected["refusals"])


def test_several_processes_write_what_one_writes(run, tmp_path, catalog):
    """A log of the fault tests, with copies, contradictions, unreadable and misplaced records, gives the same bytes."""
    records = [
        one._replace(offset=offset) for offset, one in enumerate(make_feed(seed=5, record_count=2_000, partition_count=6))
    ]
    dump = tmp_path / "log.dump"
    dump.write_bytes(b"".join(write_dump(records, partition_count=6)))
    options = ("fold", dump, "--catalog", catalog, "--json", "--processes")
    alone, together = run(*options, 1), run(*options, 4)
    assert (alone.status, together.status) == (0, 0)
    assert together.out == alone.out
    books = json.loads(alone.out)
    assert all(books[name] for name in ("snapshots", "lots", "allocations", "balances", "conflicts", "refusals"))


def test_refused_lines_are_named_by_file_line_and_field(run, feed, catalog):
    """A bad line is named with its own file's line number and field; a contradiction names the line that stands."""
    ended = run("fold", feed("coworking"), "--catalog", catalog)
    folder = feed("coworking").parent
    desk = folder / "front_desk.jsonl"
    assert ended.status == 0
    assert ended.err.splitlines() == [
        f"{desk}, line 6: event_conflict: event_id b-08 was accepted before with other content, in bookings.csv, line 14",
        f"{desk}, line 9: invalid: amout is an unknown field",
        f"{folder / 'grants.csv'}, line 13: invalid: expires_at must lie after effective_at",
    ]
    for place in ("front_desk.jsonl, line 6", "front_desk.jsonl, line 9", "grants.csv, line 13"):
        assert place in ended.out


def test_a_clock_that_is_refused_is_named_once(run, tmp_path, catalog):
    """The line of a TimeAdvanced stands for a record in each of three topics."""
    events = tmp_path / "events.jsonl"
    events.write_text(GRANT + '\n{"type": "TimeAdvanced"}\n', encoding="utf-8")
    assert run("fold", events, "--catalog", catalog).err == f"{events}, line 2: invalid: as_of is required\n"


def test_many_refused_lines_are_counted(run, tmp_path, catalog):
    """A file of nothing but bad lines does not flood the terminal."""
    events = tmp_path / "bad.jsonl"
    events.write_text("{}\n" * 25, encoding="utf-8")
    ended = run("fold", events, "--catalog", catalog)
    assert ended.status == 0
    assert len(ended.err.splitlines()) == 21
    assert ended.err.splitlines()[-1] == "... and 5 more refused lines"


def test_tables_are_for_people(run, feed, catalog):
    """The tables hold the figures of an account in one line, with instants without T and Z."""
    ended = run("fold", feed("care"), "--catalog", catalog)
    lines = ended.out.splitlines()
    balance = next(line for line in lines if line.startswith("oak-house") and "next to lapse" not in line)
    assert " ".join(balance.split()) == (
        "oak-house sessions 2026-05-15 12:00:00 6 2.75 3.25 1.5 1.75 0 0 1.75 at 2026-08-31 23:00:00"
    )
    assert lines[-1].endswith("2 refusals; 2 duplicates left out")
    assert max(map(len, lines)) <= 160


def test_texts_are_shown_as_they_are(run, tmp_path, catalog):
    """An id that looks like markup or an emoji is shown as it is, and no text can act on the terminal."""
    events = tmp_path / "odd.jsonl"
    odd = CONSUMPTION.replace('"o1"', '"[/o1]"').replace('"c1"', '"[red]:smile:"').replace('"coins"', '"\\u001b[2J"')
    events.write_text(odd, encoding="utf-8")
    ended = run("fold", events, "--catalog", catalog)
    assert ended.status == 0
    assert "[/o1]" in ended.out
    assert "[red]:smile:" in ended.out
    assert "\\x1b[2J" in ended.out
    assert "\x1b" not in ended.out


def test_a_credit_type_that_is_not_listed_is_a_conflict(run, tmp_path, catalog):
    """The tables show it, and the command has done what it was asked."""
    events = tmp_path / "events.jsonl"
    events.write_text(f"{GRANT}\n{CONSUMPTION.replace('coins', 'stamps')}\n", encoding="utf-8")
    ended = run("fold", events, "--catalog", catalog)
    assert ended.status == 0
    assert ended.err == ""
    assert "unknown_credit_type" in ended.out
    assert "the catalog has no credit type stamps" in ended.out


def test_the_instant_asked_about_is_that_of_the_option_before_that_of_the_feed(run, feed, catalog):
    """`--as-of` counts; else the feed's own instant does."""
    for arguments, as_of in (((), "2026-05-15T12:00:00Z"), (("--as-of", "2026-07-01T02:00:00+02:00"), "2026-07-01T00:00:00Z")):
        ended = run("fold", feed("salon"), "--catalog", catalog, "--json", *arguments)
        assert {balance["as_of"] for balance in json.loads(ended.out)["balances"]} == {as_of}


def test_an_instant_before_the_boundary_is_refused(run, tmp_path, catalog):
    """What is settled is not asked about any more."""
    events = tmp_path / "events.jsonl"
    clock = '{"type": "TimeAdvanced", "as_of": "2026-05-15T12:00:00Z", "accept_from": "2026-03-01T00:00:00Z"}'
    events.write_text(f"{GRANT}\n{clock}\n", encoding="utf-8")
    assert run("fold", events, "--catalog", catalog).status == 0
    assert run("fold", events, "--catalog", catalog, "--as-of", "2026-03-01T00:00:00Z").status == 0
    ended = run("fold", events, "--catalog", catalog, "--as-of", "2026-02-28T23:59:59Z")
    assert ended.sentence().startswith("--as-of 2026-02-28T23:59:59Z lies before the boundary 2026-03-01T00:00:00Z; ")


def test_a_dump_is_folded_and_stands_alone(run, tmp_path, catalog):
    """A dump has partitions of its own: with another file, a customer would be in two of them."""
    instant = parse_instant("2026-03-01T00:00:00Z")
    dump = tmp_path / "dump.jsonl"
    record = RawRecord("credits.grants", 3, 17, instant, b"o1|c1", b"no event", ())
    dump.write_bytes(b"".join(write_dump([record], partition_count=8)))
    ended = run("fold", dump, "--catalog", catalog, "--json")
    assert ended.status == 0
    assert [(refusal["partition"], refusal["offset"]) for refusal in json.loads(ended.out)["refusals"]] == [(3, 17)]
    assert "undecodable" in run("fold", dump, "--catalog", catalog).out
    events = tmp_path / "events.jsonl"
    events.write_text(GRANT, encoding="utf-8")
    for files in ((dump, events), (events, dump), (dump, dump)):
        assert (
            run("fold", *files, "--catalog", catalog).sentence()
            == f"{dump} is a dump, which is a whole log; it must be given alone"
        )


def test_the_output_is_utf_8_whatever_the_locale(run, feed, catalog):
    """JSON is UTF-8; a terminal of another encoding must not end the command with an error."""
    sys.stdout.reconfigure(encoding="ascii")
    ended = run("fold", feed("coworking"), "--catalog", catalog, "--json")
    assert ended.status == 0
    assert "Cais do Sodré" in ended.out


@pytest.mark.parametrize(
    "case",
    [
        ("missing.jsonl", None, (), "there is no file {path}"),
        ("empty.jsonl", b"", (), "there is no event in {path}"),
        ("blank.jsonl", b"\n \n", (), "there is no event in {path}"),
        ("empty.csv", b"", ("--type", "CreditVoided"), "{path}: the file has no header in its first line"),
        ("header.csv", b"event_id\n", ("--type", "CreditVoided"), "there is no event in {path}"),
        ("sheet.xlsx", b"PK\x03\x04\x14\x00\x06\x00", (), "{path} is not UTF-8 text; spreadsheets and UTF-16 have to be saved"),
        (
            "sixteen.csv",
            "event_id\n".encode("utf-16"),
            (),
            "{path} is not UTF-8 text; spreadsheets and UTF-16 have to be saved",
        ),
        ("untold.csv", b"event_id\nv\n", (), "{path}: the type of the events is told nowhere: neither in a column 'type' nor"),
        ("other.csv", b"event_id\n", ("--type", "Lent"), "{path}: there is no event of type 'Lent'; there are CreditGranted, "),
        ("other.csv", b"event_id\n", ("--activity", "Nap"), "{path}: there is no activity of type 'Nap'; there are Booking, "),
        (
            "column.csv",
            b"event_id,amout\n",
            ("--type", "CreditVoided"),
            "{path}: the column 'amout' is unknown; known are type, ",
        ),
        ("latin.csv", b"\xe9vent\n", ("--type", "CreditVoided"), "{path}: the header cannot be read: the row is not UTF-8"),
        (
            "dump.jsonl",
            b'{"credits_dump": 2, "partition_count": 8}\n',
            (),
            "{path}: line 1: the first line of a dump is such as",
        ),
        ("feed.toml", b"files = [", (), "{path} is not TOML: "),
        ("feed.toml", b"files = []", (), "there is no event in no file"),
        ("feed.toml", b'files = ["gone.csv"]', (), "there is no file "),
    ],
)
def test_a_file_that_cannot_be_used_is_said_in_a_sentence(case, run, tmp_path, catalog):
    """Each ends the command with one readable line that names the file and what is wrong with it."""
    name, content, options, sentence = case
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert run("fold", path, "--catalog", catalog, *options).sentence().startswith(sentence.format(path=path))


def test_a_folder_is_no_file(run, tmp_path, catalog):
    """A folder given for a file is said to be one."""
    assert run("fold", tmp_path, "--catalog", catalog).sentence() == f"{tmp_path} is a folder; a file is wanted"


@pytest.mark.parametrize(
    "case",
    [
        (
            "bytes.jsonl",
            b"\xff\xfe\n" + GRANT.encode(),
            (),
            [(1, "undecodable", "the line is not UTF-8: invalid start byte at")],
        ),
        (
            "cells.csv",
            b"event_id,grant_id\nv1,g1,more\n",
            ("--type", "CreditVoided"),
            [(2, "undecodable", "the row has 3 cells,")],
        ),
        ("cells.csv", b"event_id,grant_id\nv1\n", ("--type", "CreditVoided"), [(2, "undecodable", "the row has 1 cells, the")]),
        ("quote.csv", b'event_id\n"v1\n', ("--type", "CreditVoided"), [(2, "undecodable", "the row is not CSV: ")]),
        ("fields.jsonl", GRANT.encode().replace(b'"10"', b"10"), (), [(1, "invalid", "amount ")]),
    ],
)
def test_a_line_that_cannot_be_used_is_refused_and_the_others_count(case, run, tmp_path, catalog):
    """What is wrong with one line is said of that line; it does not end the command."""
    name, content, told, refusals = case
    path = tmp_path / name
    path.write_bytes(content)
    ended = run("fold", path, "--catalog", catalog, *told)
    assert ended.status == 0
    for found, (line, reason, sentence) in zip(ended.err.splitlines(), refusals, strict=True):
        assert found.startswith(f"{path}, line {line}: {reason}: {sentence}")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("credit_types", "the catalog is not TOML: "),
        (
            "[credit_type.coins]",
            "catalog: the catalog has the unknown entry 'credit_type'; known are credit_types, organizations",
        ),
        ("credit_types = 3", "catalog: credit_types must be tables such as [credit_types.NAME]"),
        ("[credit_types]\ncoins = true", "catalog: credit_types must be tables such as [credit_types.NAME]"),
        (
            "[credit_types.coins]\nlimit = 3",
            "catalog: credit_types.coins has the unknown entry 'limit'; known are allows_unlimited",
        ),
        (
            "[credit_types.hours]\nallows_unlimited = 'yes'",
            "catalog: credit_types.hours.allows_unlimited is 'yes'; it must be true",
        ),
        ("[credit_types.coins]\nallows_unlimited = true", "catalog: credit_types.coins.allows_unlimited is true; coins forbid"),
        ("[credit_types.hours]\nunit = ''", "catalog: credit_types.hours.unit is ''; it must be a text of 1 to 256 characters"),
        ("[credit_types.hours]\nscale = 7", "catalog: credit_types.hours.scale is 7; it must be a whole number from 0 to 6"),
        (
            "[credit_types.hours]\nscale = true",
            "catalog: credit_types.hours.scale is True; it must be a whole number from 0 to 6",
        ),
        ("[credit_types.'']", "catalog: the name '' of credit_types. must not be empty"),
        ("[organizations.'a|b']", "catalog: the name 'a|b' of organizations.a|b must not contain '|'"),
        ("[organizations.o1]\nzone = 'UTC'", "catalog: organizations.o1 has the unknown entry 'zone'; known are time_zone, "),
        ("[organizations.o1]\ntime_zone = 1", "catalog: organizations.o1.time_zone is 1; it must be an IANA name such as"),
        (
            "[organizations.o1]\ntime_zone = 'Lisbon'",
            "catalog: organizations.o1.time_zone: time zone 'Lisbon' is not in the time",
        ),
        (
            "[organizations.o1]\ntime_zone = '../UTC'",
            "catalog: organizations.o1.time_zone: time zone '../UTC' is not an IANA name",
        ),
        (
            "[organizations.o1]\ncurrency = 'euro'",
            "catalog: organizations.o1.currency is 'euro'; it must be three capital letters",
        ),
    ],
)
def test_a_catalog_that_cannot_be_used_is_said_in_a_sentence(content, sentence, run, tmp_path):
    """The sentence names the catalog's file, the entry, its value and what would be right."""
    events, catalog = tmp_path / "events.jsonl", tmp_path / "wrong.toml"
    events.write_text(GRANT, encoding="utf-8")
    catalog.write_text(content, encoding="utf-8")
    assert run("fold", events, "--catalog", catalog).sentence().startswith(f"{catalog}: {sentence}")


def test_a_catalog_that_is_missing_or_no_text_is_said(run, tmp_path, monkeypatch):
    """A newcomer who leaves the catalog out is told which option names it."""
    monkeypatch.chdir(tmp_path)
    events, catalog = tmp_path / "events.jsonl", tmp_path / "latin.toml"
    events.write_text(GRANT, encoding="utf-8")
    catalog.write_bytes(b"# \xe9\n")
    assert run("fold", events).sentence() == "there is no catalog catalog.toml; say with --catalog where it lies"
    assert run("fold", events, "--catalog", catalog).sentence() == f"{catalog} is not UTF-8 text"
    assert run("fold", events, "--catalog", tmp_path).sentence() == f"{tmp_path} is a folder; a file is wanted"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("--as-of", "yesterday"),
            "--as-of is 'yesterday'; it must be an instant with an offset, such as 2026-05-15T12:00:00Z",
        ),
        (("--as-of", "2026-05-15T12:00:00"), "--as-of is '2026-05-15T12:00:00'; it must be an instant with an offset"),
        (("--batch", "0"), "Invalid value for '--batch'"),
        (("--batch", "many"), "Invalid value for '--batch'"),
        (("--shuffle", "x"), "Invalid value for '--shuffle'"),
        (("--shuffle",), "Option '--shuffle' requires an argument"),
        (("--jsno",), "No such option: --jsno"),
    ],
)
def test_an_option_that_cannot_be_used_is_said_in_a_sentence(arguments, sentence, run, feed, catalog):
    """The sentence names the option."""
    assert run("fold", feed("care"), "--catalog", catalog, *arguments).sentence().startswith(sentence)


def test_feeds_that_ask_about_different_instants_need_an_answer(run, feed, tmp_path, catalog):
    """Two feeds with one instant are one question; with two instants the option decides."""
    other = tmp_path / "feed.toml"
    (tmp_path / "events.jsonl").write_text(GRANT, encoding="utf-8")
    other.write_text('files = ["events.jsonl"]\nas_of = 2026-06-01T00:00:00Z\n', encoding="utf-8")
    assert run("fold", feed("care"), feed("cloud"), "--catalog", catalog).status == 0
    assert run("fold", feed("care"), other, "--catalog", catalog, "--as-of", "2026-06-01T00:00:00Z").status == 0
    ended = run("fold", feed("care"), other, "--catalog", catalog)
    assert ended.sentence() == "the feeds name different instants; say which to ask about with --as-of"

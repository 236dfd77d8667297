"""Files of events as one log: feeds, offsets over several files, mixing, and what is said of a file that will not do."""

from pathlib import Path

import pytest

from schemas import topics
from schemas.errors import SettingsError
from schemas.events import CreditVoided, TimeAdvanced
from schemas.instants import parse_instant
from streams.files import Source, read_bytes, read_catalog, read_feed, read_log, read_set_catalog, shuffled

VOID = (
    '{{"type": "CreditVoided", "event_id": "{0}", "organization_id": "o1", "customer_id": "c1", '
    '"occurred_at": "{1}", "grant_id": "{0}"}}\n'
)
INSTANT = "2026-03-01T00:00:00Z"


def void(name, instant=INSTANT):
    return VOID.format(name, instant)


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_offsets_count_the_lines_of_all_files_and_lead_back(tmp_path):
    """Every record has a place of its own, and from it file and line are found again, also behind blank lines."""
    first = write(tmp_path / "first.jsonl", void("v1") + "\n" + void("v2"))
    empty = write(tmp_path / "empty.jsonl", "")
    second = write(
        tmp_path / "second.csv", f"event_id,organization_id,customer_id,occurred_at,grant_id\nv3,o1,c1,{INSTANT},v3\n"
    )
    third = write(tmp_path / "third.jsonl", "{}\n" + void("v4").rstrip())
    log = read_log([Source(first), Source(empty), Source(second, "CreditVoided"), Source(third)])
    assert [record.place.offset for record in log.records] == [1, 3, 5, 6, 7]
    assert [log.name_line(record.place.offset) for record in log.records] == [
        (first, 1),
        (first, 3),
        (second, 2),
        (third, 1),
        (third, 2),
    ]
    assert all(record.place == record.first_place for record in log.records)
    assert all(record.raw.offset == record.place.offset for record in log.records)
    assert [(str(line.path), line.line) for line in log.refused] == [(str(third), 1)]
    assert str(log.refused[0]).startswith(f"{third}, line 1: invalid: type must be one of CreditGranted, ")


def test_a_line_without_a_field_at_fault_is_named_all_the_same(tmp_path):
    """What cannot be decoded has no field."""
    log = read_log([Source(write(tmp_path / "bad.jsonl", "[]\n"))])
    assert str(log.refused[0]) == f"{tmp_path / 'bad.jsonl'}, line 1: undecodable: the line is no JSON object"


def test_mixing_keeps_the_order_within_a_topic_and_is_repeatable(tmp_path):
    """Another seed gives another mixing of the topics; each topic's own records stay in order."""
    lines = "".join(
        void(f"v{number}") + f'{{"type": "TimeAdvanced", "as_of": "2026-03-{number + 1:02}T00:00:00Z"}}\n'
        for number in range(20)
    )
    records = read_log([Source(write(tmp_path / "events.jsonl", lines))]).records
    mixings = [shuffled(records, seed=seed) for seed in (1, 1, 2)]
    assert mixings[0] == mixings[1] != mixings[2]
    for mixed in mixings:
        assert mixed != records
        for topic in topics.CLOCKED_TOPICS:
            of_topic = [record for record in records if record.place.topic == topic]
            assert [record for record in mixed if record.place.topic == topic] == of_topic
    assert {type(record.content) for record in records} == {CreditVoided, TimeAdvanced}


def test_a_feed_names_its_files_beside_it(tmp_path):
    """Types belong to files by name; the instant may be a text or an instant of TOML."""
    for as_of in ('"2026-05-15T14:00:00+02:00"', "2026-05-15T14:00:00+02:00", "2026-05-15 12:00:00Z"):
        path = write(
            tmp_path / "feed.toml",
            f'description = "two"\nfiles = ["b.csv", "a.jsonl"]\nas_of = {as_of}\n[types]\n"b.csv" = "NameGiven"',
        )
        feed = read_feed(path)
        assert feed.description == "two"
        assert feed.sources == (Source(tmp_path / "b.csv", "NameGiven"), Source(tmp_path / "a.jsonl"))
        assert feed.as_of == parse_instant("2026-05-15T12:00:00Z")
    assert read_feed(write(tmp_path / "feed.toml", "files = []")).as_of is None


def test_a_line_that_stands_for_three_records_is_named_once(tmp_path):
    """A TimeAdvanced that is refused lies in three topics, and is one line all the same."""
    log = read_log([Source(write(tmp_path / "bad.jsonl", '{"type": "TimeAdvanced"}\n'))])
    assert len(log.records) == 3
    assert [str(line) for line in log.refused] == [f"{tmp_path / 'bad.jsonl'}, line 1: invalid: as_of is required"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "files must be a list such as"),
        ("files = 'a.csv'", "files must be a list such as"),
        ("files = [1]", "files must be a list such as"),
        ("files = ['a.csv']\ntypes = 'NameGiven'", "and types a table from file to event type"),
        ("files = ['a.csv']\n[types]\n'a.csv' = 3", "the type of a.csv is 3; it must be an event's name such as CreditGranted"),
        ("files = ['a.csv']\n[types]\n'b.csv' = 'NameGiven'", "types names b.csv, which is not among its files"),
        ("files = []\nas_of = 'noon'", "as_of is 'noon'; it must be an instant with an offset"),
        ("files = []\nas_of = 2026-05-15T12:00:00", "as_of is '2026-05-15T12:00:00'; it must be an instant with an offset"),
        ("files = []\nasof = 'noon'", "has the unknown entry 'asof'; known are description, files, types, as_of"),
        ("files = [", "is not TOML: "),
    ],
)
def test_a_feed_that_cannot_be_used_is_said_in_a_sentence(content, sentence, tmp_path):
    """The sentence names the feed and what is wrong with it."""
    path = write(tmp_path / "feed.toml", content)
    with pytest.raises(SettingsError) as refused:
        read_feed(path)
    assert str(refused.value).startswith(str(path))
    assert sentence in str(refused.value)


def test_a_file_that_cannot_be_read_is_said_in_a_sentence(tmp_path):
    """Whatever the system says of a path, it is a sentence that names it."""
    file = write(tmp_path / "file", "")
    for path, sentence in (
        (tmp_path / "gone", "there is no file "),
        (tmp_path, "is a folder; a file is wanted"),
        (file / "below", "cannot be read: Not a directory"),
        (tmp_path / ("long" * 200), "cannot be read: File name too long"),
        (tmp_path / "zero\0", "cannot be read: embedded null byte"),
    ):
        with pytest.raises(SettingsError, match=sentence):
            read_bytes(path)


def test_a_catalog_that_is_not_there_is_said_with_its_setting(tmp_path):
    """Whoever starts a worker or a sink learns what to set; what is there is read as any catalog."""
    missing = tmp_path / "catalog.toml"
    with pytest.raises(SettingsError, match=r"^there is no catalog .*catalog\.toml; say with CREDITS_CATALOG where it lies"):
        read_set_catalog(missing)
    missing.write_text("[credit_types.coins]\n", encoding="utf-8")
    assert read_set_catalog(missing) == read_catalog(missing)

"""Files of events as they are read to be emitted: when an event was recorded, and what of a file is no event."""

import io

import pytest

from schemas.errors import SettingsError
from schemas.events import CreditVoided, TimeAdvanced
from schemas.instants import MICROSECONDS_PER_HOUR, parse_instant
from streams.emission import STANDARD_INPUT, read_emission, read_emission_file
from streams.files import RefusedLine, Source

NOW = parse_instant("2026-05-15T12:00:00Z")
OCCURRED = "2026-03-01T00:00:00Z"
RECORDED = "2026-03-02T00:00:00Z"
HEADER = "event_id,organization_id,customer_id,occurred_at,recorded_at,grant_id\n"


def void(name: str, recorded: str = "") -> str:
    return (
        f'{{"type": "CreditVoided", "event_id": "{name}", "organization_id": "o1", "customer_id": "c1", {recorded}'
        f'"occurred_at": "{OCCURRED}", "grant_id": "g"}}\n'
    )


def read(content: str | bytes, *, is_csv: bool = False, event_type: str | None = None):
    file = io.BufferedReader(io.BytesIO(content.encode() if isinstance(content, str) else content))
    return list(read_emission(Source(STANDARD_INPUT, event_type), file, is_csv=is_csv, now=NOW))


def recorded_of(events) -> list[int]:
    assert all(isinstance(event, CreditVoided) for event in events)
    return [event.recorded_at for event in events]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_line_of_json_that_does_not_say_when_it_was_recorded_is_recorded_now(start):
    """One that says it keeps what it says, also where that is when it occurred; null says nothing."""
    lines = [
        void("v1"),
        void("v2", f'"recorded_at": "{RECORDED}", '),
        void("v3", f'"recorded_at": "{OCCURRED}", '),
        void("v4", '"recorded_at": null, '),
    ]
    assert recorded_of(read(start + "".join(lines))) == [NOW, parse_instant(RECORDED), parse_instant(OCCURRED), NOW]


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_row_that_does_not_say_when_it_was_recorded_is_recorded_now(start):
    """An empty cell says nothing, a quoted one says what is in it, over several lines too."""
    rows = f'v1,o1,c1,{OCCURRED},,g\nv2,o1,c1,{OCCURRED},{RECORDED},g\n"v3",o1,c1,{OCCURRED},"{OCCURRED}","g"\n'
    events = read(start + HEADER + rows, is_csv=True, event_type="CreditVoided")
    assert recorded_of(events) == [NOW, parse_instant(RECORDED), parse_instant(OCCURRED)]
    without = f'event_id,organization_id,customer_id,occurred_at,grant_id,reason\nv1,o1,c1,{OCCURRED},g,"moved,\naway"\n'
    assert recorded_of(read(start + without, is_csv=True, event_type="CreditVoided")) == [NOW]


def test_time_is_one_event_and_is_never_recorded():
    """A TimeAdvanced is three records to a fold, and one event to be emitted."""
    assert read(f'{{"type": "TimeAdvanced", "as_of": "{OCCURRED}"}}\n') == [TimeAdvanced(parse_instant(OCCURRED), None)]


def test_a_line_that_is_no_event_is_named_in_its_place():
    """The others are given all the same; a line that would be three records is named once."""
    first, bad, time, last = read(void("v1") + '\n{"type": "Nothing"}\n{"type": "TimeAdvanced"}\n' + void("v2"))
    assert str(bad).startswith("standard input, line 3: invalid: type must be one of ")
    assert str(time) == "standard input, line 4: invalid: as_of is required"
    assert [event.event_id for event in (first, last)] == ["v1", "v2"]


def test_a_record_that_kafka_would_not_take_is_named():
    """An hour ahead is taken; a microsecond more is not."""
    at = "2026-05-15T13:00:00"
    good, bad = read(void("v1", f'"recorded_at": "{at}Z", ') + void("v2", f'"recorded_at": "{at}.000001Z", '))
    assert good.recorded_at == NOW + MICROSECONDS_PER_HOUR
    assert str(bad) == (
        "standard input, line 2: invalid: recorded_at lies more than an hour ahead of now, which is 2026-05-15T12:00:00Z"
    )
    (ahead,) = read(f'{{"type": "TimeAdvanced", "as_of": "{at}.000001Z"}}\n')
    assert isinstance(ahead, RefusedLine)
    assert ahead.refusal.field == "as_of"


def test_lines_are_numbered_as_a_fold_numbers_them():
    """Lines may end as on Windows and on old Macs."""
    bad = read(b"\r\n{}\r{}\n\n{}")
    assert [line.line for line in bad] == [2, 3, 5]


@pytest.mark.parametrize(
    ("content", "is_csv", "sentence"),
    [
        ("a\0b", False, "standard input is not UTF-8 text; "),
        ('{"credits_dump": 1, "partition_count": 3}\n', False, "standard input is a dump, which is a whole log "),
        ("", True, "standard input: the file has no header in its first line"),
        ("event_id,oops\n", True, "standard input: the type of the events is told nowhere"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_in_a_sentence(content, is_csv, sentence):
    """The sentence names the file."""
    with pytest.raises(SettingsError, match=f"^{sentence}"):
        read(content, is_csv=is_csv)


def test_a_file_is_csv_by_its_name(tmp_path):
    """A path says what standard input cannot."""
    path = tmp_path / "voids.CSV"
    path.write_text(f"{HEADER}v1,o1,c1,{OCCURRED},,g\n", encoding="utf-8")
    (event,) = read_emission_file(Source(path, "CreditVoided"), now=NOW)
    assert event.event_id == "v1"
    with pytest.raises(SettingsError, match=r"^there is no file "):
        next(read_emission_file(Source(tmp_path / "gone"), now=NOW))

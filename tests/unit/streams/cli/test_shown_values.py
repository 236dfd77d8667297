"""How values are written for people."""

from streams.cli.tables import printable, shown_instant


def test_instants_are_shown_as_people_write_them():
    """With a space before the time; midnight as the day alone."""
    assert shown_instant("2026-03-01T00:00:00Z") == "2026-03-01"
    assert shown_instant("2026-03-01T00:00:01.5Z") == "2026-03-01 00:00:01.5"


def test_no_text_acts_on_the_terminal():
    """Control characters are written out; letters of all scripts stay."""
    assert printable("Sodré 125 \u2713") == "Sodré 125 \u2713"
    assert printable("a\x1b[2J\nb\u202e") == "a\\x1b[2J\\nb\\u202e"

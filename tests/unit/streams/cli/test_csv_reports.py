"""Reports as CSV: what a spreadsheet opens is what the books say, and runs nothing."""

import csv
import io

from streams.cli.csv_reports import write_csv
from streams.clickhouse.asking import Answer, AnswerColumn

COLUMNS = (AnswerColumn("customer", is_figure=False), AnswerColumn("balance", is_figure=True))


def cells(capsys, *rows):
    write_csv(Answer(COLUMNS, [dict(zip(("customer", "balance"), row, strict=True)) for row in rows]))
    return list(csv.reader(io.StringIO(capsys.readouterr().out)))


def test_a_text_that_looks_like_a_formula_is_no_formula(capsys):
    """It has an apostrophe before it; an amount below nothing stays an amount, and other texts stay as they are."""
    texts = ["=1+1", "+49 30", "-x", "@me", "\t=1", "a=b", "'quoted'", 'with "quotes", and a comma', "two\nlines", ""]
    found = cells(capsys, *((text, "-1.5") for text in texts))
    assert found[0] == ["customer", "balance"]
    assert found[1:] == [[f"'{text}" if text[:1] in tuple("=+-@\t") else text, "-1.5"] for text in texts]


def test_nothing_is_an_empty_cell(capsys):
    """Null is no text; and a report without rows has its header."""
    assert cells(capsys, (None, None)) == [["customer", "balance"], ["", ""]]
    assert cells(capsys) == [["customer", "balance"]]

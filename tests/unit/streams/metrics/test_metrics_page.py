"""The page on metrics."""

from pathlib import Path

from streams.metrics.document import document

PAGE = Path(__file__).resolve().parents[4] / "docs" / "metrics.md"


def test_the_page_is_what_the_declarations_say():
    """docs/metrics.md is written anew by `python -m streams.metrics > docs/metrics.md` whenever a metric changes."""
    assert PAGE.read_text(encoding="utf-8") == document()

"""The page for operators quotes sentences that are really said, and names settings that there are."""

import re
from pathlib import Path

import pytest

from streams.embedded.settings import JAVA

CHECKOUT = Path(__file__).resolve().parents[4]
PAGE = (CHECKOUT / "docs" / "operating.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^> (.*)$", PAGE, re.MULTILINE)
SOURCES = [path.read_text(encoding="utf-8") for path in sorted((CHECKOUT / "streams").rglob("*.py"))]
WRITTEN = [found for source in SOURCES for found in re.findall(r'^(_?[A-Z_]+) = "?([\w.]+)"?$', source, re.MULTILINE)]
CONSTANTS = {**dict(WRITTEN), "JAVA": JAVA}


def as_said(source):
    """Give a source whose sentences stand in one line each, with constants filled in and `…` for what differs."""
    whole = re.sub(r'"\s*\n\s*f?"', "", source)
    return re.sub(r"\{([^{}]*)\}", lambda match: CONSTANTS.get(match[1], "…"), whole)


SAID = "\n".join(map(as_said, SOURCES))


def test_there_are_sentences_to_check():
    """Every part of the page has some."""
    assert len(QUOTED) > 25


@pytest.mark.parametrize("sentence", QUOTED)
def test_each_quoted_sentence_is_said(sentence):
    """All its pieces stand in one line of the code, in this order."""
    pieces = [re.escape(piece) for piece in sentence.split("…") if piece.strip(" .,;:()")]
    assert pieces
    assert re.search(".*".join(pieces), SAID) is not None


def test_each_setting_that_is_named_is_read():
    """A setting that no code knows would be a promise that nobody keeps."""
    for name in set(re.findall(r"CREDITS_\w+", PAGE)):
        assert name in SAID

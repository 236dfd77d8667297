"""The account of the demo feed as people read it: what became of every record, and what was sent once more."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console

from schemas.errors import InvariantViolation
from schemas.instants import format_instant
from streams.cli.tables import figure, print_table, text
from streams.demo.accounting import Answers, Line, differences, lines_of
from streams.demo.feed import Feed
from streams.demo.outcomes import MEANINGS, Outcome
from streams.demo.sending import Lying, Sending, expected_first, expected_now

_NAMED_MAX = 3


def check_account(feed: Feed, sending: Sending, lying: Lying, answers: Answers) -> None:
    """Hold what was found of each record against what was to become of it.

    Raises InvariantViolation that names the first records of which something else became.
    """
    wrong = [
        *differences(feed.records, expected_first(feed), answers.first()),
        *differences(feed.records, expected_now(sending, lying), answers.since(lying.ends)),
    ]
    if wrong:
        more = f", and {len(wrong) - _NAMED_MAX} more" if len(wrong) > _NAMED_MAX else ""
        raise InvariantViolation(f"the feed is not accounted for: {'; '.join(wrong[:_NAMED_MAX])}{more}")


def print_account(console: Console, feed: Feed, sending: Sending, lying: Lying, answers: Answers) -> None:
    """Print what became of every record of the feed, and, where some of it was known, what was sent once more."""
    title = (
        f"Demo feed: what became of its {len(feed.records):,} records, {format_instant(feed.begins_at)} to "
        f"{format_instant(feed.anchor)}"
    )
    _print_lines(console, title, lines_of(expected_first(feed), answers.first()))
    if not lying.numbers:
        return
    if len(lying.numbers) == len(feed.records):
        known = f"All of it is known: the {len(feed.records):,} records of the feed lay in the topics already."
    else:
        known = (
            f"The run before was broken off: {len(lying.numbers):,} of {len(feed.records):,} records lay in the topics already."
        )
    _say(console, known)
    _say(console, _sent_now(feed, sending, answers.since(lying.ends)))
    console.print()


def _sent_now(feed: Feed, sending: Sending, found: Mapping[int, Outcome]) -> str:
    """Tell what was sent now and what it came to, and what was left alone."""
    counts = Counter(found.values())
    parts = ", ".join(f"{counts[outcome]:,} {outcome.value}" for outcome in Outcome if counts[outcome])
    sentence = f"Sent now were {len(sending.before) + len(sending.after):,}: {parts}."
    if not sending.left:
        return sentence
    return (
        f"{sentence} Left alone were {len(sending.left):,} from before {format_instant(feed.accept_from)}: that time is "
        "closed, and they would be too_late now."
    )


def _print_lines(console: Console, title: str, lines: Sequence[Line]) -> None:
    entries = [
        {
            "outcome": line.outcome.value,
            "expected": f"{line.expected:,}",
            "found": f"{line.found:,}",
            "meaning": MEANINGS[line.outcome],
        }
        for line in lines
    ]
    total = {
        "outcome": "all",
        "expected": f"{sum(line.expected for line in lines):,}",
        "found": f"{sum(line.found for line in lines):,}",
        "meaning": "",
    }
    print_table(console, title, _COLUMNS, [*entries, total])


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, highlight=False, soft_wrap=True)


_COLUMNS = (text("outcome", "outcome"), figure("expected", "expected"), figure("found", "found"), text("what it is", "meaning"))

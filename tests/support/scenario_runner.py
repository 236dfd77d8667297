"""Scenarios are run: what was said becomes records, and each engine's books are held against what is expected.

The events go the way of real ones: lines and rows through the readers of files, records of topics through the codec and
through a dump. Nothing stands in for a part of the system.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from plain_model import derive
from projections.fold import fold
from schemas import topics
from schemas.catalog import Catalog
from schemas.errors import SettingsError
from schemas.records import ReadRecord
from tests.support.scenario_comparison import Results, unmet
from tests.support.scenario_language import Asked, Expectation, Happened, Known, Scenario
from tests.support.scenario_records import records_of

Engine = Callable[..., Results]
"""Takes records, catalog and the instant asked about, and `live_grants_max` by its name where a scenario tells it."""


def in_one_batch(records: Sequence[ReadRecord], catalog: Catalog, as_of: int | None, **limit: int) -> Results:
    """Ask the core, which gets all records at once."""
    return fold(records, catalog=catalog, as_of=as_of, batch_size=None, **limit)


def record_by_record(records: Sequence[ReadRecord], catalog: Catalog, as_of: int | None, **limit: int) -> Results:
    """Ask the core, which gets one record at a time."""
    return fold(records, catalog=catalog, as_of=as_of, batch_size=1, **limit)


def topic_after_topic(records: Sequence[ReadRecord], catalog: Catalog, as_of: int | None, **limit: int) -> Results:
    """Ask the core, which gets the topics one after the other: names first, grants last; the order within each is kept."""
    order = {topic: place for place, topic in enumerate(reversed(topics.INPUT_TOPICS))}
    mixed = sorted(records, key=lambda record: order.get(record.place.topic, len(order)))
    return fold(mixed, catalog=catalog, as_of=as_of, batch_size=3, **limit)


def plain(records: Sequence[ReadRecord], catalog: Catalog, as_of: int | None, **limit: int) -> Results:
    """Ask the plain model."""
    return derive(records, catalog=catalog, as_of=as_of, **limit)


ENGINES: dict[str, Engine] = {
    "plain": plain,
    "one-batch": in_one_batch,
    "record-by-record": record_by_record,
    "topic-after-topic": topic_after_topic,
}


class Question(NamedTuple):
    """What had happened, the catalog, and the instant asked about (None: none was given)."""

    happened: tuple[Happened, ...]
    catalog: Catalog
    as_of: int | None


def faults_of(scenario: Scenario, engine: Engine) -> list[str]:
    """Run a scenario and give a sentence for everything that is not as expected, with the line that expects it."""
    answers: dict[tuple[int, int], Results | None] = {}

    def answer(number: int, question: Question) -> Results | None:
        """Ask once for all expectations of a block."""
        key = number, len(question.happened)
        if key not in answers:
            answers[key] = _answer(engine, scenario, question)
        return answers[key]

    faults = []
    for number, expectation, before, after in _questions(scenario):
        differences = unmet(expectation.expected, answer(number, after), before=answer(number, before))
        faults += [f"{scenario.name}, line {expectation.line_number}: {difference}" for difference in differences]
    return faults


def last_answer(scenario: Scenario, engine: Engine) -> Results | None:
    """Give the books at the end of a scenario; None where the instant asked about lies before the boundary."""
    *_, (_, _, _, question) = _questions(scenario)
    return _answer(engine, scenario, question)


def _questions(scenario: Scenario) -> Iterator[tuple[int, Expectation, Question, Question]]:
    """Give each expectation with the question that it answers, and that question without the last block of events.

    The number tells blocks of expectations apart that are asked alike.
    """
    catalog, as_of, before, number = Catalog(), None, 0, 0
    happened: list[Happened] = []
    for step in scenario.steps:
        match step:
            case Known():
                catalog, number = step.catalog, number + 1
            case Asked():
                as_of, number = step.as_of, number + 1
            case Happened():
                before = len(happened) if step.begins_block else before
                happened.append(step)
            case Expectation():
                yield (
                    number,
                    step,
                    Question(tuple(happened[:before]), catalog, as_of),
                    Question(tuple(happened), catalog, as_of),
                )


def _answer(engine: Engine, scenario: Scenario, question: Question) -> Results | None:
    records = list(records_of([step.said for step in question.happened], partition_count=scenario.partition_count))
    limit = {} if scenario.live_grants_max is None else {"live_grants_max": scenario.live_grants_max}
    try:
        return engine(records, question.catalog, question.as_of, **limit)
    except SettingsError:
        return None

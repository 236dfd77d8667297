"""`make bench`: all contenders in turn, round after round, then the steps; the result as JSON, and the page that shows it."""

import argparse
import asyncio
import datetime as dt
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import machine
from bench.bare_loop import Stretch, read_seconds
from bench.contenders import CATALOG, CHECKOUT, Contender, Measured, Outcome, Run, agent, measure, measure_bare_loop, worker
from bench.feed import Feed, FeedRecord, make_feed
from bench.feeding import remake_topics
from bench.figures import FeedTold, Figure, Result, write_result
from bench.published import PublishedBooks
from bench.report import PAGE, render
from bench.staging import data_folder, settings_of, stack_in
from bench.steps import FETCH, STEPS, profile
from schemas import codec, topics
from schemas.catalog import parse_catalog
from schemas.errors import CreditsError, InvariantViolation
from schemas.events import CreditConsumed

_FETCH_PASSES = 5


class Options(NamedTuple):
    """What can be chosen, see `_parse`; `told` is what was."""

    seed: int
    events: int
    agent_events: int
    rounds: int
    partitions: int
    limit_seconds: float
    set: list[str]
    trial: bool
    told: list[str]

    @property
    def settings(self) -> dict[str, str]:
        """The settings that the worker is given."""
        return settings_of(self.set)


def main(arguments: list[str]) -> int:
    """Run the benchmark; gives the exit code."""
    options = _parse(arguments)
    # While topics are made anew, aiokafka warns of each partition that it asks too early about.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    load_before = os.getloadavg()[0]
    try:
        with data_folder("bench") as folder:
            figures, feed, steps = _measure_all(options, folder)
    except CreditsError as error:
        print(error, file=sys.stderr)
        return 2
    result = _result(options, feed, figures, steps, load_before=load_before)
    page = render(result)
    print(page)
    if not options.trial:
        PAGE.write_text(page, encoding="utf-8")
        print(f"kept in {write_result(result, CHECKOUT / 'bench' / 'results').relative_to(CHECKOUT)}")
    return 0


def _parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the events")
    parser.add_argument("--events", type=int, default=20_000, help="events of a run")
    parser.add_argument(
        "--agent-events", type=int, default=20_000, help="so many of them for the runs that the agent takes part in"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds, in each of which every contender runs")
    parser.add_argument("--partitions", type=int, default=8, help="partitions of each topic")
    parser.add_argument("--limit-seconds", type=float, default=300, help="how long one run may take before all is given up")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the worker")
    parser.add_argument("--trial", action="store_true", help="print only: keep no result, leave the page as it is")
    options = Options(**vars(parser.parse_args(arguments)), told=arguments)
    if not 0 < options.agent_events <= options.events:
        parser.error("--agent-events lies from 1 to --events")
    if options.rounds < 1:
        parser.error("--rounds is 1 at least")
    if not all("=" in setting for setting in options.set):
        parser.error("--set takes NAME=VALUE")
    return options


def _measure_all(options: Options, folder: Path) -> tuple[list[Figure], Feed, dict[str, float]]:
    feed = make_feed(seed=options.seed, event_count=options.events, partition_count=options.partitions)
    with stack_in(folder) as stack:
        run = Run(stack, feed, options.partitions, options.limit_seconds, options.settings)
        rounds = _Rounds(run, options)
        for number in range(1, options.rounds + 1):
            outcome = asyncio.run(rounds.run(number))
        return rounds.figures, feed, asyncio.run(_steps(run, outcome, folder / "steps"))


class _Rounds:
    """Runs the rounds; the books of all runs over the same events have to be the same."""

    def __init__(self, run: Run, options: Options) -> None:
        self.figures: list[Figure] = []
        self._run = run
        self._options = options
        self._books: dict[int, PublishedBooks] = {}

    async def run(self, number: int) -> Outcome:
        """Run every contender once; gives a run over all events, whose topics are still there."""
        few, all_events = self._options.agent_events, self._options.events
        await self._keep_books(number, worker(self._run), few)
        outcome = await self._keep_books(number, agent(self._run), few)
        await self._only_read(number, outcome)
        if few < all_events:
            outcome = await self._keep_books(number, worker(self._run), all_events)
            await self._only_read(number, outcome)
        return outcome

    async def _keep_books(self, number: int, contender: Contender, event_count: int) -> Outcome:
        outcome = await measure(self._run, contender, event_count=event_count)
        self._check(contender, outcome.books, event_count)
        self._note(number, outcome.measured)
        return outcome

    async def _only_read(self, number: int, outcome: Outcome) -> None:
        self._note(number, await measure_bare_loop(self._run, outcome))

    def _note(self, number: int, measured: Measured) -> None:
        self.figures.append(Figure(round=number, **measured._asdict()))
        rate = measured.event_count / measured.seconds
        print(f"round {number}: {measured.contender}, {measured.event_count} events: {rate:,.0f} a second", file=sys.stderr)

    def _check(self, contender: Contender, books: PublishedBooks, event_count: int) -> None:
        expected = consumption_count(self._run.feed.body[:event_count])
        if books.ledger_count != expected:
            raise InvariantViolation(
                f"{contender.name} published {books.ledger_count} rows of the ledger for {expected} consumptions"
            )
        if self._books.setdefault(event_count, books) != books:
            raise InvariantViolation(f"{contender.name} published other books than the run before, from the same events")


def consumption_count(records: Sequence[FeedRecord]) -> int:
    """Count the different consumptions among some records."""
    consumed = ((record.key, codec.decode(record.value)) for record in records if record.topic == topics.CONSUMPTION)
    return len({(key, event.event_id) for key, event in consumed if isinstance(event, CreditConsumed)})


async def _steps(run: Run, outcome: Outcome, folder: Path) -> dict[str, float]:
    """Give the microseconds an event by step; the log that a contender left is read first."""
    event_count, partition_count, servers = outcome.measured.event_count, run.partition_count, run.stack.bootstrap_servers
    fetch_seconds = await read_seconds(
        Stretch(servers, outcome.begins, event_count), pass_count=_FETCH_PASSES, understand=lambda _: None
    )
    await remake_topics(servers, partition_count=partition_count)
    seconds = await profile(
        servers,
        run.feed,
        catalog=parse_catalog(CATALOG.read_text(encoding="utf-8")),
        partition_count=partition_count,
        folder=folder,
    )
    return {step: {FETCH: fetch_seconds, **seconds}[step] / event_count * 1e6 for step in STEPS}


def _result(options: Options, feed: Feed, figures: list[Figure], steps: dict[str, float], *, load_before: float) -> Result:
    commit, has_local_changes = machine.commit(CHECKOUT)
    return Result(
        taken_at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        command=_command(options.told),
        commit=commit,
        has_local_changes=has_local_changes,
        machine=machine.machine(),
        versions=machine.versions(),
        load_before=load_before,
        settings=options.settings,
        feed=FeedTold(
            seed=options.seed,
            event_count=options.events,
            partition_count=options.partitions,
            opening_count=len(feed.opening),
            counts=feed.counts,
        ),
        figures=figures,
        steps=steps,
    )


def _command(told: list[str]) -> str:
    return "make bench" + (f" ARGS='{' '.join(told)}'" if told else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

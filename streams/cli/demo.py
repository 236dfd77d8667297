"""`credits demo`: the examples and a seeded feed through Kafka, Faust workers and ClickHouse on this machine."""

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple, TypeGuard

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from creditstream.wall_clock import now_microseconds
from projections.rows import ConflictRow, DeadLetterRow
from schemas.errors import InvariantViolation, SettingsError
from schemas.events import Event, TimeAdvanced
from schemas.instants import format_instant
from schemas.records import Reroute
from schemas.refusals import Refusal
from streams.cli.demo_account import check_account, print_account
from streams.cli.demo_books import print_books, read_books
from streams.cli.log import name_refused
from streams.cli.reports import REPORTS, print_report, report_of_feed
from streams.cli.tables import console_for_people
from streams.clickhouse import ClickHouseAddress, connect
from streams.demo.accounting import answers_of
from streams.demo.feed import RECORDS_MIN, Feed, make_feed
from streams.demo.kept import DEFAULT_COUNT, DEFAULT_SEED, Chosen, choose_feed, keep_feed
from streams.demo.sending import Lying, Sending, look, plan
from streams.embedded.services import SINK, WORKER, make_topics, services_of, worker_environment
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack
from streams.files import Feed as FileFeed
from streams.files import read_catalog, read_feed, read_log
from streams.kafka.dump import read_input_topics
from streams.kafka.emit import Outgoing, records_of, send
from streams.kafka.waiting import wait_until_visible
from streams.settings import WorkerSettings, read_worker_settings

CHECKOUT = Path(__file__).resolve().parents[2]
WORKERS = ("worker-1", "worker-2")
FEEDS = ("coworking", "salon", "care", "cloud")
_VISIBLE_SECONDS = 120
_LOOK_SECONDS = 1


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End by itself instead of staying up until Ctrl-C.")] = False,
    events: Annotated[
        int | None,
        typer.Option(
            help=f"The size of the feed; {DEFAULT_COUNT:,} for a new folder, else that of the folder.",
            min=RECORDS_MIN,
            metavar="N",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help=f"The seed of the feed; {DEFAULT_SEED} for a new folder, else that of the folder.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    data: Annotated[Path, typer.Option(help="The folder for data and logs.", metavar="FOLDER")] = CHECKOUT / ".data" / "demo",
    cache: Annotated[Path, typer.Option(help="The folder for downloads.", metavar="FOLDER")] = CHECKOUT / ".cache",
) -> None:
    """Run the examples and a seeded feed through Kafka, two Faust workers and ClickHouse, and show their reports.

    What was emitted before is known the second time: the figures stay the same.
    """
    console, told = console_for_people(), Console(stderr=True)
    chosen = choose_feed(data, record_count=events, seed=seed, now=now_microseconds())
    with running_stack(read_settings(os.environ), data_folder=data, cache_folder=cache, console=told) as stack:
        environment = _environment(stack)
        settings = _settings(environment)
        _start_stream(stack, environment, settings, told)
        feed = _make_feed(stack, chosen, settings, told)
        with _progress(told) as progress:
            sent = _send(stack, feed, settings.partition_count, progress)
        _show(stack, console, feed, sent, told)
        if not leave:
            _stay_up(stack, console)


def _examples() -> Path:
    """Give the folder of the examples, relative where that is short, since people read the names of its files."""
    folder, here = CHECKOUT / "examples", Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _environment(stack: Stack) -> dict[str, str]:
    return {
        **services_of(stack),
        "CREDITS_CATALOG": str(CHECKOUT / "examples" / "catalog.toml"),
        # The demo says itself what time it is: that of the examples, then its anchor, which stays the same in every run.
        "CREDITS_CLOCK": "off",
        "CREDITS_SINK_WEB_PORT": "0",
    }


def _settings(environment: Mapping[str, str]) -> WorkerSettings:
    """Read the workers' settings; raises SettingsError where the feed cannot be made for them."""
    settings = read_worker_settings({**os.environ, **environment})
    if settings.partition_count == 1:
        raise SettingsError("the demo sends records to foreign partitions, so CREDITS_PARTITION_COUNT must be 2 or more")
    return settings


def _start_stream(stack: Stack, environment: Mapping[str, str], settings: WorkerSettings, console: Console) -> None:
    """Make the topics, then start the workers and the sink beside the stack."""
    with console.status("making the topics ..."):
        make_topics(stack, partition_count=settings.partition_count, replication_factor=settings.replication_factor)
    for name in WORKERS:
        own = worker_environment(name, state_folder=stack.data_folder / "state", web_port=0)
        stack.start_process(name, WORKER, environment={**environment, **own})
    stack.start_process("sink", SINK, environment=environment)


def _make_feed(stack: Stack, chosen: Chosen, settings: WorkerSettings, console: Console) -> Feed:
    """Make the feed, and keep which one it is before any of it is sent."""
    with console.status(f"making a feed of {chosen.record_count:,} records ..."):
        feed = make_feed(
            anchor=chosen.anchor,
            seed=chosen.seed,
            record_count=chosen.record_count,
            partition_count=settings.partition_count,
        )
    keep_feed(stack.data_folder, chosen, feed)
    return feed


class _Sent(NamedTuple):
    """What a run sent: what lay in the topics before, the part of the feed, and how many records in all."""

    lying: Lying
    sending: Sending
    record_count: int


def _send(stack: Stack, feed: Feed, partition_count: int, progress: Progress) -> _Sent:
    """Send what comes before the clock is opened and wait for it; then open the clock, send the tail, and wait again.

    Only when the history has been applied is all of it in its own partitions, and none of it comes after the clock.
    """
    _, raw = asyncio.run(read_input_topics(bootstrap_servers=stack.bootstrap_servers))
    lying = look(raw, feed)
    sending = plan(feed, lying)
    before = [*([] if lying.is_open else _example_records(partition_count)), *(one.outgoing for one in sending.before)]
    after = [*records_of(feed.opening, partition_count=partition_count), *(one.outgoing for one in sending.after)]
    count = 0
    for name, records in (("history", before), ("tail", after)):
        if records:
            count += asyncio.run(_send_all(stack, name, records, progress))
            asyncio.run(_wait(stack, name, progress))
    asyncio.run(_wait(stack, "rerouted", progress))  # what was sent on came to lie behind what was waited for
    return _Sent(lying, sending, count)


def _example_records(partition_count: int) -> Iterator[Outgoing]:
    """Give the records of the example feeds and then their common instant; lines that are no events are named and left out."""
    events: list[Event] = []
    feeds: list[FileFeed] = [read_feed(_examples() / name / "feed.toml") for name in FEEDS]
    for feed in feeds:
        log = read_log(feed.sources)
        name_refused(log.refused)
        events += [record.content for record in log.records if _is_event(record.content)]
    as_of = max(feed.as_of for feed in feeds if feed.as_of is not None)
    events.append(TimeAdvanced(as_of=as_of, accept_from=None))
    for event in events:
        yield from records_of(event, partition_count=partition_count)


def _is_event(content: Event | Refusal | Reroute) -> TypeGuard[Event]:
    return not isinstance(content, Refusal | Reroute)


async def _send_all(stack: Stack, name: str, records: list[Outgoing], progress: Progress) -> int:
    task = progress.add_task(f"{name}: emitted", total=len(records))
    return await send(
        records, bootstrap_servers=stack.bootstrap_servers, on_acknowledged=lambda count: progress.advance(task, count)
    )


async def _wait(stack: Stack, name: str, progress: Progress) -> None:
    """Show how far worker and sink are until all is visible."""
    tasks: dict[str, TaskID] = {}

    def on_progress(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(f"{name}: {stage}", total=total)
        progress.update(tasks[stage], completed=done, total=total)

    await wait_until_visible(
        bootstrap_servers=stack.bootstrap_servers, seconds=_VISIBLE_SECONDS, check=stack.check, on_progress=on_progress
    )


def _show(stack: Stack, console: Console, feed: Feed, sent: _Sent, told: Console) -> None:
    """Print the reports out of ClickHouse, then the account of the feed, once ClickHouse holds what a fold gives.

    Raises InvariantViolation where the two differ, or where a record of the feed is not accounted for.
    """
    client = connect(ClickHouseAddress(stack.clickhouse_host, stack.clickhouse_port))
    catalog = read_catalog(_examples() / "catalog.toml")
    with told.status("holding ClickHouse against a fold of the topics ..."):
        books = read_books(client, bootstrap_servers=stack.bootstrap_servers, catalog=catalog, check=stack.check)
    first_month, last_month = (format_instant(instant)[: len("2026-03")] for instant in (feed.begins_at, feed.anchor))
    for report in (*REPORTS, report_of_feed(month_from=first_month, month_to=last_month)):
        print_report(console, client, report)
    dead_letters, conflicts = books.rows.of(DeadLetterRow), books.rows.of(ConflictRow)
    answers = answers_of(books.records, dead_letters=dead_letters, conflicts=conflicts)
    check_account(feed, sent.sending, sent.lying, answers)
    if answers.duplicates != books.folded.duplicates:
        raise InvariantViolation(f"{answers.duplicates} duplicates were found, and the fold left out {books.folded.duplicates}")
    print_account(console, feed, sent.sending, sent.lying, answers)
    print_books(console, books, sent_count=sent.record_count)


def _stay_up(stack: Stack, console: Console) -> None:
    """Say where everything is, and watch the processes until Ctrl-C."""
    never = threading.Event()
    try:
        console.print(
            f"\nKafka at {stack.bootstrap_servers}, ClickHouse at http://{stack.clickhouse_host}:{stack.clickhouse_port}, "
            f"logs in {stack.data_folder / 'logs'}. Ctrl-C ends it.",
            highlight=False,
            soft_wrap=True,
        )
        while not never.wait(_LOOK_SECONDS):
            stack.check()
    except KeyboardInterrupt:
        return


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )

"""`credits demo`: the examples through Kafka, Faust workers and ClickHouse on this machine."""

import asyncio
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeGuard

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from projections.fold import fold_rows
from projections.results import results_of
from schemas.errors import InvariantViolation
from schemas.events import Event, TimeAdvanced
from schemas.instants import format_instant
from schemas.reading import read_record
from schemas.records import Reroute
from schemas.refusals import Refusal
from schemas.topics import CLOCKED_TOPICS
from streams.cli.log import name_refused
from streams.cli.reports import REPORTS, print_report
from streams.cli.tables import console_for_people
from streams.clickhouse import ClickHouseAddress, connect, read_rows
from streams.embedded.services import SINK, WORKER, make_topics, services_of, worker_environment
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack
from streams.files import Feed, read_catalog, read_feed, read_log
from streams.kafka.dump import read_input_topics
from streams.kafka.emit import emit
from streams.kafka.topics import GENERATION
from streams.kafka.waiting import wait_until_visible
from streams.settings import WorkerSettings, read_worker_settings

CHECKOUT = Path(__file__).resolve().parents[2]
WORKERS = ("worker-1", "worker-2")
FEEDS = ("coworking", "salon", "care", "cloud")
_VISIBLE_SECONDS = 120
_LOOK_SECONDS = 1


def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End by itself instead of staying up until Ctrl-C.")] = False,
    data: Annotated[Path, typer.Option(help="The folder for data and logs.", metavar="FOLDER")] = CHECKOUT / ".data" / "demo",
    cache: Annotated[Path, typer.Option(help="The folder for downloads.", metavar="FOLDER")] = CHECKOUT / ".cache",
) -> None:
    """Run the examples through Kafka, two Faust workers and ClickHouse, and show their reports.

    What was emitted before is known the second time: the figures stay the same.
    """
    console, told = console_for_people(), Console(stderr=True)
    with running_stack(read_settings(os.environ), data_folder=data, cache_folder=cache, console=told) as stack:
        environment = _environment(stack)
        settings = read_worker_settings({**os.environ, **environment})
        _start_stream(stack, environment, settings, told)
        with _progress(told) as progress:
            sent = asyncio.run(_emit_examples(stack, settings.partition_count, progress))
            asyncio.run(_wait(stack, progress))
        _show(stack, console, sent)
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
        # The examples say themselves what time it is; a clock would close their months as of today.
        "CREDITS_CLOCK": "off",
        "CREDITS_SINK_WEB_PORT": "0",
    }


def _start_stream(stack: Stack, environment: Mapping[str, str], settings: WorkerSettings, console: Console) -> None:
    """Make the topics, then start the workers and the sink beside the stack."""
    with console.status("making the topics ..."):
        make_topics(stack, partition_count=settings.partition_count, replication_factor=settings.replication_factor)
    for name in WORKERS:
        own = worker_environment(name, state_folder=stack.data_folder / "state", web_port=0)
        stack.start_process(name, WORKER, environment={**environment, **own})
    stack.start_process("sink", SINK, environment=environment)


async def _emit_examples(stack: Stack, partition_count: int, progress: Progress) -> int:
    """Emit all feeds and then their common instant; lines that are no events are named and left out."""
    events: list[Event] = []
    feeds: list[Feed] = [read_feed(_examples() / name / "feed.toml") for name in FEEDS]
    for feed in feeds:
        log = read_log(feed.sources)
        name_refused(log.refused)
        events += [record.content for record in log.records if _is_event(record.content)]
    as_of = max(feed.as_of for feed in feeds if feed.as_of is not None)
    events.append(TimeAdvanced(as_of=as_of, accept_from=None))
    clock_records = partition_count * len(CLOCKED_TOPICS)
    task = progress.add_task("emitted", total=len(events) - 1 + clock_records)
    return await emit(
        events,
        bootstrap_servers=stack.bootstrap_servers,
        partition_count=partition_count,
        on_acknowledged=lambda count: progress.advance(task, count),
    )


def _is_event(content: Event | Refusal | Reroute) -> TypeGuard[Event]:
    return not isinstance(content, Refusal | Reroute)


async def _wait(stack: Stack, progress: Progress) -> None:
    """Show how far worker and sink are until all is visible."""
    tasks: dict[str, TaskID] = {}

    def on_progress(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=done, total=total)

    await wait_until_visible(
        bootstrap_servers=stack.bootstrap_servers, seconds=_VISIBLE_SECONDS, check=stack.check, on_progress=on_progress
    )


def _show(stack: Stack, console: Console, sent: int) -> None:
    """Print the reports out of ClickHouse, then hold all tables against a fold of what lies in the topics."""
    client = connect(ClickHouseAddress(stack.clickhouse_host, stack.clickhouse_port))
    for report in REPORTS:
        print_report(console, client, report)
    partition_count, raw = asyncio.run(read_input_topics(bootstrap_servers=stack.bootstrap_servers))
    catalog = read_catalog(_examples() / "catalog.toml")
    records = [read_record(record, partition_count=partition_count) for record in raw]
    folded = fold_rows(records, catalog=catalog)
    expected = results_of(folded.rows, catalog=catalog, as_of=folded.as_of, duplicates=folded.duplicates)
    visible = results_of(
        read_rows(client, generation=GENERATION), catalog=catalog, as_of=folded.as_of, duplicates=folded.duplicates
    )
    different = [name for name in expected if expected[name] != visible[name]]
    if different:
        raise InvariantViolation(f"ClickHouse and a fold of the same topics differ in {', '.join(different)}")
    counts = ", ".join(f"{len(visible[name])} {name.replace('_', ' ')}" for name in expected if name != "duplicates")
    console.print(
        f"{sent} records sent now, {len(raw)} in the topics, {folded.duplicates} of them duplicates. "
        f"As of {format_instant(folded.as_of)} ClickHouse holds {counts}: "
        "the same, field by field, as a fold of the topics.",
        highlight=False,
        soft_wrap=True,
    )


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

"""`credits up`, `credits down` and `credits status`: the whole of it on this machine, under supervision."""

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from schemas.errors import SettingsError, TransientError
from streams.cli.tables import Entry, Shown, console_for_people, print_table, text
from streams.embedded.detached import leave_terminal, start_detached
from streams.embedded.elsewhere import read_elsewhere
from streams.embedded.folder_lock import holder_of
from streams.embedded.health import PartHealth, health_of
from streams.embedded.identity import Identity
from streams.embedded.kept_files import roll
from streams.embedded.processes import STOP_SECONDS, Processes, read_notes
from streams.embedded.services import make_topics, service_parts
from streams.embedded.settings import EmbeddedSettings, read_settings
from streams.embedded.stack import Stack, held_stack, start_kafka_and_clickhouse
from streams.embedded.supervisor import Supervisor
from streams.files import read_set_catalog
from streams.settings import read_worker_settings

CHECKOUT = Path(__file__).resolve().parents[2]
_NOT_WELL = 1
_POLL_SECONDS = 0.05

DATA = Annotated[
    Path | None,
    typer.Option(help="The folder for data and logs. Default: CREDITS_DATA_FOLDER, else .data/stack.", metavar="FOLDER"),
]


def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return once all is ready, and leave it running.")] = False,
    data: DATA = None,
    cache: Annotated[Path, typer.Option(help="The folder for downloads.", metavar="FOLDER")] = CHECKOUT / ".cache",
    ready_pipe: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run Kafka, ClickHouse, workers and sink on this machine, and start again whatever ends.

    Where CREDITS_KAFKA_BROKERS or CREDITS_CLICKHOUSE_HOST is set, what they name is used, and none is started here.
    """
    settings = read_settings(os.environ)
    folder = _data_folder(data, settings)
    holder = holder_of(folder)
    if holder is not None:
        raise SettingsError(
            f"the stack is already running: process {holder.pid} has the folder {folder}; 'credits status' shows it, "
            "'credits down' ends it, and CREDITS_DATA_FOLDER or --data names another folder for a second one"
        )
    if detach:
        command = [sys.executable, "-m", "streams", "up", f"--data={folder}", f"--cache={cache.absolute()}"]
        raise typer.Exit(start_detached(command, option="--ready-pipe"))
    _run(settings, folder, cache, ready_pipe)


def _run(settings: EmbeddedSettings, folder: Path, cache: Path, ready_pipe: int | None) -> None:
    """Start everything, say where it is, and watch over it until a signal or Ctrl-C."""
    console, told = console_for_people(), Console(stderr=True)
    elsewhere = read_elsewhere(os.environ)
    worker_settings = read_worker_settings(os.environ)
    read_set_catalog(worker_settings.catalog)
    with held_stack(settings, data_folder=folder, environment=os.environ, elsewhere=elsewhere) as stack:
        parts = service_parts(stack, worker_count=settings.workers, environment=os.environ)
        start_kafka_and_clickhouse(stack, cache_folder=cache, console=told)
        with told.status("starting workers and sink ..."):
            make_topics(
                stack,
                partition_count=worker_settings.partition_count,
                replication_factor=worker_settings.replication_factor,
            )
            for part in parts:
                stack.start_part(part)
            stack.wait_for_parts()
        log = stack.data_folder / "logs" / "supervisor.log"
        _log_into(log, console_too=ready_pipe is None)
        supervisor = Supervisor(stack)
        _say_where(stack, console, ready_pipe)
        if ready_pipe is not None:
            leave_terminal(ready_pipe, log=log)
        try:
            supervisor.watch()
        except KeyboardInterrupt:
            return


def down(data: DATA = None) -> None:
    """End what `credits up` started, and wait until it has ended; the data stays."""
    folder = _data_folder(data, read_settings(os.environ))
    holder = holder_of(folder)
    if holder is not None:
        ended = [noted.name for noted in reversed(read_notes(folder)) if noted.runs()]
        _end(holder, patience_seconds=2 * STOP_SECONDS * (len(ended) + 1))
    elif folder.is_dir():
        with Processes(folder) as processes:
            ended = list(processes.left_behind)
    else:
        ended = []
    console = console_for_people()
    what = f"ended {', '.join(ended)}; the data stays in {folder}" if ended else f"nothing was running in {folder}"
    console.print(what, highlight=False, soft_wrap=True)


def status(data: DATA = None) -> None:
    """Show each part: its state, process, since when, restarts, address, and whether it answers; exit 0 where all is well."""
    health = health_of(_data_folder(data, read_settings(os.environ)))
    console = console_for_people()
    if health.parts:
        print_table(console, "", _COLUMNS, [_entry_of(part) for part in health.parts])
    if health.trouble is not None:
        console.print(health.trouble, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if health.is_well else _NOT_WELL)


_COLUMNS = (
    text("part", "name"),
    text("state", "state"),
    text("process", "pid"),
    text("since", "since"),
    Shown("restarts", lambda entry: "" if entry["restarts"] is None else str(entry["restarts"]), is_figure=True),
    text("address", "address"),
    Shown("answers", lambda entry: "yes" if entry["answers"] else "no"),
)


def _entry_of(part: PartHealth) -> Entry:
    since = None if part.since is None else f"{part.since:%Y-%m-%d %H:%M:%S}"
    return {**part._asdict(), "since": since}


def _data_folder(option: Path | None, settings: EmbeddedSettings) -> Path:
    return (option or CHECKOUT / settings.data_folder).absolute()


def _log_into(log: Path, *, console_too: bool) -> None:
    """Log what the supervisor does, and show it to whoever sits before it."""
    roll(log)
    in_file = logging.FileHandler(log, encoding="utf-8")
    in_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("streams.embedded")
    logger.setLevel(logging.INFO)
    logger.addHandler(in_file)
    if console_too:
        logger.addHandler(logging.StreamHandler(sys.stderr))


def _say_where(stack: Stack, console: Console, ready_pipe: int | None) -> None:
    lines = [
        f"{used.name} at {', '.join(map(str, used.addresses))}, not started here but named by {used.setting}"
        for used in stack.elsewhere.used()
    ]
    lines += [f"{part.name} at {part.address}" for part in stack.parts.values()]
    ends = "Ctrl-C" if ready_pipe is None else "'credits down'"
    lines.append(f"data in {stack.data_folder}, logs in its folder logs; 'credits status' shows each part, {ends} ends it all")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _end(holder: Identity, *, patience_seconds: float) -> None:
    """Ask the process that holds a data folder to end, and wait until it has, with all that it started."""
    try:
        os.kill(holder.pid, signal.SIGTERM)
    except PermissionError as error:
        raise SettingsError(f"process {holder.pid} is another user's; only that user can end it") from error
    except ProcessLookupError:
        return
    deadline = time.monotonic() + patience_seconds
    while holder.runs():
        if time.monotonic() > deadline:
            raise TransientError(f"process {holder.pid} has not ended after {patience_seconds:.0f} s")
        time.sleep(_POLL_SECONDS)

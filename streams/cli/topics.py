"""`credits topics`: the topics made and checked, and what lies in them."""

import asyncio
import contextlib
import itertools
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from creditstream.connection import Connection
from schemas.dump import write_dump
from schemas.errors import SettingsError
from streams.cli.dialogue import asked_servers, say
from streams.kafka.dump import input_records
from streams.kafka.topics import TOPICS, check_topics, ensure_topics, input_partition_count
from streams.settings import read_worker_settings

_DIFFERENT = 1

topics = typer.Typer(help="Make, check and dump the topics of the brokers in CREDITS_KAFKA_BROKERS.", rich_markup_mode=None)


@topics.callback()
def group() -> None:
    """Make, check and dump the topics of the brokers in CREDITS_KAFKA_BROKERS."""


@topics.command()
def create() -> None:
    """Make the topics that are missing, with CREDITS_PARTITION_COUNT partitions, and name them.

    Nothing is made where a topic that exists is not as it has to be.

    Exit status: 0 when all topics exist and are right; 2 where they are not, or Kafka does not answer.
    """
    settings = read_worker_settings(os.environ)
    made = asyncio.run(
        ensure_topics(settings.kafka, partition_count=settings.partition_count, replication_factor=settings.replication_factor)
    )
    _say_all(made or [f"all {len(TOPICS)} topics exist already"])


@topics.command()
def check() -> None:
    """Compare the topics with what they have to be, and name every difference.

    A worker does not start where there is one, but for topics that are missing, which it makes.

    Exit status: 0 when all topics are right; 1 where one is missing or differs; 2 where Kafka does not answer.
    """
    settings = read_worker_settings(os.environ)
    found = asyncio.run(check_topics(settings.kafka, partition_count=settings.partition_count))
    _say_all(found or [f"all {len(TOPICS)} topics are as they have to be"])
    raise typer.Exit(_DIFFERENT if found else 0)


@topics.command()
def dump(
    output: Annotated[
        Path | None, typer.Option(help="The file to write, which must not exist yet. Default: standard output.", metavar="FILE")
    ] = None,
) -> None:
    """Write the raw records of the input topics, as `credits fold` reads them.

    Exit status: 0 when all that lies in the topics now was written; 2 where it was not, and then no file is left behind.
    """
    servers = asked_servers()
    if output is None:
        asyncio.run(_dump(servers, sys.stdout.buffer))
        return
    try:
        with output.open("xb") as file:
            _dump_into(file, output, servers)
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}") from error


def _dump_into(file: BinaryIO, path: Path, servers: Connection) -> None:
    """Dump into a file, and remove it where it would hold less than all."""
    with contextlib.ExitStack() as unfinished:
        unfinished.callback(path.unlink)
        asyncio.run(_dump(servers, file))
        unfinished.pop_all()


async def _dump(servers: Connection, file: BinaryIO) -> None:
    partition_count = await input_partition_count(bootstrap_servers=servers)
    file.writelines(write_dump((), partition_count=partition_count))
    async for records in input_records(bootstrap_servers=servers):
        # The head of a dump stands once.
        file.writelines(itertools.islice(write_dump(records, partition_count=partition_count), 1, None))


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)

"""`credits topics`: what lies in the topics."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from schemas.dump import write_dump
from schemas.errors import SettingsError
from streams.kafka.dump import read_input_topics
from streams.settings import read_worker_settings

topics = typer.Typer(help="Look at the topics of the brokers in CREDITS_KAFKA_BROKERS.", rich_markup_mode=None)


@topics.callback()
def group() -> None:
    """Look at the topics of the brokers in CREDITS_KAFKA_BROKERS."""


@topics.command()
def dump(
    output: Annotated[
        Path | None, typer.Option(help="The file to write, which must not exist yet. Default: standard output.", metavar="FILE")
    ] = None,
) -> None:
    """Write the raw records of the input topics, as `credits fold` reads them."""
    brokers = ",".join(read_worker_settings(os.environ).brokers)
    partition_count, records = asyncio.run(read_input_topics(bootstrap_servers=brokers))
    lines = write_dump(records, partition_count=partition_count)
    if output is None:
        sys.stdout.buffer.writelines(lines)
        return
    try:
        with output.open("xb") as file:
            file.writelines(lines)
    except OSError as error:
        raise SettingsError(f"{output} cannot be written: {error.strerror}") from error

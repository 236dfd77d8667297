"""`credits wait`: until what was emitted is visible."""

import asyncio
from typing import Annotated

import typer

from streams.cli.dialogue import asked_servers
from streams.cli.progress import progress_shown
from streams.kafka.waiting import wait_until_visible


def wait(
    seconds: Annotated[
        int, typer.Option(help="Give up when worker or sink have not got on for so many seconds.", min=1, metavar="N")
    ] = 60,
) -> None:
    """Wait until everything that lies in the input topics now is derived and visible in ClickHouse.

    Exit status: 0 when it is visible; 2 where worker or sink stand still, or Kafka does not answer.
    """
    with progress_shown() as tell:
        asyncio.run(
            wait_until_visible(bootstrap_servers=asked_servers(), seconds=seconds, check=lambda: None, on_progress=tell)
        )

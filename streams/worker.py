"""Running a worker: `run_worker(settings)`, or `python -m streams.worker` with the settings in the environment.

SIGTERM and SIGINT end it cleanly, with exit code 0: no transaction is left open. What it cannot go on with ends it with another
exit code, for its supervisor to start it anew.
"""

import asyncio
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import faust

from schemas.errors import SettingsError, TransientError
from streams.app import build
from streams.files import read_catalog
from streams.logs import log_to_stderr
from streams.settings import WorkerSettings, read_worker_settings
from streams.topics import ensure_topics
from streams.transaction import refuse_optimized_python


def run_worker(settings: WorkerSettings) -> NoReturn:
    """Make or check the topics, then work until a signal or a bug ends it; raises SystemExit with 0 or 1.

    Raises SettingsError or TransientError where it cannot begin.
    """
    refuse_optimized_python()
    # Faust answers to signals only from its start on.
    signal.signal(signal.SIGTERM, _leave)
    catalog = read_catalog(settings.catalog)
    log_to_stderr(settings.log_level)
    asyncio.run(
        ensure_topics(
            settings.brokers, partition_count=settings.partition_count, replication_factor=settings.replication_factor
        )
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(build(settings, catalog), loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


def main() -> NoReturn:
    """Run a worker with the settings of the environment."""
    try:
        run_worker(read_worker_settings(os.environ))
    except (SettingsError, TransientError) as error:
        sys.exit(str(error))


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End before anything has begun."""
    raise SystemExit(0)


if __name__ == "__main__":
    main()

"""Running a worker: what `credits worker` does with its settings.

SIGTERM and SIGINT end it cleanly, with exit code 0: no transaction is left open. What it cannot go on with ends it with another
exit code, for its supervisor to start it anew.
"""

import asyncio
import gc
import signal
from dataclasses import replace
from types import FrameType
from typing import NoReturn

import faust

from streams.api.listening import refuse_open_listening
from streams.files import read_set_catalog
from streams.kafka.topics import ensure_topics
from streams.kafka.transaction import refuse_optimized_python
from streams.logs import log_to_stderr
from streams.settings import WorkerSettings
from streams.worker.app import build
from streams.worker.state_folder import held
from streams.worker.web import free_port


def run_worker(settings: WorkerSettings) -> NoReturn:
    """Make or check the topics, then work until a signal or a bug ends it; raises SystemExit with 0 or 1.

    Raises SettingsError or TransientError where it cannot begin.
    """
    refuse_optimized_python()
    refuse_open_listening(settings)
    settings = replace(settings, web_port=free_port(settings.web_host, settings.web_port))
    # Faust answers to signals only from its start on.
    signal.signal(signal.SIGTERM, _leave)
    catalog = read_set_catalog(settings.catalog)
    log_to_stderr(settings.log_level)
    asyncio.run(
        ensure_topics(settings.kafka, partition_count=settings.partition_count, replication_factor=settings.replication_factor)
    )
    with held(settings.state_folder):
        loop = asyncio.new_event_loop()
        # Parts of Faust take the loop of the thread when they are made.
        asyncio.set_event_loop(loop)
        app = build(settings, catalog)
        worker = faust.Worker(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
        worker.spinner = None
        # What is there now stays as long as the worker: looked through again and again, it would hold up the loop each time.
        gc.collect()
        gc.freeze()
        try:
            worker.execute_from_commandline()
        except SystemExit:
            if app.refusal is not None:
                raise app.refusal from None
            raise


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End before anything has begun."""
    raise SystemExit(0)

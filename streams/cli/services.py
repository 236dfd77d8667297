"""`credits worker` and `credits sink`: the two services, with the settings of the environment."""

import os

from streams.settings import read_sink_settings, read_worker_settings
from streams.sink.running import run_sink
from streams.worker.running import run_worker


def worker() -> None:
    """Keep the books: apply what comes in, commit, publish, until SIGTERM or SIGINT; settings come from the environment."""
    run_worker(read_worker_settings(os.environ))


def sink() -> None:
    """Carry published rows into ClickHouse, until SIGTERM or SIGINT; settings come from the environment."""
    run_sink(read_sink_settings(os.environ))

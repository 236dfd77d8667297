"""What every benchmark runs on: a folder of its own and a broker in it, untouched by the caller's settings."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.contenders import CHECKOUT
from streams.embedded.ports import with_free_ports
from streams.embedded.settings import read_settings
from streams.embedded.stack import Stack, running_stack


@contextlib.contextmanager
def data_folder(name: str) -> Iterator[Path]:
    """Give a folder that is removed at the end."""
    parent = CHECKOUT / ".data"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def stack_in(folder: Path) -> Iterator[Stack]:
    """Run the stack in a folder."""
    # Settings of the caller's own would count for the worker, and nobody could tell from the result.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("CREDITS_") or name == "CREDITS_JAVA"
    }
    settings = with_free_ports(read_settings(environment))
    with running_stack(settings, data_folder=folder, cache_folder=CHECKOUT / ".cache", environment=environment) as stack:
        yield stack


def settings_of(told: Iterable[str]) -> dict[str, str]:
    """Read settings that are told as NAME=VALUE."""
    return dict(one.split("=", 1) for one in told)

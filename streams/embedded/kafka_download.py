"""Fetching the jars of Apache Kafka.

The lock names artifacts and hashes only; where Maven artifacts are to be had is known to the package `jgo`, which needs
neither Maven nor Java for it.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from schemas.errors import TransientError
from streams.embedded.kafka_jars import Jar, check_jar

_ANSWER_SECONDS = 60
_TRIES = 3

Found = Callable[[int], None]


def download(jars: list[Jar], *, folder: Path, console: Console) -> None:
    """Fetch jars into a folder of this process's own, and move each to its name when its hash was found right.

    Raises `SettingsError` for a jar whose hash is wrong, `TransientError` where one is not to be had.
    """
    # Whatever an interrupted run left half lies in its own folder of this kind, and is removed with it.
    for left in folder.glob(".download-*"):
        shutil.rmtree(left, ignore_errors=True)
    arriving = folder / f".download-{os.getpid()}"
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            total = progress.add_task(f"fetching {len(jars)} jars of Kafka", total=None)
            resolver = PythonResolver(progress_callback=_counter(lambda count: progress.advance(total, count)))
            repository = MavenContext(resolver=resolver, repo_cache=arriving, local_repos=[], timeout=_ANSWER_SECONDS)
            for index, jar in enumerate(jars, 1):
                progress.update(total, description=f"fetching Kafka, jar {index} of {len(jars)}")
                path = _fetch(repository, jar)
                check_jar(path, jar)
                path.replace(folder / jar.file_name)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _counter(found: Found) -> Callable[[str, int], contextlib.AbstractContextManager[Found]]:
    """Give what jgo asks for to report progress: for each file, a context that takes the number of bytes that came."""

    @contextlib.contextmanager
    def report(_file_name: str, _total_bytes: int) -> Iterator[Found]:
        yield found

    return report


def _fetch(repository: MavenContext, jar: Jar) -> Path:
    """Fetch one artifact, trying again where the connection broke."""
    artifact = repository.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for tries_left in reversed(range(_TRIES)):
        try:
            return Path(artifact.resolve())
        except (OSError, RuntimeError) as error:
            # A broken transfer leaves a part that jgo would take for the whole.
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)
            # A broken connection is an OSError; a RuntimeError says that the artifact is not to be had.
            if tries_left == 0 or isinstance(error, RuntimeError):
                raise TransientError(
                    f"the jar {jar.file_name} of Kafka could not be fetched ({type(error).__name__}); is the network "
                    "there? Without one, --cache may name a folder that holds the jars"
                ) from error
    raise AssertionError("the last try returns or raises")

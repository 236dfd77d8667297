"""The jars of Apache Kafka: exactly those of the lock file, each checked by its SHA-256, kept in the cache folder.

The lock file names artifacts and hashes only; where Maven artifacts are to be had is known to the package `jgo`, which
needs neither Maven nor Java for it. Nothing is resolved here: `deploy/embedded/lock_kafka.py` does that when the lock is
made. A jar appears under its name only when it is whole and its hash is right.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from jgo.maven import MavenContext, PythonResolver
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from schemas.errors import SettingsError, TransientError

LOCK_FILE = Path(__file__).resolve().parents[2] / "deploy" / "embedded" / "kafka.lock"
KAFKA_ARTIFACT = "kafka_2.13"
_LINE = re.compile(r"([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+) ([0-9a-f]{64})")
_ANSWER_SECONDS = 60
_TRIES = 3

Found = Callable[[int], None]


class Jar(NamedTuple):
    """One locked artifact: its Maven coordinates and the SHA-256 of its jar in hexadecimal digits."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name of the jar in the cache folder."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(path: Path = LOCK_FILE) -> tuple[Jar, ...]:
    """Read the lock file: one line `group:artifact:version sha256` a jar, in class path order; `#` begins a comment line.

    Raises `SettingsError` naming the line that cannot be read, or the file that is not there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"the lock file of Kafka's jars cannot be read: {error}") from error
    jars = []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise SettingsError(f"{path.name}, line {number}: {line!r} is not 'group:artifact:version sha256'")
        jars.append(Jar(*match.groups()))
    if all(jar.artifact != KAFKA_ARTIFACT for jar in jars):
        raise SettingsError(f"{path.name} names no {KAFKA_ARTIFACT}; write it anew with deploy/embedded/lock_kafka.py")
    return tuple(jars)


def kafka_version(jars: Iterable[Jar]) -> str:
    """Give the version of Kafka that a lock is for."""
    return next(jar.version for jar in jars if jar.artifact == KAFKA_ARTIFACT)


def fetch_jars(jars: tuple[Jar, ...], *, cache_folder: Path, console: Console) -> list[Path]:
    """Give the jars in class path order, downloading those that `cache_folder`/kafka/<version> does not hold yet.

    Progress is shown on `console`. Every jar, also one that was there, is checked by its hash; one that does not match is
    deleted. Raises `SettingsError` naming that jar, or `TransientError` where the download fails; the jars fetched before
    stay and are used next time.
    """
    folder = cache_folder / "kafka" / kafka_version(jars)
    folder.mkdir(parents=True, exist_ok=True)
    # Two starts may share the cache; the second finds what the first has fetched.
    with (cache_folder / "kafka" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [jar for jar in jars if not _holds(folder / jar.file_name, jar)]
        if missing:
            _download(missing, folder=folder, console=console)
    return [folder / jar.file_name for jar in jars]


def _holds(path: Path, jar: Jar) -> bool:
    """Say whether the cache holds a jar; one whose hash is wrong is deleted and named."""
    if not path.exists():
        return False
    check_jar(path, jar)
    return True


def check_jar(path: Path, jar: Jar) -> None:
    """Check the jar at `path` by its hash; raises `SettingsError` naming it, and deletes it, where the hash is another."""
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != jar.sha256:
        path.unlink()
        raise SettingsError(
            f"the jar {jar.file_name} is not the locked one (SHA-256 {found[:16]}..., locked {jar.sha256[:16]}...); "
            "it was deleted, and the next start fetches it again"
        )


def _download(jars: list[Jar], *, folder: Path, console: Console) -> None:
    """Fetch jars into a folder of this process's own, and move each to its name when its hash was found right."""
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
                    f"the jar {jar.file_name} of Kafka could not be fetched ({type(error).__name__}); is the network there?"
                ) from error
    raise AssertionError("the last try returns or raises")

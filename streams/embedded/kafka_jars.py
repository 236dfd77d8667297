"""The jars of Apache Kafka: exactly those of the lock file, each checked by its SHA-256, kept in the cache folder.

Nothing is resolved here: `deploy/embedded/lock_kafka.py` does that when the lock is made. A jar appears under its name only
when it is whole and its hash is right; those that are missing are fetched by `kafka_download`.
"""

import fcntl
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from schemas.errors import SettingsError

LOCK_FILE = Path(__file__).resolve().parents[2] / "deploy" / "embedded" / "kafka.lock"
KAFKA_ARTIFACT = "kafka_2.13"
_LINE = re.compile(r"([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+):([A-Za-z0-9_.-]+) ([0-9a-f]{64})")


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"the folder {cache_folder} cannot be used ({error.strerror}); choose another with --cache"
        ) from error
    # Two starts may share the cache; the second finds what the first has fetched.
    with (cache_folder / "kafka" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [jar for jar in jars if not _holds(folder / jar.file_name, jar)]
        if missing:
            # Imported only here: workers and sink load this module too, and never fetch anything.
            from streams.embedded.kafka_download import download  # noqa: PLC0415

            download(missing, folder=folder, console=console)
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
            "it was deleted, and the next start fetches it again; --cache chooses another folder for downloads"
        )

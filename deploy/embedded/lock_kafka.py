# ruff: noqa: INP001 - a script beside what it writes, not a package
"""Write kafka.lock anew: resolve the jars of one Kafka version and note each one's SHA-256.

Usage: .venv/bin/python deploy/embedded/lock_kafka.py [VERSION]   (default: the version that is locked now)
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver

from schemas.errors import SettingsError
from streams.embedded.kafka_jars import KAFKA_ARTIFACT, LOCK_FILE, kafka_version, read_lock

_KAFKA_GROUP = "org.apache.kafka"
_LOGGING_GROUP = "org.apache.logging.log4j"
_LOGGING_BINDING = "log4j-slf4j-impl"
_AT_RUN_TIME = (None, "compile", "runtime")
_HEADER = "# The jars of Apache Kafka in class path order; written by lock_kafka.py, checked at every start.\n"


def resolve(version: str, *, repository: MavenContext) -> list[tuple[str, str, str]]:
    """Give the coordinates of everything that Kafka needs at run time, Kafka itself first, then by name.

    Kafka writes its log through SLF4J and brings Log4j, but no jar that joins the two: that one is added, of the version
    of the Log4j that was resolved.
    """
    kafka = repository.create_dependency(f"{_KAFKA_GROUP}:{KAFKA_ARTIFACT}:{version}")
    _, needed = repository.resolver.resolve([kafka])
    coordinates = {(each.groupId, each.artifactId, each.version) for each in needed if each.scope in _AT_RUN_TIME}
    logging_version = next(each[2] for each in coordinates if each[:2] == (_LOGGING_GROUP, "log4j-core"))
    coordinates.add((_LOGGING_GROUP, _LOGGING_BINDING, logging_version))
    return [(_KAFKA_GROUP, KAFKA_ARTIFACT, version), *sorted(coordinates)]


def lock(version: str) -> str:
    """Give the text of the lock file for a version of Kafka."""
    with tempfile.TemporaryDirectory() as folder:
        repository = MavenContext(resolver=PythonResolver(), repo_cache=Path(folder), local_repos=[], timeout=60)
        lines = []
        for group, artifact, artifact_version in resolve(version, repository=repository):
            jar = Path(repository.project(group, artifact).at_version(artifact_version).artifact().resolve())
            lines.append(f"{group}:{artifact}:{artifact_version} {hashlib.sha256(jar.read_bytes()).hexdigest()}\n")
    return _HEADER + "".join(lines)


def main() -> None:
    """Write the lock file for the version that the command line names, or for the one that is locked."""
    try:
        version = sys.argv[1] if len(sys.argv) > 1 else kafka_version(read_lock())
    except SettingsError as error:
        sys.exit(f"{error}\n{__doc__}")
    LOCK_FILE.write_text(lock(version), encoding="utf-8")


if __name__ == "__main__":
    main()

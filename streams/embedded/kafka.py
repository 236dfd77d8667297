"""The embedded Kafka broker: its configuration, its storage, formatted once, and the command that runs it."""

import shutil
import socket
import string
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from schemas.errors import SettingsError, TransientError
from streams.embedded.java import Java
from streams.embedded.kafka_jars import fetch_jars, kafka_version, read_lock
from streams.embedded.settings import EmbeddedSettings

HOST = "127.0.0.1"
_TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "embedded"
_CLUSTER_ID = "Y3JlZGl0c3RyZWFtLWVtYg"
"""Any constant will do: it only has to be the same at every start, and 16 bytes in URL-safe base 64."""
_FORMAT_SECONDS = 60
_TOOL_MEGABYTES = 256
_ANSWER_SECONDS = 2
_WARNS_OF_UNSAFE = 24
_BEYOND_ASCII = 128
_FIRST_READABLE = (4, 0)
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""A whole Kafka request: length, ApiVersions version 0, correlation 1, no client name."""


LOCALE = {"LC_ALL": "C.UTF-8"}
"""Set for Java, which reads the names of files by it."""


class KafkaRuntime(NamedTuple):
    """What runs Kafka: a Java, and the jars of one version of Kafka in class path order."""

    java: Java
    jars: tuple[Path, ...]
    version: str


def fetch_runtime(java: Java, *, cache_folder: Path, console: Console) -> KafkaRuntime:
    """Fetch the locked jars where the cache folder does not hold them yet; raises what `fetch_jars` raises."""
    locked = read_lock()
    jars = fetch_jars(locked, cache_folder=cache_folder, console=console)
    return KafkaRuntime(java, tuple(jars), kafka_version(locked))


def kafka_command(
    settings: EmbeddedSettings, runtime: KafkaRuntime, *, data_folder: Path, environment: Mapping[str, str]
) -> list[str]:
    """Make what the broker needs in the data folder, and give the command that runs it.

    The storage `data_folder`/kafka is formatted where there is none yet, with `environment`; the configuration is written
    beside it. Raises `SettingsError` where the storage is another cluster's or of a Kafka that this one cannot read, and
    `TransientError` where formatting fails.
    """
    storage = data_folder / "kafka"
    configuration = _write_configuration(settings, data_folder / "kafka.properties", storage=storage)
    if storage.exists():
        _check_storage(storage, version=runtime.version)
    else:
        tool = _java_command(runtime, heap_megabytes=_TOOL_MEGABYTES)
        _format_storage(settings, tool, storage=storage, environment=environment)
    (data_folder / "kafka-version").write_text(runtime.version + "\n", encoding="utf-8")
    broker = _java_command(runtime, heap_megabytes=settings.kafka_heap_megabytes)
    return [*broker, "kafka.Kafka", str(configuration)]


def kafka_answers(port: int, *, host: str = HOST) -> bool:
    """Say whether a broker on this port serves requests: it opens the port a good while before it does."""
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_SECONDS) as connection:
            connection.sendall(_API_VERSIONS)
            answer = connection.recv(10)
    except OSError:
        return False
    # Length, correlation, error code 0.
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)


def _java_command(runtime: KafkaRuntime, *, heap_megabytes: int) -> list[str]:
    """Give the beginning of a command that runs a main class of Kafka."""
    # What Kafka does with memory is told of in warnings from Java 24 on.
    quiet = ["--sun-misc-unsafe-memory-access=allow"] if runtime.java.version >= _WARNS_OF_UNSAFE else []
    return [
        str(runtime.java.path),
        *quiet,
        f"-Xmx{heap_megabytes}m",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "-Duser.timezone=UTC",
        f"-Dlog4j2.configurationFile={_TEMPLATES / 'log4j2.properties'}",
        "-cp",
        ":".join(str(jar) for jar in runtime.jars),
    ]


def _write_configuration(settings: EmbeddedSettings, path: Path, *, storage: Path) -> Path:
    """Fill in the template of the broker's configuration."""
    template = string.Template((_TEMPLATES / "kafka.properties").read_text(encoding="utf-8"))
    # Java reads properties as Latin-1, with everything beyond ASCII written as UTF-16 units.
    folder = str(storage).replace("\\", "\\\\").encode("utf-16-be")
    units = struct.unpack(f">{len(folder) // 2}H", folder)
    escaped = "".join(chr(unit) if unit < _BEYOND_ASCII else f"\\u{unit:04x}" for unit in units)
    text = template.substitute(port=settings.kafka_port, controller_port=settings.kafka_controller_port, log_folder=escaped)
    path.write_text(text, encoding="ascii")
    return path


def _format_storage(
    settings: EmbeddedSettings, java_command: list[str], *, storage: Path, environment: Mapping[str, str]
) -> None:
    """Format the storage under another name and rename it, so that an interrupted start leaves nothing half formatted."""
    half = storage.with_name("kafka.formatting")
    shutil.rmtree(half, ignore_errors=True)
    configuration = _write_configuration(settings, storage.with_name("kafka.formatting.properties"), storage=half)
    tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID, "--config", str(configuration)]
    formatted = subprocess.run(  # noqa: S603 - the Java was proved, the rest is written here
        [*java_command, *tool],
        capture_output=True,
        text=True,
        timeout=_FORMAT_SECONDS,
        check=False,
        env={**environment, **LOCALE},
    )
    configuration.unlink()
    if formatted.returncode != 0:
        last = (formatted.stderr + formatted.stdout).strip().splitlines()[-3:]
        raise TransientError(f"Kafka could not format its storage {storage}: {' '.join(last)}")
    half.rename(storage)


def _check_storage(storage: Path, *, version: str) -> None:
    """Refuse a storage that is not this stack's, or whose Kafka was a later one, or one too old to be read."""
    away = f"move {storage} away to begin anew, or choose another data folder"
    cluster_id = _property_of(storage / "meta.properties", "cluster.id")
    if cluster_id != _CLUSTER_ID:
        found = "has no meta.properties of Kafka" if cluster_id is None else f"belongs to the Kafka cluster {cluster_id}"
        raise SettingsError(f"the folder {storage} {found}, so it was not made by this stack; {away}")
    noted = storage.with_name("kafka-version")
    last = noted.read_text(encoding="utf-8").strip() if noted.exists() else version
    if not _FIRST_READABLE <= _numbers(last) <= _numbers(version):
        raise SettingsError(f"the folder {storage} was last used by Kafka {last}, which Kafka {version} cannot read; {away}")


def _property_of(path: Path, name: str) -> str | None:
    """Read one property of a Java properties file, or None where file or property are missing."""
    if not path.is_file():
        return None
    lines = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), None)


def _numbers(version: str) -> tuple[int, ...]:
    """Give a version's numbers for comparison; anything that is no version counts as too old."""
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)

"""Workers and sink as parts of the embedded stack: how they are started, each with names, folders and ports of its own."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from streams.api.listening import address_of, refuse_open_listening
from streams.embedded.addresses import Address, Kind
from streams.embedded.ports import check_port_free, free_ports, ports_beside
from streams.embedded.stack import Part, Stack
from streams.kafka.topics import ensure_topics
from streams.settings import WorkerSettings, given_texts, read_sink_settings, read_worker_settings

WORKER = (sys.executable, "-m", "streams", "worker")
SINK = (sys.executable, "-m", "streams", "sink")
_WORKER_PORT = "CREDITS_WEB_PORT"
_SINK_PORT = "CREDITS_SINK_WEB_PORT"


def services_of(stack: Stack) -> dict[str, str]:
    """Give the settings that tell a worker, the sink or a command where Kafka and ClickHouse are."""
    return {
        "CREDITS_KAFKA_BROKERS": stack.bootstrap_servers,
        "CREDITS_CLICKHOUSE_HOST": stack.clickhouse_host,
        "CREDITS_CLICKHOUSE_PORT": str(stack.clickhouse_port),
    }


def worker_environment(name: str, *, state_folder: Path, web_port: int) -> dict[str, str]:
    """Give the settings in which one worker of a stack differs from the others."""
    return {"CREDITS_MEMBER_NAME": name, "CREDITS_STATE_FOLDER": str(state_folder / name), _WORKER_PORT: str(web_port)}


def service_parts(stack: Stack, *, worker_count: int, environment: Mapping[str, str]) -> list[Part]:
    """Give the workers and the sink as parts, with the settings of an environment where those of the stack do not hold.

    The workers' pages are at CREDITS_WEB_PORT and the ports beside it. Raises `SettingsError` for a setting that will not do,
    and for a port that another program has.
    """
    whole = {**environment, **services_of(stack)}
    settings, sink_settings = read_worker_settings(whole), read_sink_settings(whole)
    state_folder = _state_folder(stack, settings, environment)
    sink_port = sink_settings.web_port or free_ports(1)[0]
    ports = ports_beside(settings.web_port, count=worker_count, taken={sink_port, *_ports_of(stack)}, setting=_WORKER_PORT)
    for port, setting in (*((port, _WORKER_PORT) for port in ports), (sink_port, _SINK_PORT)):
        check_port_free(port, setting=setting, host=settings.web_host)
    refuse_open_listening(settings)
    shared = {**services_of(stack), "CREDITS_CATALOG": str(settings.catalog.absolute()), **_certificates_of(settings)}
    tokens = {} if settings.tokens_file is None else {"CREDITS_TOKENS_FILE": str(settings.tokens_file.absolute())}
    workers = [
        Part(
            name,
            WORKER,
            {
                **shared,
                **tokens,
                **worker_environment(name, state_folder=state_folder, web_port=port),
                # One that is set would be that of all workers.
                "CREDITS_WEB_ADDRESS": address_of(replace(settings, web_address=None, web_port=port)),
            },
            Address(Kind.SERVICE, settings.web_host, port),
        )
        for name, port in zip(_member_names(settings, worker_count), ports, strict=True)
    ]
    sink = {**shared, "CREDITS_SINK_MEMBER_NAME": sink_settings.member_name or "sink", _SINK_PORT: str(sink_port)}
    return [*workers, Part("sink", SINK, sink, Address(Kind.SERVICE, settings.web_host, sink_port))]


def make_topics(stack: Stack, *, partition_count: int, replication_factor: int) -> None:
    """Make the topics before the workers do, so that what is wrong with them is said once, and here."""
    asyncio.run(
        ensure_topics(
            read_worker_settings({**stack.environment, **services_of(stack)}).kafka,
            partition_count=partition_count,
            replication_factor=replication_factor,
        )
    )


def _certificates_of(settings: WorkerSettings) -> dict[str, str]:
    """Give the files by which brokers are spoken to, by whole paths, since services run in a folder of their own."""
    files = {
        "CREDITS_KAFKA_CA_FILE": settings.kafka_ca_file,
        "CREDITS_KAFKA_CERTIFICATE_FILE": settings.kafka_certificate_file,
        "CREDITS_KAFKA_KEY_FILE": settings.kafka_key_file,
    }
    return {name: str(file.absolute()) for name, file in files.items() if file is not None}


def _member_names(settings: WorkerSettings, count: int) -> list[str]:
    """Name the workers after CREDITS_MEMBER_NAME, so that stacks on several machines can share a group."""
    return [f"{settings.member_name or 'worker'}-{number}" for number in range(1, count + 1)]


def _state_folder(stack: Stack, settings: WorkerSettings, environment: Mapping[str, str]) -> Path:
    """Give the folder in which each worker has its own: the one that is set, else one beside the stack's data."""
    is_set = "CREDITS_STATE_FOLDER" in given_texts(environment)
    return settings.state_folder.absolute() if is_set else stack.data_folder / "state"


def _ports_of(stack: Stack) -> set[int]:
    return {stack.settings.kafka_port, stack.settings.kafka_controller_port, stack.settings.clickhouse_port}

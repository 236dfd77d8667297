"""What commands ask and say: the environment where Kafka is, a person for consent, and a sentence for an answer."""

import os
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from creditstream.connection import Connection
from creditstream.registry import RegisteredNames, Registry
from schemas.codec import NO_REGISTRY
from schemas.errors import SettingsError
from streams.cli.tables import console_for_people
from streams.settings import RegistrySettings, read, read_worker_settings

YES = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


def asked_servers() -> Connection:
    """Give the way to the brokers that CREDITS_KAFKA_BROKERS names; raises SettingsError for a wrong setting."""
    return read_worker_settings(os.environ).kafka


def asked_registry() -> Registry | None:
    """Give the schema registry that CREDITS_SCHEMA_REGISTRY names; raises SettingsError for a wrong setting."""
    address = read(RegistrySettings, os.environ).registry
    return None if address is None else Registry(address)


def asked_names() -> Mapping[int, str]:
    """Give what the ids of that registry mean, asked for as they come up; without one they mean nothing."""
    registry = asked_registry()
    return NO_REGISTRY if registry is None else RegisteredNames(registry)


def confirm(question: str) -> bool:
    """Ask a question on standard error, and give whether it was answered with yes.

    Raises SettingsError where nobody answers.
    """
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        sys.stderr.write("\n")
        raise SettingsError("nobody answered, so nothing was done; --yes does it without asking")
    return answer.strip().lower() in ("y", "yes")


def say(sentence: str) -> None:
    """Print one line on standard output as it is, however long."""
    console_for_people().print(sentence, highlight=False, soft_wrap=True)

"""What commands ask and say: the environment where Kafka is, a person for consent, and a sentence for an answer."""

import os
import sys
from typing import Annotated

import typer

from schemas.errors import SettingsError
from streams.cli.tables import console_for_people
from streams.settings import read_worker_settings

YES = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


def asked_servers() -> str:
    """Give the brokers that CREDITS_KAFKA_BROKERS names, separated by commas; raises SettingsError for a wrong setting."""
    return ",".join(read_worker_settings(os.environ).brokers)


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

"""The command's entry: every command in one place, and every failure as one readable line."""

import io
import logging
import sys
from collections.abc import Callable

import typer
from typer.exceptions import TyperException

from schemas.errors import CreditsError, NotThereError
from streams.cli.accounts import balance, lots, snapshots, statement
from streams.cli.clock import clock
from streams.cli.csv_reports import report
from streams.cli.dead_letters import dead_letters
from streams.cli.demo import demo
from streams.cli.emit import emit
from streams.cli.explain import explain
from streams.cli.fold import fold
from streams.cli.grant import grant
from streams.cli.help_text import FIRST_STEPS, GroupedCommands
from streams.cli.listings import campaigns, conflicts, search
from streams.cli.migrate import migrate
from streams.cli.services import sink, worker
from streams.cli.token import token
from streams.cli.topics import topics
from streams.cli.up import down, status, up
from streams.cli.wait import wait

EXIT_NOT_THERE = 1
"""The exit status of a command that asked the books about what is not in them."""
EXIT_WRONG_USE = 2
"""The exit status of a command that cannot be carried out as asked."""
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="credits",
    cls=GroupedCommands,
    help="The credit ledger: who was granted credits, who used them, and which grant paid for what.",
    epilog=FIRST_STEPS,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_Command = Callable[..., None] | typer.Typer
_GROUPS: dict[str, dict[str, tuple[_Command, str]]] = {
    "Read the books (ClickHouse)": {
        "balance": (balance, "What a customer has, now or at another instant."),
        "snapshots": (snapshots, "The months of accounts: granted, used, expired, left."),
        "lots": (lots, "What each grant of a customer gave, and what is left of it."),
        "statement": (statement, "An account line by line, with the balance after each."),
        "explain": (explain, "Which lots paid for a use of credits, and why in this order."),
        "grant": (grant, "One grant: its promise, its void, and all that it paid."),
        "campaigns": (campaigns, "What campaigns sent and used, in all, by center or date."),
        "conflicts": (conflicts, "Accepted events that do not fit the rest of the books."),
        "search": (search, "Find something by the beginning of its id, or by its name."),
        "report": (report, "Reports as CSV: usage, campaigns, coins, hours."),
    },
    "Send events (Kafka)": {
        "emit": (emit, "Send events, and wait until Kafka has them."),
        "wait": (wait, "Wait until everything that was sent is in ClickHouse."),
        "dead-letters": (dead_letters, "What was refused and why; send it again."),
    },
    "Run it": {
        "up": (up, "Run Kafka, ClickHouse, workers and sink on this machine."),
        "down": (down, "End what up has started."),
        "status": (status, "How each part of it is."),
        "worker": (worker, "Keep the books, until SIGTERM."),
        "sink": (sink, "Carry the books into ClickHouse, until SIGTERM."),
        "migrate": (migrate, "Bring tables and views in ClickHouse up to date."),
        "topics": (topics, "Make, check and dump the topics."),
        "clock": (clock, "Whether history settles, and how far time has come."),
        "token": (token, "Make tokens for HTTP."),
    },
    "Try it on files": {
        "demo": (demo, "The examples through all of it, on this machine."),
        "fold": (fold, "The books of files of events, without any server."),
    },
}
"""All commands by who uses them, in the order of the help, each with the line that the help has for it."""

for _heading, _commands in _GROUPS.items():
    for _name, (_command, _line) in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name, short_help=_line, rich_help_panel=_heading)
        else:
            app.command(name=_name, short_help=_line, rich_help_panel=_heading)(_command)


def main() -> None:
    """Run the command that was typed; what it prints is UTF-8, whatever the locale says.

    Ends the process with 0 where all is well; else with one line on standard error and a status that is not 0. An
    exception that is no `CreditsError` is a bug and keeps its traceback.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    # What the clients complain of is said by the command, in one line.
    for client in ("aiokafka", "clickhouse_connect"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    try:
        # Whoever types nothing wants to know what there is.
        status = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
    except TyperException as error:
        # Typer says of a value that is none of several that it is a value error, which tells nobody anything.
        message = error.format_message().replace(": Value error, ", ": ")
        _end(f"{message} ('credits --help' shows how)", EXIT_WRONG_USE)
    except NotThereError as error:
        _end(str(error), EXIT_NOT_THERE)
    except CreditsError as error:
        _end(str(error), EXIT_WRONG_USE)
    except (typer.Abort, KeyboardInterrupt):
        _end("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone; nobody is left to be told
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _end(sentence: str, status: int) -> None:
    print(f"credits: {sentence}", file=sys.stderr)  # noqa: T201 -- the one place where a command speaks to a person's terminal
    sys.exit(status)

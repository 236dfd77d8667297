"""The command's entry: every command in one place, and every failure as one readable line."""

import io
import logging
import sys

import typer
from typer.exceptions import TyperException

from schemas.errors import CreditsError
from streams.cli.clock import clock
from streams.cli.dead_letters import dead_letters
from streams.cli.demo import demo
from streams.cli.emit import emit
from streams.cli.explain import explain
from streams.cli.fold import fold
from streams.cli.migrate import migrate
from streams.cli.services import sink, worker
from streams.cli.topics import topics
from streams.cli.up import down, status, up
from streams.cli.wait import wait

EXIT_WRONG_USE = 2
"""The exit status of a command that cannot be carried out as asked."""
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="credits",
    help="The credit ledger: fold events into books, explain a payment, run the whole of it on this machine.",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(fold)
app.command()(explain)
app.command()(demo)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(worker)
app.command()(sink)
app.command()(migrate)
app.command()(emit)
app.command()(wait)
app.add_typer(topics, name="topics")
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(clock, name="clock")


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
        _end(f"{error.format_message()} ('credits --help' shows how)", EXIT_WRONG_USE)
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

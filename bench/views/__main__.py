"""`make views`: how fast each view answers, for an organization with a million rows of the ledger and for one with 20,000."""

import argparse
import contextlib
import datetime as dt
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from bench import machine
from bench.contenders import CHECKOUT
from bench.report import table
from bench.staging import data_folder
from bench.views.asking import LIMIT_MILLISECONDS, Answers, ask_all
from bench.views.data import LARGE, SMALL_COUNT, Loaded, load, part_counts
from schemas.errors import CreditsError
from streams.clickhouse import ClickHouseAddress, connect
from streams.embedded.ports import HOST, with_free_ports
from streams.embedded.processes import Processes
from streams.embedded.settings import EmbeddedSettings
from streams.embedded.stack import gateway_answers, gateway_command

_RESULTS = CHECKOUT / "bench" / "results" / "views.json"
_PAGE = CHECKOUT / "docs" / "views-benchmark.md"
_HEAD = Path(__file__).with_name("page.md")
_HEADS = ("view", "asked for", "rows", "bytes", "median, ms", "p95, ms", "share above 100 ms")
_START_SECONDS = 60
_POLL_SECONDS = 0.05
_CALM_SECONDS = 120


class Options(NamedTuple):
    """What can be chosen, see `_parse`."""

    rows: int
    times: int
    keep: bool


class Section(NamedTuple):
    """The answers of one organization, with a title that says how much it has."""

    title: str
    answers: list[Answers]


def main(arguments: list[str]) -> int:
    """Load, ask, and print a table for each organization; gives the exit code."""
    options = _parse(arguments)
    load_before = os.getloadavg()[0]
    try:
        with data_folder("views") as folder, _client_in(folder) as client:
            loaded = load(client, row_count=options.rows)
            _wait_until_calm(client)
            sections = []
            for title, organization in _organizations(loaded):
                sections.append(Section(title, list(ask_all(client, loaded, organization=organization, times=options.times))))
                print(_shown(sections[-1]), flush=True)
            parts = part_counts(client)
    except CreditsError as error:
        print(error, file=sys.stderr)
        return 2
    if options.keep:
        _keep(sections, taken=_taken(arguments, load_before=load_before), parts=parts)
    return 0


def _parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="make views", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the ledger of the large organization")
    parser.add_argument("--times", type=int, default=20, help="how often each view is asked")
    parser.add_argument("--keep", action="store_true", help="keep the figures, and write docs/views-benchmark.md with them")
    return Options(**vars(parser.parse_args(arguments)))


def _organizations(loaded: Loaded) -> list[tuple[str, str]]:
    small = f"One of {SMALL_COUNT} organizations, each with {loaded.small_count:,} rows of the ledger"
    return [(f"An organization with {loaded.large_count:,} rows of the ledger", LARGE), (small, f"{LARGE}-1")]


@contextlib.contextmanager
def _client_in(folder: Path) -> Iterator[Client]:
    """Run an engine in a folder, and give a client of it."""
    settings = with_free_ports(EmbeddedSettings())
    with Processes(folder) as processes:
        command = gateway_command(settings, folder)
        processes.start("clickhouse", command, environment={**os.environ, "TZ": "UTC"}, folder=folder)
        _wait_for(processes, settings.clickhouse_port)
        with connect(ClickHouseAddress(HOST, settings.clickhouse_port)) as client:
            yield client


def _wait_for(processes: Processes, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not gateway_answers(port):
        processes.check()
        if time.monotonic() > deadline:
            raise CreditsError(f"the engine does not answer after {_START_SECONDS} s")
        time.sleep(_POLL_SECONDS)


def _wait_until_calm(client: Client) -> None:
    """Wait until nothing is merged any more, for two minutes at most: what is measured is asking, not loading."""
    deadline = time.monotonic() + _CALM_SECONDS
    while client.query("SELECT count() FROM system.merges").result_rows != [(0,)] and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _shown(section: Section) -> str:
    return f"## {section.title}\n\n{table(_HEADS, [_row(one) for one in section.answers])}"


def _row(answers: Answers) -> Sequence[str]:
    return (
        answers.view,
        answers.asked,
        f"{answers.row_count:,}",
        f"{answers.byte_count:,}",
        f"{answers.median:,.1f}",
        f"{answers.p95:,.1f}",
        f"{answers.slow_share:.0%}",
    )


def _keep(sections: Sequence[Section], *, taken: str, parts: object) -> None:
    """Keep all figures, and write the page."""
    content = {"taken": taken, "machine": machine.machine(), "parts": parts, "limit": LIMIT_MILLISECONDS, "sections": sections}
    _RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
    _PAGE.write_text("\n".join((_HEAD.read_text(encoding="utf-8"), *map(_shown, sections), f"{taken}\n")), encoding="utf-8")


def _taken(arguments: Sequence[str], *, load_before: float) -> str:
    """Say when, by which command, from which commit and on what the figures were taken."""
    commit, has_local_changes = machine.commit(CHECKOUT)
    told = machine.machine()
    said = " ".join(argument for argument in arguments if argument != "--keep")
    command = "make views" + (f" ARGS='{said}'" if said else "")
    return (
        f"`{command}`, {dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}, "
        f"commit {commit}{' with local changes' if has_local_changes else ''}, "
        f"{told['processor']}, {told['cores']} cores, {told['memory_megabytes']} MB, Python {told['python']}; "
        f"load before the start {load_before:.2f}."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make growth`: the figures that show that cost and memory do not grow with history, part by part."""

import argparse
import asyncio
import contextlib
import datetime as dt
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import machine
from bench.contenders import CHECKOUT
from bench.growth import folding, hot, ids, memory, newest, page, settling
from bench.growth.part import Part
from bench.growth.running import Place
from bench.report import table
from bench.staging import data_folder, settings_of, stack_in
from schemas.errors import CreditsError

_ACCOUNTS_OF_A_FOLD = 100_000


class Options(NamedTuple):
    """What can be chosen, see `_parse`."""

    only: list[str]
    histories: list[int]
    ids: int
    fold_events: int
    year_accounts: int
    year_sample: int
    events: int
    accounts: int
    hot_events: int
    partitions: int
    limit_seconds: float
    set: list[str]
    json: Path | None
    keep: bool

    @property
    def settings(self) -> dict[str, str]:
        """The settings that workers are given."""
        return settings_of(self.set)


def main(arguments: list[str]) -> int:
    """Measure the parts that are asked for, and print each as soon as it is there; gives the exit code."""
    options = _parse(arguments)
    # While topics are made anew, aiokafka warns of each partition that it asks too early about.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    load_before = os.getloadavg()[0]
    parts: dict[str, Part] = {}
    try:
        for name in options.only:
            parts[name] = _PARTS[name](options)
            print(f"## {parts[name].title}\n\n{table(parts[name].heads, parts[name].rows)}", flush=True)
    except CreditsError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json is not None:
        options.json.write_bytes(_kept(arguments, parts, load_before=load_before))
    if options.keep:
        page.keep(parts, taken=_taken(arguments, load_before=load_before), order=list(_PARTS))
    return 0


def _parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="make growth", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--only", type=_names, default=",".join(_PARTS), help="the parts, with commas between them")
    parser.add_argument(
        "--histories", type=_counts, default=",".join(map(str, newest.HISTORIES)), help="newest: uses before, the least first"
    )
    parser.add_argument("--ids", type=int, default=1_000_000, help="ids: how many are known")
    parser.add_argument("--fold-events", type=int, default=1_000_000, help="fold: events, the first grants among them")
    parser.add_argument("--year-accounts", type=int, default=2_000, help="year: accounts")
    parser.add_argument("--year-sample", type=int, default=50, help="year: accounts that are held against the plain model")
    parser.add_argument("--events", type=int, default=3_000_000, help="memory: events after the first grants")
    parser.add_argument("--accounts", type=int, default=300_000, help="memory: accounts")
    parser.add_argument("--hot-events", type=int, default=1_000_000, help="hot: uses of the account")
    parser.add_argument("--partitions", type=int, default=8, help="partitions of each topic")
    parser.add_argument("--limit-seconds", type=float, default=3600, help="how long one worker may take with its events")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the workers")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="keep all figures in a file as well")
    parser.add_argument("--keep", action="store_true", help="keep the figures, and write docs/growth.md anew with them")
    options = Options(**vars(parser.parse_args(arguments)))
    if not all("=" in setting for setting in options.set):
        parser.error("--set takes NAME=VALUE")
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= _PARTS.keys():
        raise argparse.ArgumentTypeError(f"the parts are {', '.join(_PARTS)}")
    return names


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def _newest(options: Options) -> Part:
    return newest.measure(options.histories)


def _ids(options: Options) -> Part:
    with data_folder("growth") as folder:
        return ids.measure(folder, id_count=options.ids)


def _fold(options: Options) -> Part:
    account_count = min(_ACCOUNTS_OF_A_FOLD, options.fold_events // 10)
    with data_folder("growth") as folder:
        return folding.measure(
            folder,
            event_count=options.fold_events - account_count,
            account_count=account_count,
            partition_count=options.partitions,
        )


def _year(options: Options) -> Part:
    return settling.measure(account_count=options.year_accounts, sample_count=options.year_sample)


def _memory(options: Options) -> Part:
    with _place(options) as place:
        return asyncio.run(memory.measure(place, event_count=options.events, account_count=options.accounts))


def _hot(options: Options) -> Part:
    with _place(options) as place:
        return asyncio.run(hot.measure(place, event_count=options.hot_events))


_PARTS: dict[str, Callable[[Options], Part]] = {
    "newest": _newest,
    "ids": _ids,
    "fold": _fold,
    "year": _year,
    "memory": _memory,
    "hot": _hot,
}


@contextlib.contextmanager
def _place(options: Options) -> Iterator[Place]:
    """Run Kafka, in a folder of its own, for the workers of one part."""
    with data_folder("growth") as folder, stack_in(folder) as stack:
        yield Place(stack, options.partitions, options.limit_seconds, options.settings)


def _kept(arguments: list[str], parts: dict[str, Part], *, load_before: float) -> bytes:
    """Write all figures, and on what they were taken."""
    content = {
        "taken": _taken(arguments, load_before=load_before),
        "machine": machine.machine(),
        "versions": machine.versions(),
        "parts": {name: part.figures for name, part in parts.items()},
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _taken(arguments: list[str], *, load_before: float) -> page.Taken:
    commit, has_local_changes = machine.commit(CHECKOUT)
    told = machine.machine()
    said = " ".join(argument for argument in arguments if argument != "--keep")
    return page.Taken(
        at=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        command="make growth" + (f" ARGS='{said}'" if said else ""),
        commit=commit + (" with local changes" if has_local_changes else ""),
        machine=f"{told['processor']}, {told['cores']} cores, {told['memory_megabytes']} MB, Python {told['python']}",
        load_before=load_before,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

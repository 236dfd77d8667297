"""`credits fold`: the books of files of events."""

import sys
from typing import Annotated

import typer

from projections.fold import fold as fold_records
from streams.cli import options
from streams.cli.log import name_refusals, read_asked_catalog, read_asked_log, with_lines
from streams.cli.tables import console_for_people, print_results
from streams.files import shuffled
from streams.fold_in_parts import fold_text, without_collector


def fold(
    files: options.FILES,
    catalog: options.CATALOG = options.DEFAULT_CATALOG,
    as_of: options.AS_OF = None,
    event_type: options.EVENT_TYPE = None,
    activity: options.ACTIVITY = None,
    shuffle: Annotated[
        int | None, typer.Option(help="Mix the topics anew by this seed; the order within each is kept.", metavar="SEED")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Apply so many records at a time. Default: all at once.", min=1, metavar="N")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(help="With --json, fold by so many processes. Default: one a processor.", min=1, metavar="N"),
    ] = None,
    as_json: options.JSON = False,
) -> None:
    """Fold files of events into books: balances, months, lots, payments, conflicts and refusals.

    A line that is refused is named on standard error by file, line and field; the others count all the same.
    """
    with without_collector():
        known = read_asked_catalog(catalog)
        log, asked = read_asked_log(files, as_of=as_of, event_type=event_type, activity=activity)
        records = log.records if shuffle is None else shuffled(log.records, seed=shuffle)
        if as_json:
            folded = fold_text(records, catalog=known, as_of=asked, batch_size=batch, processes=processes)
            name_refusals(log, folded.refusals)
            folded.write(sys.stdout)
            return
        results = fold_records(records, catalog=known, as_of=asked, batch_size=batch)
        name_refusals(log, results["refusals"])
        print_results(console_for_people(), {**results, "refusals": with_lines(log, results["refusals"])})

"""The page docs/benchmarks.md, written from a result: `python -m bench.report bench/results/NAME.json` writes it anew."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.contenders import AGENT, BARE_LOOP, CHECKOUT, WORKER
from bench.figures import FeedTold, Result, Summary, event_counts, read_result, summaries
from bench.steps import STEPS

PAGE = CHECKOUT / "docs" / "benchmarks.md"

_NAMES = {
    WORKER: "worker: exactly once, all committed",
    AGENT: "ordinary Faust agent, same books",
    BARE_LOOP: "bare aiokafka loop, decodes only",
}

_TEMPLATE = CHECKOUT / "bench" / "page.md"


def render(result: Result) -> str:
    """Write the whole page of a result."""
    counts, feed = event_counts(result), result.feed
    template = _TEMPLATE.read_text(encoding="utf-8")
    if len(counts) == 1:
        template = "".join(line for line in template.splitlines(keepends=True) if not line.startswith("- **Cut**"))
    return template.format(
        command=result.command,
        file_name=result.file_name,
        round_count=max(figure.round for figure in result.figures),
        tables="\n".join(_figures(result, count) for count in counts),
        event_count=feed.event_count,
        steps=_steps(result),
        settings=", ".join(f"{name}={value}" for name, value in result.settings.items()) or "default settings",
        opening_count=feed.opening_count,
        seed=feed.seed,
        partition_count=feed.partition_count,
        account_count=feed.counts["account"],
        kinds=_kinds(feed),
        least=counts[0],
        cut_share=counts[0] / counts[-1],
        taken_at=result.taken_at,
        commit=result.commit + (" with local changes" if result.has_local_changes else ""),
        machine="{processor}, {cores} cores, {memory_megabytes} MB, Linux {kernel}, Python {python}".format(**result.machine),
        load_before=result.load_before,
        versions=", ".join(f"{name} {version}" for name, version in result.versions.items()),
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table; all columns but the first and the last are figures, and stand to the right."""
    rules = ["---", *["---:"] * (len(heads) - 2), "---"]
    lines = ["| " + " | ".join(cells) + " |" for cells in (heads, rules, *rows)]
    return "\n".join(lines) + "\n"


def _figures(result: Result, event_count: int) -> str:
    whole = event_count == result.feed.event_count
    title = f"## {'All' if whole else 'The first'} {event_count:,} events\n\n"
    heads = ("contender", "events a second", "to the worker's", "processor µs an event", "all rounds")
    return title + table(heads, [_figure(summary) for summary in summaries(result, event_count=event_count, worker=WORKER)])


def _figure(summary: Summary) -> tuple[str, ...]:
    return (
        _NAMES[summary.contender],
        f"{summary.events_a_second:,.0f}",
        f"{summary.to_worker:.2f}",
        f"{summary.cpu_microseconds:,.0f}",
        f"{summary.least:,.0f} to {summary.greatest:,.0f}",
    )


def _steps(result: Result) -> str:
    total = sum(result.steps.values())
    rows = [(step, f"{result.steps[step]:,.1f}", f"{result.steps[step] / total:.0%}", what) for step, what in STEPS.items()]
    return table(("step", "µs an event", "share", "what it does"), [*rows, ("sum", f"{total:,.1f}", "100%", "")])


def _kinds(feed: FeedTold) -> str:
    shares = {name: count / feed.event_count for name, count in feed.counts.items() if name != "account"}
    ordered = sorted(shares.items(), key=lambda share: -share[1])
    return ", ".join(f"{name} {share:.1%}" for name, share in ordered)


if __name__ == "__main__":
    PAGE.write_text(render(read_result(Path(sys.argv[1]))), encoding="utf-8")

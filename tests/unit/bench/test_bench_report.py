"""The benchmark's result: kept whole as JSON, summed up by medians, and shown as the page says."""

import re

import pytest

from bench.contenders import AGENT, BARE_LOOP, CHECKOUT, WORKER
from bench.figures import FeedTold, Figure, Result, read_result, summaries, write_result
from bench.report import PAGE, render
from bench.steps import STEPS


def figure(number: int, contender: str, seconds: float, *, event_count: int = 1_000) -> Figure:
    return Figure(round=number, contender=contender, event_count=event_count, seconds=seconds, cpu_seconds=seconds / 2)


@pytest.fixture
def result() -> Result:
    """Give a result of three rounds, in the second of which the machine was slow."""
    return Result(
        taken_at="2026-05-15T12:00:00Z",
        command="make bench",
        commit="abc1234",
        has_local_changes=False,
        machine={"processor": "Abacus", "cores": 2, "memory_megabytes": 8000, "kernel": "6.1", "python": "3.11.7"},
        versions={"kafka": "4.3.0"},
        load_before=0.25,
        settings={},
        feed=FeedTold(
            seed=1,
            event_count=10_000,
            partition_count=8,
            opening_count=50,
            counts={"account": 2_500, "CreditConsumed": 9_000, "CreditGranted": 1_000, "duplicate": 500},
        ),
        figures=[
            *(figure(1, contender, seconds) for contender, seconds in ((WORKER, 0.5), (AGENT, 5.0), (BARE_LOOP, 0.02))),
            *(figure(2, contender, seconds) for contender, seconds in ((WORKER, 1.0), (AGENT, 8.0), (BARE_LOOP, 0.04))),
            *(figure(3, contender, seconds) for contender, seconds in ((WORKER, 0.4), (AGENT, 5.0), (BARE_LOOP, 0.02))),
            figure(3, WORKER, 4.0, event_count=10_000),
        ],
        steps=dict.fromkeys(STEPS, 10.0),
    )


def test_a_result_is_kept_whole(result, tmp_path):
    """What is read back from the file is what was measured; the file is named after day and commit."""
    path = write_result(result, tmp_path)
    assert path.name == "2026-05-15-abc1234.json"
    assert read_result(path) == result


def test_rounds_are_summed_up_by_medians(result):
    """Rates, and ratios within each round, are medians, so that one slow round says nothing."""
    worker, agent, bare_loop = summaries(result, event_count=1_000, worker=WORKER)
    assert (worker.events_a_second, worker.least, worker.greatest, worker.to_worker) == (2_000, 1_000, 2_500, 1.0)
    assert (agent.events_a_second, agent.to_worker) == (200, pytest.approx(0.1))
    assert (bare_loop.events_a_second, bare_loop.to_worker) == (50_000, pytest.approx(25))
    assert worker.cpu_microseconds == pytest.approx(250)


def test_the_page_shows_the_figures(result):
    """Each size of a run has its table, the steps have theirs with their sum, and the page says on what it was taken."""
    page = render(result)
    assert "| ordinary Faust agent, same books | 200 | 0.10 | 2,500 | 125 to 200 |" in page
    assert page.index("## The first 1,000 events") < page.index("## All 10,000 events") < page.index("## Step by step")
    assert f"| sum | {len(STEPS) * 10:.1f} | 100% |" in page
    assert "at commit abc1234 on Abacus, 2 cores, 8000 MB, Linux 6.1, Python 3.11.7" in page
    assert "**Cut**" in page


def test_a_run_that_cut_nothing_does_not_speak_of_a_cut(result):
    """Where the agent was given all events, there is one table and no word of a part."""
    page = render(
        Result(**{**{name: getattr(result, name) for name in result.__struct_fields__}, "figures": result.figures[:3]})
    )
    assert "**Cut**" not in page


def test_the_page_in_the_docs_shows_a_result_that_is_kept():
    """docs/benchmarks.md is the rendering of the result that it names, and nobody changed a figure by hand."""
    page = PAGE.read_text(encoding="utf-8")
    [file_name] = set(re.findall(r"\.\./bench/results/([\w.-]+\.json)", page))
    assert render(read_result(CHECKOUT / "bench" / "results" / file_name)) == page

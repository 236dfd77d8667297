"""The result of a run as it is kept: everything that was measured, and on what. Medians are computed from it, not kept."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement: in which round, of which contender, over how many events; wall and processor time in seconds."""

    round: int
    contender: str
    event_count: int
    seconds: float
    cpu_seconds: float


class FeedTold(msgspec.Struct, frozen=True, kw_only=True):
    """Which events they were: what makes them again, and what they consist of."""

    seed: int
    event_count: int
    partition_count: int
    opening_count: int
    counts: dict[str, int]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run; `steps` in microseconds an event, `load_before` the machine's load before anything was started."""

    taken_at: str
    command: str
    commit: str
    has_local_changes: bool
    machine: dict[str, str | int]
    versions: dict[str, str]
    load_before: float
    settings: dict[str, str]
    feed: FeedTold
    figures: list[Figure]
    steps: dict[str, float]

    @property
    def file_name(self) -> str:
        """The name of the file in which the result is kept."""
        return f"{self.taken_at[:10]}-{self.commit}.json"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a contender over all rounds; `to_worker` is its rate by that of the worker in the same round."""

    contender: str
    events_a_second: float
    least: float
    greatest: float
    cpu_microseconds: float
    to_worker: float


def write_result(result: Result, folder: Path) -> Path:
    """Keep a result; one of the same day and commit is replaced."""
    path = folder / result.file_name
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    return path


def read_result(path: Path) -> Result:
    """Read a result that was kept; raises `msgspec.ValidationError` for a file that is none."""
    return msgspec.json.decode(path.read_bytes(), type=Result)


def event_counts(result: Result) -> list[int]:
    """Give over how many events was measured, the least first."""
    return sorted({figure.event_count for figure in result.figures})


def summaries(result: Result, *, event_count: int, worker: str) -> list[Summary]:
    """Sum up, by medians over the rounds, what was measured over so many events; the contenders in their first order."""
    figures = [figure for figure in result.figures if figure.event_count == event_count]
    of_worker = {figure.round: figure for figure in figures if figure.contender == worker}
    return [
        _summary([figure for figure in figures if figure.contender == contender], lambda figure: of_worker[figure.round])
        for contender in dict.fromkeys(figure.contender for figure in figures)
    ]


def _summary(figures: Sequence[Figure], worker_in_round: Callable[[Figure], Figure]) -> Summary:
    rates = [figure.event_count / figure.seconds for figure in figures]
    return Summary(
        contender=figures[0].contender,
        events_a_second=median(rates),
        least=min(rates),
        greatest=max(rates),
        cpu_microseconds=median(figure.cpu_seconds / figure.event_count * 1e6 for figure in figures),
        to_worker=median(worker_in_round(figure).seconds / figure.seconds for figure in figures),
    )

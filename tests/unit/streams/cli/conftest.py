"""What the tests of the command share: the command itself, run within this process."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.cli import main

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it wrote."""

    status: int
    out: str
    err: str

    def sentence(self, status: int = 2) -> str:
        """Give the one line that a command failed with, and with which status; it is all that was written."""
        assert self.status == status
        assert self.out == ""
        assert self.err.startswith("credits: ")
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("credits: ").removesuffix("\n")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Give a function that runs `credits` with the arguments that it is given."""

    def run_credits(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["credits", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        written = capsys.readouterr()
        return Ended(int(ending.value.code or 0), written.out, written.err)

    return run_credits


@pytest.fixture
def catalog() -> Path:
    """Give the catalog of the examples."""
    return EXAMPLES / "catalog.toml"


@pytest.fixture
def feed() -> Callable[[str], Path]:
    """Give a function that gives the feed of an example."""
    return lambda name: EXAMPLES / name / "feed.toml"

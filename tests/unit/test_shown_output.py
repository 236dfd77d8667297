"""What README and docs show under a command that needs no stack is what the command prints."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/operating.md")
_PROGRAM = re.compile(r"^```python\n(.*?)```\n\n```\n(.*?)```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"^\$ credits (.*)\n((?:.+\n|\n(?!```))+)```", re.MULTILINE)


class Shown(NamedTuple):
    """A command as a page shows it, and the lines below it."""

    page: str
    arguments: list[str]
    lines: list[str]


def shown_commands() -> Iterator[Shown]:
    """Give the commands that work on files alone."""
    for page in PAGES:
        for arguments, output in _SHOWN.findall((CHECKOUT / page).read_text(encoding="utf-8")):
            words = arguments.split()
            if words[0] == "fold" or (words[0] == "explain" and "--events" in words):
                yield Shown(page, words, output.rstrip().splitlines())


SHOWN = list(shown_commands())


def test_there_are_commands_to_check():
    """The first look shows a fold and an explanation; the page on operating how a settled month is corrected."""
    assert [(shown.page, shown.arguments[0]) for shown in SHOWN] == [
        ("README.md", "fold"),
        ("README.md", "explain"),
        ("docs/operating.md", "fold"),
    ]


@pytest.mark.parametrize("shown", SHOWN, ids=[f"{shown.page} {shown.arguments[0]}" for shown in SHOWN])
def test_the_shown_output_is_real(shown):
    """Each line that is shown is printed, and nothing between two of them, but where `...` stands for what is left out."""
    program = Path(sys.executable).with_name("credits")
    run = subprocess.run([program, *shown.arguments], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    printed = [line.rstrip() for line in run.stdout.splitlines()]
    at, is_gap = 0, False
    for line in shown.lines:
        if line == "...":
            is_gap = True
            continue
        found = next(number for number in range(at, len(printed)) if printed[number].startswith(line))
        assert is_gap or found == at, f"{printed[at]!r} is printed where {line!r} is shown"
        at, is_gap = found + 1, False


def test_the_shown_programs_print_what_is_shown(capsys):
    """A program on the page about emitting, and below it what it prints."""
    programs = _PROGRAM.findall((CHECKOUT / "docs" / "emitting.md").read_text(encoding="utf-8"))
    assert programs
    for program, output in programs:
        exec(compile(program, "docs/emitting.md", "exec"), {})  # noqa: S102 -- it is our page
        assert capsys.readouterr().out == output

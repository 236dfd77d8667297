"""What the README shows is what the commands print."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^\$ (credits .*)\n((?:.+\n|\n(?!```))+)```", README, re.MULTILINE)


def test_there_are_commands_to_check():
    """The first look shows a fold and an explanation."""
    assert [command.split()[1] for command, _ in SHOWN] == ["fold", "explain"]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command.split()[1] for command, _ in SHOWN])
def test_the_shown_output_is_real(command, output):
    """Each line that the README shows under a command is printed by it, in this order; `...` stands for the rest."""
    program = Path(sys.executable).with_name("credits")
    run = subprocess.run([program, *command.split()[1:]], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    printed = [line.rstrip() for line in run.stdout.splitlines()]
    shown = [line for line in output.rstrip().splitlines() if line != "..."]
    assert [line[: len(expected)] for line, expected in zip(printed, shown, strict=False)] == shown

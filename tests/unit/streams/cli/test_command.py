"""The command as it is installed: `credits`, really started, as people and programs start it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from projections.fold import fold
from streams.cli.main import app
from streams.files import read_catalog
from tests.support.expected_figures import EXAMPLES, read_example

CREDITS = Path(sys.executable).with_name("credits")
SECONDS = 60


def started(*arguments, folder=EXAMPLES.parent, **environment):
    return subprocess.run(
        [CREDITS, *map(str, arguments)],
        capture_output=True,
        cwd=folder,
        env={**os.environ, **environment},
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def test_an_example_is_folded_as_its_page_says():
    """The command that stands in the documents gives the results of a fold."""
    ended = started("fold", "examples/care/feed.toml", "--catalog", "examples/catalog.toml", "--json", PYTHONIOENCODING="ascii")
    log, as_of = read_example("care")
    assert ended.returncode == 0
    assert json.loads(ended.stdout) == fold(log.records, catalog=read_catalog(EXAMPLES / "catalog.toml"), as_of=as_of)
    assert ended.stderr.splitlines()[0].startswith("examples/care/sessions.csv, line 15: invalid: amount ")


def test_help_says_what_there_is():
    """Asked for help or for nothing, the command names its commands; each command names its options."""
    for arguments in (("--help",), ()):
        ended = started(*arguments)
        assert ended.returncode == 0
        assert ended.stderr == ""
        assert all(f"\n  {name} " in ended.stdout for name in ("fold", "explain", "demo"))
    ended = started("fold", "--help")
    assert ended.returncode == 0
    assert all(
        name in ended.stdout for name in ("--catalog", "--as-of", "--type", "--activity", "--shuffle", "--batch", "--json")
    )


def test_a_command_that_there_is_not_is_said_in_a_sentence():
    """No traceback, one line, a status that is not 0."""
    ended = started("fodl")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("credits: No such command 'fodl'")
    assert ended.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    """`credits fold ... | head` ends without a traceback, also where there is more than a pipe holds."""
    events = tmp_path / "events.jsonl"
    line = (EXAMPLES / "care" / "top_ups.jsonl").read_text(encoding="utf-8").splitlines()[0]
    events.write_text(
        "\n".join(line.replace('"customer_id": "', f'"customer_id": "{n}-') for n in range(500)), encoding="utf-8"
    )
    command = [CREDITS, "fold", events, "--catalog", EXAMPLES / "catalog.toml", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait(timeout=SECONDS) != 0
        assert process.stderr.read() == b""


def test_every_command_has_a_whole_line_in_the_help():
    """Under the heading of who uses it; none of the lines is cut, and all of them fit a terminal of 80 columns."""
    help_page = started("--help", COLUMNS="80").stdout
    headings = ("Read the books (ClickHouse):", "Send events (Kafka):", "Run it:", "Try it on files:")
    assert [line for line in help_page.splitlines() if line in headings] == list(headings)
    commands = re.findall(r"^  ([a-z-]+) +(\S.*)$", help_page.partition(headings[0])[2], re.MULTILINE)
    assert len(commands) == len({name for name, _ in commands}) == len(app.registered_commands) + len(app.registered_groups)
    assert all(line.endswith(".") and not line.endswith("...") for _, line in commands)
    assert all(len(line) <= 80 for line in help_page.splitlines())
    assert "  credits balance ORGANIZATION CUSTOMER  what a customer has now\n" in help_page


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("credits ba", {"balance"}),
        ("credits report ", {"usage", "campaigns", "coins", "hours"}),
        ("credits campaigns harbor-desks --by ", {"center", "date"}),
        ("credits snapshots harbor-desks --fr", {"--from"}),
    ],
)
def test_a_shell_completes_what_is_typed(typed, offered):
    """Commands, options and the values that an option may have."""
    place = str(len(typed.split(" ")) - 1)
    ended = started(_CREDITS_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=place)
    assert ended.returncode == 0
    assert set(ended.stdout.split()) == offered


def test_the_completion_of_a_shell_can_be_shown_and_installed(tmp_path):
    """The shell that it is called from gets the script; once installed, a new shell knows it."""
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{CREDITS.parent}:{os.environ['PATH']}"}

    def bash(commands):
        words = ["bash", "--norc", "-c", f"{commands}; true"]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=SECONDS, check=True).stdout

    assert "complete -o default -F _credits_completion credits" in bash("credits --show-completion")
    assert not list(tmp_path.iterdir())
    assert "bash completion installed in" in bash("credits --install-completion")
    assert "_credits_completion" in bash(". ~/.bashrc; complete -p credits")

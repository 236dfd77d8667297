"""The commands that emit and operate: wrong use, nobody who answers, an interruption; each ends in one sentence."""

import io
import socket
import sys

import pytest
import typer

from schemas.errors import SettingsError, TransientError
from streams.cli import dialogue
from streams.cli import emit as emit_command
from streams.cli.clock import sentence_of
from streams.cli.main import app
from streams.kafka.control import Settlement

COMMANDS = (
    "emit", "wait", "topics create", "topics check", "topics dump", "dead-letters list", "dead-letters show",
    "dead-letters replay", "clock status", "clock open", "clock hold", "token new",
)  # fmt: skip
GROUPS = {"topics", "dead-letters", "clock", "token"}


@pytest.fixture
def servers(monkeypatch) -> str:
    """Give an address at which nothing answers, as that of the brokers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("CREDITS_KAFKA_BROKERS", address)
    return address


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_exit_statuses(command, run):
    """A script can rely on what the help says."""
    ended = run(*command.split(), "--help")
    assert ended.status == 0
    assert "Exit status: 0" in ended.out


def test_no_command_is_forgotten_here():
    """The list above is what these groups have."""
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    assert set(groups) >= GROUPS
    found = {
        f"{name} {command.name or command.callback.__name__}" for name in GROUPS for command in groups[name].registered_commands
    }
    assert {command for command in COMMANDS if " " in command} == found


@pytest.mark.parametrize(
    "arguments",
    [
        ("emit", "-"),
        ("wait",),
        ("topics", "create"),
        ("topics", "check"),
        ("topics", "dump"),
        ("dead-letters", "list"),
        ("dead-letters", "show", "credits.grants/0/1"),
        ("dead-letters", "replay", "--reason", "too_early"),
        ("clock", "status"),
        ("clock", "open", "--yes"),
        ("clock", "hold"),
    ],
)
def test_a_broker_that_does_not_answer_is_said_with_its_setting(arguments, run, servers):
    """Within seconds, with the address, and with what to do."""
    assert run(*arguments).sentence() == (
        f"Kafka at {servers} does not answer: say with CREDITS_KAFKA_BROKERS where it is, "
        "or start one on this machine with 'credits up'"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("emit",), "Missing argument 'FILE...'"),
        (("emit", "-", "-"), "standard input was named twice; it can be read once"),
        (("emit", "gone/feed.toml"), "there is no file gone/feed.toml"),
        (("wait", "--seconds", "0"), "Invalid value for '--seconds'"),
        (
            ("dead-letters", "list", "--topic", "credits.grant"),
            "--topic is 'credits.grant'; it must be one of credits.grants, ",
        ),
        (("dead-letters", "list", "--since", "noon"), "--since is 'noon'; it must be an instant with an offset"),
        (("dead-letters", "list", "--reason", "late"), "Invalid value for '--reason'"),
        (
            ("dead-letters", "show", "credits.grants/0"),
            "'credits.grants/0' is no place; it must be such as credits.grants/0/17",
        ),
        (("dead-letters", "replay"), "say what to send again: either places such as credits.grants/0/17, or one --reason"),
        (("dead-letters", "replay", "credits.grants/0/1", "--reason", "invalid"), "say what to send again: either places "),
        (("clock", "stop"), "No such command 'stop'"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(arguments, sentence, run, servers):
    """It is found out before anybody is asked."""
    assert servers
    assert run(*arguments).sentence().startswith(sentence)


@pytest.mark.parametrize(("answer", "is_yes"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False)])
def test_a_question_is_answered_with_yes_or_it_is_not(answer, is_yes, monkeypatch):
    """Whoever only presses the return key has not agreed."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert dialogue.confirm("Sure?") is is_yes


def test_nobody_who_answers_has_not_agreed(monkeypatch):
    """A script is told which option stands for the answer."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(SettingsError, match=r"^nobody answered, so nothing was done; --yes does it without asking$"):
        dialogue.confirm("Sure?")


@pytest.mark.parametrize(
    ("settlement", "sentence"),
    [
        (Settlement(False, None, None), "History does not settle: nobody has opened the clock yet ('credits clock open')."),
        (Settlement(True, 0, "ana@ops"), "History settles since 1970-01-01T00:00:00Z, as ana@ops said."),
        (
            Settlement(False, 0, "ana@ops"),
            "History does not settle: the clock is held since 1970-01-01T00:00:00Z, as ana@ops said.",
        ),
    ],
)
def test_settlement_is_said_in_a_sentence(settlement, sentence):
    """Whether, since when, and who said so."""
    assert sentence_of(settlement) == sentence


def spool_of(count: int) -> io.BytesIO:
    return io.BytesIO(b'["credits.voids", 0, null, null, 0, []]\n' * count)


def sending_that_ends_by(error: BaseException):
    async def send(records, *, bootstrap_servers, on_acknowledged):
        assert len(list(records)) == 9
        assert bootstrap_servers == "b:1"
        on_acknowledged(3)
        on_acknowledged(1)
        raise error

    return send


def test_an_outage_says_how_far_it_was(monkeypatch):
    """What was acknowledged is safe, and sending it once more harms nothing."""
    monkeypatch.setattr(emit_command, "send", sending_that_ends_by(TransientError("Kafka is gone")))
    with pytest.raises(TransientError) as refused:
        emit_command._send(spool_of(9), 9, "b:1")
    assert str(refused.value) == (
        "Kafka is gone; 4 of 9 records were acknowledged by then; send all of it again: copies change nothing"
    )


def test_an_interruption_says_how_far_it_was(monkeypatch, capsys):
    """The exit status is the one of an interruption."""
    monkeypatch.setattr(emit_command, "send", sending_that_ends_by(KeyboardInterrupt()))
    with pytest.raises(typer.Exit) as ended:
        emit_command._send(spool_of(9), 9, "b:1")
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == (
        "credits: interrupted; 4 of 9 records were acknowledged by then; send all of it again: copies change nothing\n"
    )

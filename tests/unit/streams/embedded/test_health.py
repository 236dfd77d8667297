"""How a stack is: what its supervisor wrote down, held against what answers now."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from streams.embedded.addresses import Address, Kind
from streams.embedded.folder_lock import locked
from streams.embedded.health import health_of
from streams.embedded.identity import Identity, identity_of, own_identity
from streams.embedded.ports import HOST, free_ports
from streams.embedded.processes import Noted
from streams.embedded.state import PartState, StackState, Used, write_state
from tests.support.http_answers import answering

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
READY = {"/readyz": (200, b"{}")}
NOT_READY = {"/readyz": (503, b"{}")}


def worker(port, **changed):
    address = Address(Kind.SERVICE, HOST, port)
    return PartState(**{"name": "worker-1", "address": address, "pid": os.getpid(), "since": LONG_AGO, **changed})


def health_with(folder, *parts, used=()):
    """Give the health of a stack whose supervisor is this process."""
    with locked(folder):
        write_state(folder, StackState(own_identity(), parts, used))
        return health_of(folder)


def test_a_part_that_answers_is_well(tmp_path):
    """So is the stack whose parts all are."""
    with answering(READY) as port:
        health = health_with(tmp_path, worker(port, restarts=4, endings=9, ending="exit code 1"))
    (part,) = health.parts
    assert (part.state, part.answers, part.is_well, part.restarts) == ("running", True, True, 4)
    assert (part.address, part.since) == (f"http://127.0.0.1:{port}", LONG_AGO)
    assert health.is_well


def test_a_part_that_runs_and_is_not_ready_is_not_well(tmp_path):
    """Neither one that answers that it is not ready, nor one that does not answer."""
    with answering(NOT_READY) as port:
        health = health_with(tmp_path, worker(port))
    assert (health.parts[0].state, health.is_well) == ("not ready", False)
    health = health_with(tmp_path, worker(free_ports(1)[0]))
    assert (health.parts[0].state, health.is_well) == ("not ready", False)


def test_a_part_that_has_ended_is_said_with_its_ending(tmp_path):
    """Whatever else may answer at its address meanwhile."""
    with answering(READY) as port:
        health = health_with(tmp_path, worker(port, pid=None, endings=1, ending="signal SIGKILL"))
    (part,) = health.parts
    assert (part.state, part.pid, part.answers) == ("ended (signal SIGKILL), is started again", None, False)
    assert not health.is_well


def test_a_part_that_keeps_ending_is_not_well_although_it_answers_just_now(tmp_path):
    """Three endings with less than a minute of life each, and less than ten seconds since."""
    with answering(READY) as port:
        health = health_with(tmp_path, worker(port, since=datetime.now(UTC), endings=3, ending="exit code 2"))
    assert (health.parts[0].state, health.parts[0].answers) == ("keeps ending (exit code 2)", True)
    assert not health.is_well


def test_what_runs_elsewhere_is_asked_too(tmp_path):
    """One of its addresses is enough; with none the stack is not well, though every part of its own is."""
    (closed,) = free_ports(1)
    with answering({"/ping": (200, b"Ok.\n"), **READY}) as port:
        addresses = tuple(Address(Kind.CLICKHOUSE, HOST, number) for number in (closed, port))
        health = health_with(tmp_path, worker(port), used=[Used("clickhouse", addresses, "CREDITS_CLICKHOUSE_HOST")])
        assert health.parts[0].state == "elsewhere (CREDITS_CLICKHOUSE_HOST)"
        assert health.is_well
        health = health_with(tmp_path, worker(port), used=[Used("clickhouse", addresses[:1], "CREDITS_CLICKHOUSE_HOST")])
        assert not health.is_well


def test_where_nothing_runs_that_is_said(tmp_path):
    """Also of a folder that is not there, which is not made by asking."""
    health = health_of(tmp_path / "missing")
    assert (health.trouble, health.is_well) == (f"nothing runs in {tmp_path / 'missing'}; 'credits up' starts it", False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"supervisor": [1, ""], "parts": []}'])
def test_a_start_that_is_not_through_is_said(tmp_path, content):
    """Until the supervisor has written its state; what an earlier one wrote, or half of it, says nothing."""
    with locked(tmp_path):
        if content is not None:
            (tmp_path / "state.json").write_bytes(content)
        health = health_of(tmp_path)
    assert (health.trouble, health.parts) == (f"process {os.getpid()} has {tmp_path} and is starting", ())


def test_what_a_killed_supervisor_left_is_named(tmp_path):
    """Its state says nothing any more; the children that still run do."""
    write_state(tmp_path, StackState(Identity(1, "another run of the machine"), [worker(1)]))
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as left:
        notes = [Noted("kafka", *identity_of(left.pid), 0), Noted("sink", left.pid, "earlier", 1)]
        (tmp_path / "processes.json").write_text(json.dumps([note._asdict() for note in notes]))
        health = health_of(tmp_path)
        left.kill()
    assert health.trouble == (
        f"the supervisor has ended and left kafka (process {left.pid}); 'credits down' ends them, 'credits up' starts anew"
    )
    assert not health.is_well

"""`credits migrate` on a real engine: it applies, shows and checks, and says in one sentence what is wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_fixtures import Gateway, gateway_running

from projections.statements import migrations
from streams.cli import main
from streams.clickhouse import connect
from streams.embedded.ports import free_ports
from tests.support.expected_figures import EXAMPLES


@pytest.fixture(scope="module")
def gateway(data_folder: Path) -> Iterator[Gateway]:
    with gateway_running(data_folder / "migrations") as running:
        yield running


@pytest.fixture
def migrate(gateway: Gateway, monkeypatch, capsys):
    """Give a function that runs the command in this process: it gives status, output and errors."""
    monkeypatch.setenv("CREDITS_CLICKHOUSE_PORT", str(gateway.address.port))
    monkeypatch.setenv("CREDITS_CATALOG", str(EXAMPLES / "catalog.toml"))

    def run(*options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["credits", "migrate", *options])
        with pytest.raises(SystemExit) as ending:
            main()
        return (int(ending.value.code or 0), *capsys.readouterr())

    return run


def test_migrations_are_shown_checked_and_applied(gateway, migrate):
    """Before: all pending, and looking changes nothing; applied once, then up to date; an unknown one is named."""
    known = migrations(generation=1)
    assert migrate("--check") == (1, "".join(f"{each.number:04} {each.name} is pending\n" for each in known), "")
    status, shown, _ = migrate("--show")
    assert status == 0
    lines = [line for line in shown.splitlines() if line.strip()]
    assert lines[0].split() == ["number", "name", "reason", "applied"]
    for line, migration in zip(lines[1:], known, strict=True):
        assert line.split()[:2] == [f"{migration.number:04}", migration.name]
        assert line.split()[-1] == "pending"
    assert known[0].reason in shown
    assert migrate() == (0, "".join(f"{each.number:04} {each.name}: applied\n" for each in known), "")
    assert migrate() == (0, "the tables are up to date\n", "")
    assert migrate("--check") == (0, "", "")
    assert "pending" not in migrate("--show")[1]
    with connect(gateway.address) as client:
        client.insert("credits_1.migrations", [[7, "from_later"]], column_names=["number", "name"])
    assert migrate("--check") == (1, "0007 from_later is not known to this release\n", "")
    assert migrate() == (
        2,
        "",
        "credits: credits_1 has migration 7, which this release does not know; use a newer release\n",
    )


def test_an_engine_that_is_away_is_one_sentence(migrate, monkeypatch):
    """It names the address, and no traceback is shown."""
    [port] = free_ports(1)
    monkeypatch.setenv("CREDITS_CLICKHOUSE_PORT", str(port))
    assert migrate("--show") == (2, "", f"credits: ClickHouse does not answer at 127.0.0.1:{port}: Connection refused\n")

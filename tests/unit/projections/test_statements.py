"""The statements that make tables and views: numbered without gaps, never changed, and each says what it is for."""

import hashlib
import re
from pathlib import Path

import pytest

import projections
from projections.columns import columns_of
from projections.described_views import Described, DescribedView, described_views, read_description
from projections.rows import TABLES
from projections.statements import migrations, tables_database, views
from schemas.errors import SettingsError

FOLDER = Path(projections.__file__).parent
MIGRATIONS = sorted((FOLDER / "migrations").glob("*.sql"))
VIEWS = sorted((FOLDER / "views").glob("*.sql"))
RELEASED = {
    "tables": "cda426991a8d7640",
    "refused_rows": "4352d6041447e6e5",
    "catalog": "98047f2a51204427",
    "deriving": "47b7a6e99fbd464e",
}
"""The beginning of a digest of each migration's statements; a new migration is added here, and none is ever changed."""
_PARAMETER = re.compile(r"\{(\w+):\w+\}")
_BEFORE_FINAL = re.compile(
    r"FROM credits_1\.(\w+) FINAL(?:\s+ARRAY JOIN [^\n]+)?\s+PREWHERE(.+?)\n\s*(?:WHERE|GROUP BY|UNION|LIMIT|\))", re.DOTALL
)
_COLUMNS = {table.name: {column.name for column in columns_of(table.row_type)} for table in TABLES}
_FIXED_COLUMNS = {table.name: set(table.row_type._fields[: table.key_length]) for table in TABLES} | {
    # A consumption is written down once, and its payment keeps what the consumption says.
    "ledger": _COLUMNS["ledger"],
    "allocations": {"organization_id", "customer_id", "occurred_at", "event_id", "credit_type", "month", "amount"},
}
"""The columns that all versions of a row share, by table: its key, and what one event says once and for all."""


def test_migrations_are_numbered_without_gaps():
    """The files are 0001, 0002 and so on, each with a name, and are read in that order."""
    assert [path.name[:5] for path in MIGRATIONS] == [f"{number:04}_" for number in range(1, len(MIGRATIONS) + 1)]
    found = migrations(generation=1)
    assert [f"{migration.number:04}_{migration.name}.sql" for migration in found] == [path.name for path in MIGRATIONS]


def test_each_migration_says_its_reason():
    """A migration's first line is its reason, as a sentence; each of its statements says what it makes."""
    for path, migration in zip(MIGRATIONS, migrations(generation=1), strict=True):
        first, after, *_ = path.read_text(encoding="utf-8").splitlines()
        assert first == f"-- {migration.reason}", path.name
        assert migration.reason.endswith("."), path.name
        assert after == "", path.name
        for statement in path.read_text(encoding="utf-8").split(";\n")[:-1]:
            assert "\n-- " in f"\n{statement}", path.name


def test_a_release_never_changes_what_another_has_applied():
    """Migrations go forward only: the statements of one that was released are as they were, to the letter."""
    for migration in migrations(generation=1):
        written = "\n".join(migration.statements).encode()
        assert hashlib.sha256(written).hexdigest()[:16] == RELEASED[migration.name], migration.name


def test_each_view_says_what_it_shows_and_names_its_parameters():
    """A view's comment describes all parameters that the statement asks for, and no more, and says what each column means."""
    described = {view.name: view for view in described_views()}
    assert list(described) == [path.stem for path in VIEWS]
    for path in VIEWS:
        view = described[path.stem]
        assert view.meaning.endswith("."), path.name
        assert view.columns, path.name
        parameters = [parameter.name for parameter in view.parameters]
        assert sorted(parameters) == sorted(set(_PARAMETER.findall(views(generation=1)[path.stem]))), path.name


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "-- Meaning.\n-- Columns:\n--   name: its name\nCREATE VIEW",
        "-- Meaning.\n--\n-- Columns\n--   name: its name\nCREATE VIEW",
        "-- Meaning.\n--\n--   name: its name\n-- Columns:\n--   name: its name\nCREATE VIEW",
        "-- Meaning.\n--\n-- Columns:\n--   name is its name\nCREATE VIEW",
        "Meaning.\n--\n-- Columns:\n--   name: its name\nCREATE VIEW",
    ],
)
def test_a_comment_of_another_form_is_refused(wrong):
    """Nothing of a comment is passed over in silence."""
    with pytest.raises(SettingsError, match="the comment of the view some"):
        read_description("some", wrong)


def test_a_description_is_read_into_its_parts():
    """Sentences are joined; a single word before a semicolon is a unit."""
    content = """-- What it is.
-- And more.
--
-- Parameters:
--   organization: id of the organization
-- Columns:
--   at: instant; when
--   text: what it says; in words
CREATE OR REPLACE VIEW"""
    assert read_description("some", content) == DescribedView(
        "some",
        "What it is. And more.",
        (Described("organization", "", "id of the organization"),),
        (Described("at", "instant", "when"), Described("text", "", "what it says; in words")),
    )


def test_each_view_bears_the_name_of_its_file_and_reads_the_newest_rows():
    """What a dashboard asks for is where it looks for it; every table is read with FINAL, so that versions stay hidden.

    Only `ingest_freshness` counts versions, since it tells what has come in.
    """
    made = views(generation=3)
    assert list(made) == [path.stem for path in VIEWS]
    for name, statement in made.items():
        assert statement.startswith(f"CREATE OR REPLACE VIEW credits.{name} AS\n")
        reads = re.findall(r"FROM credits_3\.\w+( FINAL)?", statement)
        assert reads
        assert not any(reads) if name == "ingest_freshness" else all(reads), name


def test_what_is_filtered_before_versions_are_told_apart_never_changes():
    """PREWHERE acts before FINAL: on a column that differs between versions it would show a version that was replaced."""
    for name, statement in views(generation=1).items():
        for table, condition in _BEFORE_FINAL.findall(statement):
            named = set(re.findall(r"\b[a-z_]+\b", condition)) & _COLUMNS[table]
            assert named <= _FIXED_COLUMNS[table], name


def test_coins_and_hours_are_reported_alike():
    """The two pairs of views differ in the credit type that they name, and in nothing else."""
    made = views(generation=1)
    for pair in (("coins_by_customer", "hourly_credits_by_customer"), ("coins_widgets", "hourly_credits_widgets")):
        coins, hours = (made[name].partition(" AS\n")[2] for name in pair)
        assert coins.count("credit_type = 'coins'") == 1
        assert hours == coins.replace("credit_type = 'coins'", "credit_type = 'hours'")


def test_statements_are_written_for_a_generation():
    """Nothing of a template is left, no comment either, and the tables lie in the generation's database."""
    for generation in (1, 12):
        statements = [statement for migration in migrations(generation=generation) for statement in migration.statements]
        for statement in (*statements, *views(generation=generation).values()):
            assert f" {tables_database(generation)}." in statement
            assert "{tables}" not in statement
            assert "{views}" not in statement
            assert "--" not in statement


def test_migrations_can_be_repeated():
    """A migration that was cut off is done again from its beginning, so each statement may find its work done."""
    for migration in migrations(generation=1):
        for statement in migration.statements:
            assert " IF NOT EXISTS " in statement, migration.name

"""The statements that make tables and views: numbered without gaps, never changed, and each says what it is for."""

import hashlib
import re
from pathlib import Path

import projections
from projections.statements import migrations, tables_database, views

FOLDER = Path(projections.__file__).parent
MIGRATIONS = sorted((FOLDER / "migrations").glob("*.sql"))
VIEWS = sorted((FOLDER / "views").glob("*.sql"))
RELEASED = {"tables": "cda426991a8d7640", "refused_rows": "4352d6041447e6e5"}
"""The beginning of a digest of each migration's statements; a new migration is added here, and none is ever changed."""
_PARAMETER = re.compile(r"\{(\w+):\w+\}")


def comment_of(path: Path) -> str:
    """Give the comment that a file starts with, as one line."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("-- "):
            break
        lines.append(line.removeprefix("-- "))
    return " ".join(lines)


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
    """A view's file starts with a comment whose line of parameters names all that the statement asks for, and no more."""
    for path in VIEWS:
        content = path.read_text(encoding="utf-8")
        lines = content.splitlines()
        assert lines[0].startswith("-- "), path.name
        named = next(line for line in lines if line.startswith("-- Parameters: ")).removeprefix("-- Parameters: ")
        asked = set(_PARAMETER.findall(content))
        assert asked == {word for word in re.findall(r"\w+", named) if word in asked or "_" in word}, path.name
        assert comment_of(path).endswith("."), path.name


def test_each_view_bears_the_name_of_its_file_and_reads_the_newest_rows():
    """What a dashboard asks for is where it looks for it; every table is read with FINAL, so that versions stay hidden."""
    made = views(generation=3)
    assert list(made) == [path.stem for path in VIEWS]
    for name, statement in made.items():
        assert statement.startswith(f"CREATE OR REPLACE VIEW credits.{name} AS\n")
        reads = re.findall(r"FROM credits_3\.\w+( FINAL)?", statement)
        assert reads
        assert all(reads), name


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

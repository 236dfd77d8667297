"""What the embedded ClickHouse refuses, and the many ways of writing it; and what must not be refused by mistake."""

import pytest

from streams.embedded.gateway_guard import Fault, Guard, Limits, mask, names_file_as_table

GUARD = Guard.for_engine(
    engines=["MergeTree", "ReplacingMergeTree", "Memory", "View", "Kafka", "URL", "File", "Atomic", "Filesystem"],
    functions=["file", "url", "s3", "executable", "remote", "python", "eval", "numbers", "view", "values", "format", "merge"],
    limits=Limits(memory_bytes=1_000, seconds=60),
)

REFUSED = [
    "CREATE TABLE k (a UInt8) ENGINE = Kafka",
    "create table k (a UInt8) engine=kafka('x')",
    "CREATE TABLE k (a UInt8) /* ENGINE = Memory */ ENGINE /* - */ Kafka",
    "CREATE TABLE k (a UInt8) ENGINE = `Kafka`",
    "CREATE TABLE k (a UInt8) ENGINE = SomethingNew",
    "CREATE TABLE n (a UInt8) ENGINE NATS",
    "CREATE TABLE n (a UInt8) ENGINE RabbitMQ",
    "CREATE DATABASE d ENGINE = Filesystem",
    "ATTACH TABLE k FROM '/tmp/x' (a UInt8) ENGINE = Memory",
    "CREATE DICTIONARY d (a UInt8) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'x' FORMAT 'TSV')) LAYOUT(FLAT())",
    "SELECT * FROM file('/etc/passwd')",
    "SELECT * FROM FILE  ('/etc/passwd')",
    "SELECT * FROM `file`('/etc/passwd')",
    "SELECT * FROM file/**/('/etc/passwd')",
    "SELECT * FROM file -- why\n('/etc/passwd')",
    "SELECT file('/etc/passwd')",
    "SELECT \u2018'\u2019, file('/etc/passwd'), \u2018'\u2019",
    "SELECT $a$'$a$, file('/etc/passwd')",
    "SELECT 'it''s', 'a\\'b', file('/etc/passwd')",
    "INSERT INTO FUNCTION url('http://x') SELECT 1",
    "INSERT INTO t VALUES (1), (file('/etc/passwd'))",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM python(x)",
    "SELECT * FROM '/etc/passwd.csv'",
    "SELECT * FROM numbers(3), 'a.csv'",
    "SELECT * FROM t AS u JOIN 'a.csv' AS v USING a",
    "SELECT * FROM ('a.csv')",
    "DESCRIBE TABLE 'a.csv'",
    "SELECT * FROM `/tmp/x.csv`",
    'SELECT * FROM "/tmp/x.csv"',
    "SELECT * FROM default.`\\x2ftmp\\x2fx.csv`",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "INSERT INTO t FROM INFILE '/tmp/x'",
    "SYSTEM SHUTDOWN",
    "-- a comment\n system flush logs",
    "BACKUP TABLE t TO File('/tmp/x')",
    "RESTORE TABLE t FROM File('/tmp/x')",
]

ALLOWED = [
    "SELECT 1;",
    "SELECT 'ENGINE = Kafka', 'file(1)', '; DROP TABLE t' FROM t",
    "SELECT engine, name FROM system.tables WHERE engine = 'Kafka'",
    "CREATE TABLE t (a UInt64) ENGINE = ReplacingMergeTree(a) ORDER BY a SETTINGS non_replicated_deduplication_window = 10",
    "CREATE TABLE t (engine String, file String) ENGINE = MergeTree ORDER BY (engine, file)",
    "CREATE VIEW v AS SELECT * FROM t WHERE engine = 'x' AND a = {a:UInt64}",
    "CREATE MATERIALIZED VIEW v TO t AS SELECT * FROM u",
    "CREATE DATABASE d ENGINE = Atomic",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, '/etc/passwd')",
    "SELECT * FROM t ARRAY JOIN ['x', 'y'] AS z",
    "SELECT * FROM t WHERE a IN ('x', 'y') AND b = 'c' ORDER BY a, 'x'",
    "SELECT a FROM t GROUP BY a, 'x' LIMIT 1",
    "WITH 'x' AS y SELECT y, 'z' FROM numbers(10) AS n, u",
    "SELECT `activity.booking_id`, sum(amount) FROM format(CSV, '1,2')",
    "SELECT position('a/b' IN c), concat('a', '/') FROM t",
    "SELECT 1 SETTINGS max_execution_time = 5, max_memory_usage = 1000",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_whatever_reaches_beyond_the_tables_is_refused(statement):
    """Case, comments, quotes and line ends make no difference."""
    with pytest.raises(Fault) as refused:
        GUARD.check(statement, parameters={})
    assert (refused.value.code, refused.value.name) == (344, "SUPPORT_IS_DISABLED")


@pytest.mark.parametrize("statement", ALLOWED)
def test_ordinary_statements_pass(statement):
    """Words inside strings, and names that only look like engines or functions, are nobody's business."""
    GUARD.check(statement, parameters={"a": "/not/a/table"})


def test_two_statements_in_one_are_refused_as_the_server_does():
    """A semicolon at the end, or in a string, is none between statements."""
    with pytest.raises(Fault, match="Multi-statements are not allowed"):
        GUARD.check("SELECT 1; DROP TABLE t", parameters={})


def test_a_parameter_that_is_a_name_cannot_be_a_path():
    """A table's name may come as a parameter; a file's may not."""
    statement = "SELECT * FROM {table:Identifier} WHERE a = {text:String}"
    GUARD.check(statement, parameters={"table": "t", "text": "x"})
    with pytest.raises(Fault, match="a path in the place of a name"):
        GUARD.check(statement, parameters={"table": "/data/x.csv", "text": "x"})


@pytest.mark.parametrize("value", ["0", "61", "1e9", "-1", "'61'", "inf", "nan", "{x:UInt64}"])
def test_a_statement_cannot_lift_its_own_limit(value):
    """A greater value, none at all, and what is no number are refused."""
    with pytest.raises(Fault) as refused:
        GUARD.check(f"SELECT 1 SETTINGS max_execution_time = {value}", parameters={})
    assert refused.value.code == 452


@pytest.mark.parametrize(
    "setting",
    [
        "`max_execution_time` = 0",
        '"max_execution_time" = 0',
        "max_execution_time/**/= 0",
        "max_execution_time -- why\n = 0",
        "max_execution_time = /**/ 0",
        "max_threads = 1, `max_memory_usage`=0",
        "max_memory_usage = DEFAULT",
    ],
)
def test_quotes_and_comments_hide_no_limit(setting):
    """The engine reads a setting's name in quotes, and with a comment behind it; so does the guard."""
    for statement in (f"SELECT 1 SETTINGS {setting}", f"SELECT * FROM (SELECT 1 SETTINGS {setting})", f"SET {setting}"):
        with pytest.raises(Fault) as refused:
            GUARD.check(statement, parameters={})
        assert refused.value.code == 452


def test_a_limit_below_the_limit_may_stand_in_quotes():
    """What asks for less passes, however it is written."""
    GUARD.check("SELECT 1 SETTINGS `max_execution_time` = '5', max_memory_usage/**/= 1000", parameters={})


def test_a_request_gets_the_limits_or_less():
    """Settings of the request are cut to the limits, and others are left as they are."""
    assert GUARD.capped({}) == {"max_execution_time": "60", "max_memory_usage": "1000"}
    asked = {"max_execution_time": "5", "max_memory_usage": "999999", "max_threads": "1"}
    assert GUARD.capped(asked) == {"max_execution_time": "5", "max_memory_usage": "1000", "max_threads": "1"}
    assert GUARD.capped({"max_execution_time": "nonsense"})["max_execution_time"] == "60"


def test_masking_keeps_the_words_and_drops_the_rest():
    """What a statement says stays readable; what it holds does not."""
    assert mask("SELECT `a b`, 'x' -- c\nFROM \"t\" /* d */") == "SELECT a_b, ''   FROM t  "


def test_strings_are_told_from_names_of_files():
    """Only a string in the place of a table counts."""
    assert names_file_as_table("FROM t, ''")
    assert not names_file_as_table("SELECT '' FROM t WHERE a = '', b = ''")

"""Settings from the environment and from a file: which of them wins, and what is said of a wrong name or a wrong file."""

import logging
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.settings import given_texts, read_sink_settings, read_worker_settings, with_whole_path
from streams.settings.document import EXAMPLE
from streams.settings.sources import SETTINGS


@pytest.fixture
def written(tmp_path):
    """Give what writes a file of settings and names it in an environment."""

    def write(text, **environment):
        file = tmp_path / "settings.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return {"CREDITS_SETTINGS": str(file), **environment}

    return write


def refusal(environment, read=read_worker_settings):
    """Give the sentence with which settings are refused."""
    with pytest.raises(SettingsError) as raised:
        read(environment)
    sentence = str(raised.value)
    assert "\n" not in sentence
    return sentence


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(written):
    """Each setting is looked for on its own; an empty one leaves it to the next place."""
    environment = written(
        'CREDITS_PARTITION_COUNT = 16\nCREDITS_BATCH_RECORDS = "17"\nCREDITS_SESSION_SECONDS = 18\nCREDITS_MEMBER_NAME = ""\n',
        CREDITS_PARTITION_COUNT="32",
        CREDITS_BATCH_RECORDS=" ",
    )
    settings = read_worker_settings(environment)
    assert (settings.partition_count, settings.batch_records, settings.session_seconds) == (32, 17, 18)
    assert (settings.member_name, settings.commit_milliseconds) == (None, 100)
    assert given_texts(environment) == {
        "CREDITS_PARTITION_COUNT": "32",
        "CREDITS_BATCH_RECORDS": "17",
        "CREDITS_SESSION_SECONDS": "18",
    }


def test_one_file_serves_all_kinds_of_process(written):
    """A worker does not mind what is set for the sink, nor the other way round; the example of the page is such a file."""
    environment = written(EXAMPLE + "CREDITS_SINK_BYTES = 65536\nCREDITS_WORKERS = 3\n")
    assert read_worker_settings(environment).partition_count == 64
    assert read_sink_settings(environment).batch_bytes == 65536


def test_a_bad_value_of_the_file_is_named_with_the_file(written):
    """The sentence says in which file the value is to be put right."""
    environment = written("CREDITS_PARTITION_COUNT = -1\n")
    file = environment["CREDITS_SETTINGS"]
    sentence = refusal(environment)
    assert sentence.startswith(f"CREDITS_PARTITION_COUNT is '-1' in {file}; it must be a whole number from 1 to 1024 (")


@pytest.mark.parametrize(
    ("line", "shown", "right"),
    [
        ("CREDITS_CLOCK = true", "CREDITS_CLOCK is True", "on or off"),
        ("CREDITS_SESSION_SECONDS = 7.5", "CREDITS_SESSION_SECONDS is 7.5", "a whole number"),
        ('CREDITS_CATALOG = ["a.toml"]', "CREDITS_CATALOG is ['a.toml']", "the path of a TOML file"),
        ('CREDITS_CLICKHOUSE_PASSWORD = ["hunter2"]', "CREDITS_CLICKHOUSE_PASSWORD is (hidden)", "a password"),
    ],
)
def test_only_texts_and_whole_numbers_of_the_file_are_settings(written, line, shown, right):
    """Whatever else TOML knows is refused by name, with what would be right, and without the secret."""
    sentence = refusal(written(line))
    assert sentence.startswith(f"{shown} in ")
    assert f"; it must be {right}" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("CREDITS_WORKRES = 3", "CREDITS_WORKRES (is CREDITS_WORKERS meant?)"),
        ("partition_count = 3", "partition_count (is CREDITS_PARTITION_COUNT meant?)"),
        ('CREDITS_SETTINGS = "other.toml"', "CREDITS_SETTINGS"),
        ("[kafka]\nCREDITS_PARTITION_COUNT = 3", "kafka"),
        ("a = 1\nb = 2\nCREDITS_CLOCK = 'on'", "a, b"),
    ],
)
def test_what_is_no_setting_is_refused_in_the_file(written, line, said):
    """It is refused by name, with the setting that is called much alike where there is one."""
    environment = written(line)
    assert refusal(environment) == f"{environment['CREDITS_SETTINGS']} sets what is no setting: {said}"


@pytest.mark.parametrize("text", ["CREDITS_CLOCK = on\n", "CREDITS_CLOCK: on\n", b"\xff\xfe\x00", "A = " + "1" * 5000])
def test_a_file_that_is_no_toml_ends_in_one_sentence(written, text):
    """The sentence names the variable and the file, and says where the trouble lies."""
    environment = written(text)
    assert refusal(environment).startswith(f"CREDITS_SETTINGS is '{environment['CREDITS_SETTINGS']}', which is no TOML: ")


def test_a_file_that_cannot_be_read_ends_in_one_sentence(tmp_path):
    """One that is not there, or is a folder, is named with the reason."""
    missing = tmp_path / "missing.toml"
    assert (
        refusal({"CREDITS_SETTINGS": str(missing)})
        == f"CREDITS_SETTINGS is '{missing}', which cannot be read: No such file or directory"
    )
    assert refusal({"CREDITS_SETTINGS": str(tmp_path)}).endswith("which cannot be read: Is a directory")


def test_a_variable_that_is_no_setting_is_only_warned_of_and_once(caplog):
    """Kubernetes puts such variables there; of one that is a slip of the pen, the warning names what was meant."""
    environment = {
        "CREDITS_PARTITION_COUNTS": "3",
        "CREDITS_SETINGS": "a.toml",
        "CREDITS_LEDGER_SERVICE_HOST": "10.0.0.1",
        "HOME": "/root",
        **dict.fromkeys(SETTINGS, ""),
    }
    with caplog.at_level(logging.WARNING):
        assert read_worker_settings(environment) == read_worker_settings({})
        read_sink_settings(environment)
    assert caplog.messages == [
        "CREDITS_PARTITION_COUNTS is set, which is no setting (is CREDITS_PARTITION_COUNT meant?)",
        "CREDITS_SETINGS is set, which is no setting (is CREDITS_SETTINGS meant?)",
        "CREDITS_LEDGER_SERVICE_HOST is set, which is no setting",
    ]


def test_a_child_in_another_folder_finds_the_file(written, monkeypatch, tmp_path):
    """A relative path is made whole; an environment that names no file stays as it is."""
    written("CREDITS_PARTITION_COUNT = 3")
    monkeypatch.chdir(tmp_path)
    whole = with_whole_path({"CREDITS_SETTINGS": "settings.toml", "HOME": "/root"})
    monkeypatch.chdir("/")
    assert read_worker_settings(whole).partition_count == 3
    assert whole == {"CREDITS_SETTINGS": str(Path(tmp_path, "settings.toml")), "HOME": "/root"}
    assert with_whole_path({"HOME": "/root"}) == {"HOME": "/root"}

"""Kafka's jars are exactly the locked ones: each is checked, and nothing half or wrong stays."""

import hashlib
import re

import pytest
from rich.console import Console

from schemas.errors import SettingsError, TransientError
from streams.embedded import kafka_download
from streams.embedded.kafka_jars import LOCK_FILE, Jar, fetch_jars, kafka_version, read_lock

CONTENT = b"the content of a jar"
HASH = hashlib.sha256(CONTENT).hexdigest()
KAFKA = Jar("org.apache.kafka", "kafka_2.13", "4.9.9", HASH)
OTHER = Jar("org.example", "other", "1.0", HASH)
QUIET = Console(quiet=True)


class Repository:
    """Stands for the place where artifacts are had: gives `content`, or raises what was said, a number of times."""

    def __init__(self, *, content=CONTENT, errors=()):
        self.content, self.errors, self.asked = content, list(errors), []

    def __call__(self, *, resolver, repo_cache, local_repos, timeout):
        """Stand in the place of the class `MavenContext`."""
        assert resolver is not None
        assert (local_repos, timeout) == ([], 60)
        self.folder = repo_cache
        return self

    def project(self, group, artifact):
        self.asked.append(f"{group}:{artifact}")
        return self

    def at_version(self, version):
        self.asked[-1] += f":{version}"
        return self

    def artifact(self):
        self.cached_path = self.folder / "arriving.jar"
        return self

    def resolve(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.errors:
            self.cached_path.write_bytes(b"half")
            raise self.errors.pop(0)
        self.cached_path.write_bytes(self.content)
        return self.cached_path


@pytest.fixture
def repository(monkeypatch):
    def install(**said):
        repository = Repository(**said)
        monkeypatch.setattr(kafka_download, "MavenContext", repository)
        return repository

    return install


def held(folder):
    return sorted(path.name for path in (folder / "kafka" / "4.9.9").iterdir())


def test_the_lock_names_jars_and_hashes_and_no_addresses():
    """One Kafka with what it needs to run and to log; no line says where anything is to be had."""
    jars = read_lock()
    assert kafka_version(jars).startswith("4.")
    assert {"kafka-clients", "log4j-slf4j-impl", "log4j-core", "slf4j-api"} <= {jar.artifact for jar in jars}
    assert len({(jar.group, jar.artifact) for jar in jars}) == len(jars)
    text = LOCK_FILE.read_text()
    assert re.search(r"://|www\.|\.com/|\.org/|maven", text) is None


def test_a_broken_lock_is_named_by_its_line(tmp_path):
    """A line that is cut, a lock without Kafka, and no lock at all are told apart."""
    lock = tmp_path / "kafka.lock"
    lock.write_text("# comment\norg.apache.kafka:kafka_2.13:4.9.9 abc\n")
    with pytest.raises(SettingsError, match=r"kafka.lock, line 2: '.*abc' is not"):
        read_lock(lock)
    lock.write_text("# comment\n")
    with pytest.raises(SettingsError, match=r"names no kafka_2\.13"):
        read_lock(lock)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_lock(tmp_path / "missing")


def test_jars_are_fetched_once_in_the_order_of_the_lock(tmp_path, repository):
    """The first start fetches, the next one asks nobody, and nothing else is left in the folder."""
    first = repository()
    paths = fetch_jars((KAFKA, OTHER), cache_folder=tmp_path, console=QUIET)
    assert [path.name for path in paths] == ["kafka_2.13-4.9.9.jar", "other-1.0.jar"]
    assert first.asked == ["org.apache.kafka:kafka_2.13:4.9.9", "org.example:other:1.0"]
    assert held(tmp_path) == ["kafka_2.13-4.9.9.jar", "other-1.0.jar"]
    second = repository()
    assert fetch_jars((KAFKA, OTHER), cache_folder=tmp_path, console=QUIET) == paths
    assert second.asked == []


def test_a_jar_of_another_content_is_named_and_not_kept(tmp_path, repository):
    """What arrives with another hash never gets the name of a jar."""
    repository(content=b"something else")
    with pytest.raises(SettingsError, match=r"kafka_2\.13-4\.9\.9\.jar is not the locked one"):
        fetch_jars((KAFKA,), cache_folder=tmp_path, console=QUIET)
    assert held(tmp_path) == []


def test_a_jar_that_went_bad_is_named_deleted_and_fetched_again(tmp_path, repository):
    """A jar in the cache is checked at every start."""
    repository()
    (path,) = fetch_jars((KAFKA,), cache_folder=tmp_path, console=QUIET)
    path.write_bytes(CONTENT[:5])
    with pytest.raises(SettingsError, match="it was deleted, and the next start fetches it again"):
        fetch_jars((KAFKA,), cache_folder=tmp_path, console=QUIET)
    assert not path.exists()
    assert fetch_jars((KAFKA,), cache_folder=tmp_path, console=QUIET) == [path]


def test_a_broken_connection_is_tried_again_and_leaves_nothing_half(tmp_path, repository):
    """Two breaks are overcome; a third is an outage, and the jars before it stay."""
    fetch = repository(errors=[ConnectionError("cut"), TimeoutError("silent")])
    fetch_jars((KAFKA,), cache_folder=tmp_path, console=QUIET)
    assert fetch.errors == []
    repository(errors=[ConnectionError("cut")] * 3)
    with pytest.raises(TransientError, match=r"other-1\.0\.jar of Kafka could not be fetched .ConnectionError."):
        fetch_jars((KAFKA, OTHER), cache_folder=tmp_path, console=QUIET)
    assert held(tmp_path) == ["kafka_2.13-4.9.9.jar"]


def test_what_an_interrupted_download_left_is_removed(tmp_path, repository):
    """A folder of a process that was killed while it fetched goes away with the next download."""
    left = tmp_path / "kafka" / "4.9.9" / ".download-1" / "part"
    left.mkdir(parents=True)
    repository()
    fetch_jars((KAFKA,), cache_folder=tmp_path, console=QUIET)
    assert held(tmp_path) == ["kafka_2.13-4.9.9.jar"]

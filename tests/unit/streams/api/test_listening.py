"""Where a worker listens: without tokens on its own machine only."""

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import SettingsError
from streams.api.listening import address_of, refuse_open_listening
from streams.settings import WorkerSettings, read_worker_settings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "worker-1", "localhost.example"])  # noqa: S104
def test_without_tokens_nobody_else_can_ask(host):
    """The sentence names both settings and what would be right."""
    settings = replace(WorkerSettings(), web_host=host)
    with pytest.raises(SettingsError, match=r"^CREDITS_WEB_HOST is .*CREDITS_TOKENS_FILE is not set; .*must be 127\.0\.0\.1"):
        refuse_open_listening(settings)
    refuse_open_listening(replace(settings, tokens_file=Path("tokens.toml")))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_its_own_machine_can_ask_without(host):
    """As on a laptop."""
    refuse_open_listening(replace(WorkerSettings(), web_host=host))


def test_the_address_for_other_workers_is_where_it_listens_or_what_is_set():
    """Where it listens at every address it is the machine's name."""
    settings = replace(WorkerSettings(), web_host="192.0.2.7", web_port=18080)
    assert address_of(settings) == "http://192.0.2.7:18080"
    assert address_of(replace(settings, web_host="::1")) == "http://[::1]:18080"
    everywhere = address_of(replace(settings, web_host="0.0.0.0"))  # noqa: S104
    assert everywhere.startswith("http://")
    assert "0.0.0.0" not in everywhere  # noqa: S104
    assert address_of(replace(settings, web_address="http://worker-1:80")) == "http://worker-1:80"


@pytest.mark.parametrize("text", ["worker-1:18080", "http://", "http://a:1/path", "ftp://a:1", "http://a b"])
def test_an_address_that_is_none_is_refused(text):
    """A path, or no scheme, would send other workers astray."""
    with pytest.raises(SettingsError, match=r"^CREDITS_WEB_ADDRESS is .*must be an address such as http://worker-1:18080"):
        read_worker_settings({"CREDITS_WEB_ADDRESS": text})

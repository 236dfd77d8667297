"""Who may ask: the file of tokens, what is wrong with one, and that it is read again when it changed."""

import logging
import os

import pytest

from schemas.errors import SettingsError
from streams.api import tokens as under_test
from streams.api.tokens import Role, Tokens, digest_of, new_token, parse_tokens
from streams.cli.token import lines_of
from tests.support.http_serving import DIGEST, entry


def test_a_token_is_known_by_its_digest(tmp_path):
    """The file holds no token; one that is not in it is nobody's."""
    file = tmp_path / "tokens.toml"
    file.write_text(entry() + entry("all", digest=digest_of("other"), organizations='"*"', roles='["operator", "emitter"]'))
    tokens = Tokens(file)
    billing, everywhere = tokens.caller_of("secret"), tokens.caller_of("other")
    assert (billing.name, billing.roles) == ("billing", {Role.READER})
    assert billing.is_of("o1")
    assert not billing.is_of("o2")
    assert everywhere.is_of("o2")
    assert everywhere.roles == {Role.OPERATOR, Role.EMITTER}
    for unknown in ("", "Secret", DIGEST, "secret ", "\udcff"):
        assert tokens.caller_of(unknown) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tokens = [", "it is not TOML"),
        ("[people.a]", "must hold tables such as"),
        ("[tokens.a]", "must have exactly sha256, organizations, roles"),
        (entry() + "token = 'secret'\n", "must have exactly"),
        (entry(digest="secret"), "never the token"),
        (entry(digest=DIGEST.upper()), "64 digits"),
        (entry(organizations='"o1"'), "organizations must be a list of ids"),
        (entry(organizations='["a|b"]'), "organizations must be a list of ids"),
        (entry(roles="[]"), "roles must be a list of reader, emitter, operator"),
        (entry(roles='["admin"]'), "roles must be a list"),
        (entry() + entry("two"), "the same sha256"),
    ],
)
def test_a_file_that_will_not_do_stops_the_start(text, sentence, tmp_path):
    """The sentence names the setting, the file and the entry."""
    file = tmp_path / "tokens.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=f"^CREDITS_TOKENS_FILE is .*tokens.toml.*{sentence}"):
        Tokens(file)


def test_a_file_that_is_not_there_stops_the_start(tmp_path):
    """Else nobody could ask, and nobody would know why."""
    with pytest.raises(SettingsError, match=r"^CREDITS_TOKENS_FILE is .*there is no file"):
        Tokens(tmp_path / "none.toml")


def test_the_file_is_read_again_when_it_has_changed(tmp_path, monkeypatch, caplog):
    """A token that was taken out is not known any more; a damaged file changes nothing, and is told."""
    now = [100.0]
    monkeypatch.setattr(under_test.time, "monotonic", lambda: now[0])
    file = tmp_path / "tokens.toml"
    file.write_text(entry())
    tokens = Tokens(file)

    def rewritten(text):
        file.write_text(text)
        os.utime(file, ns=(int(now[0]) * 10**9, int(now[0]) * 10**9))
        now[0] += 2

    rewritten(entry("later", digest=digest_of("new")))
    assert (tokens.caller_of("secret"), tokens.caller_of("new").name) == (None, "later")
    with caplog.at_level(logging.ERROR):
        rewritten("damaged")
        assert tokens.caller_of("new").name == "later"
    assert "the tokens that were read last still stand: CREDITS_TOKENS_FILE" in caplog.text
    rewritten(entry())
    assert tokens.caller_of("secret").name == "billing"


def test_a_new_token_is_long_and_its_lines_are_a_file():
    """What `credits token new` prints can be appended to a file as it is."""
    drawn = {new_token() for _ in range(100)}
    assert len(drawn) == 100
    assert min(map(len, drawn)) >= 43
    lines = lines_of('the "first"', digest_of("x"), organizations=["o1", "ö"], roles=[Role.READER])
    [made] = parse_tokens(lines)
    assert made.caller == ('the "first"', {"o1", "ö"}, {Role.READER})
    [everywhere] = parse_tokens(lines_of("a", DIGEST, organizations=["o1", "*"], roles=[Role.READER]))
    assert everywhere.caller.organizations is None

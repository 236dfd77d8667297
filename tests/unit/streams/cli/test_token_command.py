"""`credits token new`: a token that is shown once, and the lines by which workers know it."""

import pytest

from streams.api.tokens import Role, Tokens, digest_of


def test_the_lines_are_a_file_that_knows_the_token(run, tmp_path):
    """Appended to a file that has others, with the token on standard error and nowhere else."""
    file = tmp_path / "tokens.toml"
    first = run("token", "new", "desk", "--organization", "o1", "--organization", "o2", "--role", "reader")
    second = run("token", "new", 'the "shop"', "--organization", "*", "--role", "emitter", "--role", "operator")
    assert (first.status, second.status) == (0, 0)
    file.write_text(first.out + second.out, encoding="utf-8")
    tokens = Tokens(file)
    drawn = [ended.err.strip().rpartition(": ")[2] for ended in (first, second)]
    desk, shop = [tokens.caller_of(token) for token in drawn]
    assert desk == ("desk", {"o1", "o2"}, {Role.READER})
    assert shop == ('the "shop"', None, {Role.EMITTER, Role.OPERATOR})
    for token, ended in zip(drawn, (first, second), strict=True):
        assert token not in ended.out
        assert digest_of(token) in ended.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("desk", "--organization", "a|b", "--role", "reader"), "organizations must be a list of ids"),
        (("desk", "--organization", "o1", "--role", "admin"), "'--role'"),
        (("desk", "--organization", "o1"), "'--role'"),
        (("desk", "--role", "reader"), "'--organization'"),
    ],
)
def test_what_cannot_be_a_token_is_said(arguments, sentence, run):
    """In one sentence, and no token is drawn."""
    ended = run("token", "new", *arguments)
    assert ended.status == 2
    assert ended.out == ""
    assert sentence in ended.err
    assert "shown only now" not in ended.err

"""`credits token new`: a token for HTTP, told once, and the lines by which workers know it (docs/http.md)."""

import json
from typing import Annotated

import typer

from schemas.errors import SettingsError
from streams.api.tokens import EVERY, Role, digest_of, new_token, parse_tokens
from streams.cli.dialogue import say

token = typer.Typer(help="Make tokens for HTTP (docs/http.md).", rich_markup_mode=None)


@token.callback()
def group() -> None:
    """Make tokens for HTTP (docs/http.md)."""


@token.command()
def new(
    name: Annotated[str, typer.Argument(help="What the token is called, in answers and in the log.", metavar="NAME")],
    organization: Annotated[
        list[str], typer.Option(help="An organization's id, or * for every one; may be given several times.", metavar="ID")
    ],
    role: Annotated[list[Role], typer.Option(help="What it is for; may be given several times.")],
) -> None:
    """Draw a token and print the lines that the file of CREDITS_TOKENS_FILE needs; the token itself is shown here only.

    The lines go to standard output, so that they can be appended to the file; the token goes to standard error.

    Exit status: 0; 2 for a name or an organization that cannot be used.
    """
    drawn = new_token()
    lines = lines_of(name, digest_of(drawn), organizations=organization, roles=role)
    try:
        parse_tokens(lines)
    except SettingsError as error:
        raise SettingsError(f"there is no such token: {error}") from error
    typer.echo(f"the token of {name}, which is shown only now: {drawn}", err=True)
    say(lines.rstrip("\n"))


def lines_of(name: str, digest: str, *, organizations: list[str], roles: list[Role]) -> str:
    """Write a token as the file of tokens has it."""
    good_for = EVERY if EVERY in organizations else organizations
    # What JSON writes of texts and of lists of them is TOML too.
    return (
        f"[tokens.{json.dumps(name, ensure_ascii=False)}]\n"
        f"sha256 = {json.dumps(digest)}\n"
        f"organizations = {json.dumps(good_for, ensure_ascii=False)}\n"
        f"roles = {json.dumps([one.value for one in roles])}\n"
    )

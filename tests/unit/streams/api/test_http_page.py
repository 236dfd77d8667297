"""docs/http.md: every answer that it shows is one that docs/openapi.json has, and it names every path, role and setting."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from streams.api.openapi import openapi
from streams.api.tokens import Role
from streams.settings import WorkerSettings, settings_of

TEXT = (Path(__file__).parents[4] / "docs" / "http.md").read_text(encoding="utf-8")
_SHOWN = re.compile(
    r"^\$ curl (?P<command>.*?http://127\.0\.0\.1:18080(?P<path>[^\s'?]*).*?)\n(?P<answer>\{.*?)\n```$",
    re.MULTILINE | re.DOTALL,
)
SHOWN = [(match["path"], match["command"], match["answer"]) for match in _SHOWN.finditer(TEXT)]
PAGE = openapi()


def test_each_question_is_shown():
    """One of each, and an error."""
    assert [path.split("/")[2] for path, _, _ in SHOWN] == ["events", "events", "balances", "explain", "balances"]


@pytest.mark.parametrize(("path", "command", "answer"), SHOWN)
def test_each_answer_that_is_shown_is_documented(path, command, answer):
    """It conforms to the schema of one of the statuses that the path has."""
    method = "post" if "--data" in command else "get"
    template = next(one for one in PAGE["paths"] if one.split("/")[:3] == path.split("/")[:3])
    responses = PAGE["paths"][template][method]["responses"].values()
    schemas = [response["content"]["application/json"]["schema"] for response in responses]
    checks = [Draft202012Validator({**schema, "components": PAGE["components"]}) for schema in schemas]
    assert any(check.is_valid(json.loads(answer)) for check in checks)


def test_it_names_every_path_role_status_and_setting():
    """What is added to the interface is added here."""
    assert [path for path in PAGE["paths"] if f" {path}`" not in TEXT] == []
    assert [role for role in Role if f"| {role} |" not in TEXT] == []
    statuses = {status for path in PAGE["paths"].values() for one in path.values() for status in one["responses"]}
    assert {status for status in statuses if status not in TEXT} == set()
    names = {setting.name for setting in settings_of(WorkerSettings).values()}
    ours = {name for name in names if name.startswith(("CREDITS_HTTP", "CREDITS_WEB"))} | {"CREDITS_TOKENS_FILE"}
    assert {name for name in ours if name not in TEXT} == set()

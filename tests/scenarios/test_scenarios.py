"""Every scenario file holds on both engines, however the records come; and every rule has one."""

import re
from pathlib import Path

import pytest

from schemas.instants import parse_instant
from tests.support.scenario_language import Scenario, parse_scenario
from tests.support.scenario_runner import ENGINES, Engine, faults_of, last_answer

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.scenario"))
RULE_BOOK = FOLDER.parents[1] / "docs" / "ledger.md"
RULES = re.findall(r"^### (\d+\.\d+) ", RULE_BOOK.read_text(encoding="utf-8"), re.MULTILINE)

# What docs/ledger.md 8.3 names: the fields of each list in order, the first ones being those that it is sorted by.
FORM = {
    "snapshots": (
        4,
        (
            "organization_id customer_id credit_type month once_opening once_granted once_used once_expired once_voided "
            "once_closing monthly_granted monthly_used monthly_unused monthly_voided unlimited_used once_unlimited "
            "monthly_unlimited overage consumed consumption_count final"
        ),
    ),
    "lots": (
        5,
        "organization_id customer_id credit_type grant_id start cadence end amount used expired unused voided rest",
    ),
    "allocations": (
        5,
        "organization_id customer_id credit_type occurred_at event_id amount reversed overage cost paid_by",
    ),
    "balances": (
        3,
        (
            "organization_id customer_id credit_type as_of granted used balance committed available restricted unlimited "
            "next_expiry next_expiry_amount overage"
        ),
    ),
    "campaign_usage": (
        8,
        "organization_id customer_id credit_type campaign_id center_id day channel credit_source processed credits",
    ),
    "conflicts": (5, "organization_id customer_id topic occurred_at event_id conflict detail"),
    "campaigns": (
        2,
        "organization_id campaign_id name campaign_type created_from created_from_id targeted channel credit_source status",
    ),
    "names": (3, "organization_id kind named_id name"),
    "refusals": (3, "topic partition offset reason field detail"),
}
SHORTEST_AMOUNT = re.compile(r"unlimited|(0|[1-9]\d*)(\.\d*[1-9])?", re.ASCII)
WRITTEN_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z", re.ASCII)
INSTANTS = ("start", "end", "occurred_at", "as_of", "next_expiry", "lot_start")
NO_AMOUNTS = {
    *("organization_id", "customer_id", "credit_type", "month", "grant_id", "cadence", "event_id", "campaign_id", "center_id"),
    *("day", "channel", "credit_source", "topic", "conflict", "detail", "name", "campaign_type", "created_from", "kind"),
    *("created_from_id", "status", "named_id", "reason", "field", *INSTANTS),
}


def scenario_of(file: Path) -> Scenario:
    return parse_scenario(file.read_text(encoding="utf-8"), file=file.name)


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_scenario_holds(file: Path, engine: Engine):
    """What a scenario file promises is what the engine's books say."""
    assert faults_of(scenario_of(file), engine) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_all_ways_lead_to_the_same_books(file: Path):
    """Beyond what a scenario names, the books of both engines agree in every field, however the records come."""
    scenario = scenario_of(file)
    answers = {name: last_answer(scenario, engine) for name, engine in ENGINES.items()}
    for name, answer in answers.items():
        assert answer == answers["plain"], f"{name} differs from the plain model"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_results_have_their_form(file: Path):
    """Each list is sorted by its keys, its rows have the named fields in order, and values are written as is told."""
    results = last_answer(scenario_of(file), ENGINES["one-batch"])
    assert results is None or set(results) == {*FORM, "duplicates"}
    for name, (key_length, fields) in FORM.items() if results is not None else ():
        rows = results[name]
        keys = [tuple(map(sortable, list(row.values())[:key_length])) for row in rows]
        assert keys == sorted(keys), f"{name} is not sorted"
        assert all(list(row) == fields.split() for row in rows), f"{name} has other fields"
        for row in rows:
            assert faults_of_form(row) == [], name


def sortable(value: object) -> object:
    """Make null come first, and instants come in their order, which is not that of their texts."""
    if isinstance(value, str) and WRITTEN_INSTANT.fullmatch(value):
        return parse_instant(value)
    return "" if value is None else value


def faults_of_form(row: dict[str, object]) -> list[str]:
    faults = []
    for field, value in row.items():
        if isinstance(value, dict):
            faults += [f"{field} {amount}" for amount in value.values() if not SHORTEST_AMOUNT.fullmatch(amount)]
        elif isinstance(value, list):
            faults += [fault for part in value for fault in faults_of_form(part)]
        elif isinstance(value, str):
            pattern = WRITTEN_INSTANT if field in INSTANTS else SHORTEST_AMOUNT
            if (field in INSTANTS or field not in NO_AMOUNTS) and not pattern.fullmatch(value):
                faults.append(f"{field} {value}")
    return faults


def test_every_rule_has_a_scenario():
    """Each numbered rule of docs/ledger.md is shown by one scenario at least, and no scenario names another rule."""
    shown = {rule for file in FILES for rule in scenario_of(file).rules}
    assert len(RULES) >= 51
    assert sorted(shown) == sorted(RULES)


def test_the_example_of_the_readme_holds():
    """What the README shows is a scenario like any other."""
    example = (FOLDER / "README.md").read_text(encoding="utf-8").split("```")[1].strip()
    for name, engine in ENGINES.items():
        assert faults_of(parse_scenario(example, file="README.md"), engine) == [], name


def test_a_file_is_named_after_its_rule():
    """A file's name begins with the first rule that it shows, so that a folder listing reads as the rule book."""
    for file in FILES:
        first_rule = scenario_of(file).rules[0]
        assert re.match(rf"{re.escape(first_rule)}(\.\d+)?_", file.name), file.name


def test_there_are_many_scenarios():
    """There are at least 80 scenarios, no two of which promise the same."""
    sentences = [scenario_of(file).sentence for file in FILES]
    assert len(FILES) >= 80
    assert len(set(sentences)) == len(sentences)

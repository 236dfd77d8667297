"""The census: every rule of the books has decided figures in the generated worlds, so agreement on them proves something.

The worlds are fixed by their seeds. Counted is by ablation (see `support.census`); `pytest -s` shows the table.
"""

import sys
from collections import Counter

import pytest
from support.census import COUNTINGS, CRITERIA, RULES, census, criteria_that_counted, rare_rules, table_of
from support.differences import difference_between
from support.worlds import world_of_seed

from plain_model import derive
from projections.fold import fold

WORLDS = 400
AT_LEAST = 20


@pytest.fixture(scope="module")
def counts() -> Counter[str]:
    """Take the census once for all tests that ask about it."""
    return census(world_of_seed(seed) for seed in range(WORLDS))


def test_every_rule_decided_figures_often_enough(counts):
    """Each criterion, conflict, refusal, void and reversal decided a figure at least twenty times."""
    sys.stdout.write(f"\n{WORLDS} worlds; figures decided:\n{table_of(counts)}\n")
    rare = rare_rules(counts, rules=RULES, at_least=AT_LEAST)
    assert rare == [], f"decided fewer than {AT_LEAST} times in {WORLDS} worlds: {'; '.join(rare)}"


def test_the_engines_agree_on_the_worlds_that_were_counted():
    """In the very worlds of the census the fast core and the plain model come to the same books."""
    for seed in range(WORLDS):
        drawn = world_of_seed(seed)
        records = drawn.read()
        core = fold(records, as_of=drawn.as_of, batch_size=4, **drawn.rules)
        plain = derive(records, as_of=drawn.as_of, **drawn.rules)
        told = difference_between(core, plain, left_name="fast core", right_name="plain model")
        assert told is None, f"seed {seed}: {told}"


def test_worlds_without_priorities_fail_the_census():
    """A generator that never grants priorities is found out: criterion 2 decides nothing in its worlds."""
    blind = (world_of_seed(seed, priorities=(50,)) for seed in range(60))
    counts = census(blind, countings=[criteria_that_counted])
    assert counts[CRITERIA[1]] == 0
    assert rare_rules(counts, rules=CRITERIA[1:2], at_least=AT_LEAST) == ["burn criterion 2: 0"]


def test_the_census_counts_every_rule_it_names(counts):
    """No count goes by a name that the table does not have, and no rule is without its ablation."""
    assert set(counts) == set(RULES)
    assert criteria_that_counted in COUNTINGS

"""The examples' figures, worked out by hand before anything could compute them, come out of both derivations."""

import pytest

from plain_model import derive
from projections.fold import fold
from streams.files import read_catalog, shuffled
from tests.support import expected_figures as expected

CATALOG = read_catalog(expected.EXAMPLES / "catalog.toml")
ENGINES = {"fast core": fold, "plain model": derive}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", expected.NAMES)
def test_the_hand_worked_figures_come_out(name, engine):
    """Every list of an example is what was worked out by hand, each entry and each field, in the stated order."""
    log, as_of = expected.read_example(name)
    results = ENGINES[engine](log.records, catalog=CATALOG, as_of=as_of)
    for list_name in expected.LISTS:
        found = [expected.as_written(entry) for entry in results[list_name]]
        assert found == expected.expected_list(name, list_name), list_name
    assert expected.refusals_as_written(log, results["refusals"]) == expected.expected_list(name, "refusals")
    assert results["duplicates"] == expected.expected_duplicates(name)


@pytest.mark.parametrize("name", expected.NAMES)
def test_no_order_of_topics_and_no_cutting_into_batches_changes_a_figure(name):
    """The topics of an example may be mixed in any way and come in batches of any size."""
    log, as_of = expected.read_example(name)
    straight = fold(log.records, catalog=CATALOG, as_of=as_of)
    for seed in range(5):
        assert fold(shuffled(log.records, seed=seed), catalog=CATALOG, as_of=as_of, batch_size=seed + 1) == straight

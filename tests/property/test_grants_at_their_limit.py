"""The limit of grants that have not expired, over generated logs in which grants crowd, expire and make room (3.11).

The generated worlds reach the limit as well, but hardly ever room that an expiry has made.
"""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plain_model import derive
from projections.books import Books
from projections.fold import fold
from projections.state import MemoryState
from schemas import topics
from schemas.events import CreditGranted
from schemas.instants import MICROSECONDS_PER_DAY
from schemas.refusals import Reason
from tests.support.building import at, catalog, grant, placed, records, time_advanced, void
from tests.support.differences import difference_between

LIMITS = (1, 2, 3)
WINDOW_DAYS = 62
LOGS = 300
AT_LEAST = 50


def crowded_log(random):
    """Draw a log of the grants of three accounts, many of them short, and of the time that passes."""
    granted, told = [], []
    day = 0
    for number in range(random.randint(4, 40)):
        day += random.choice((0, 0, 1, 7, 20, 40))
        now = at("2026-01-01") + day * MICROSECONDS_PER_DAY
        match random.choice(("grant",) * 6 + ("time",) * 3 + ("copy", "contradiction", "void", "late")):
            case "time":
                accept_from = now - (WINDOW_DAYS + random.choice((0, 0, 5))) * MICROSECONDS_PER_DAY
                topic = random.choice((None, None, topics.GRANTS, topics.VOIDS))
                told.append(placed(time_advanced(now, random.choice((accept_from, accept_from, None))), topic=topic))
            case "copy" if granted:
                told.append(random.choice(granted))
            case "contradiction" if granted:
                told.append(random.choice(granted)._replace(name="Another"))
            case "void" if granted:
                told.append(void(random.choice(granted).grant_id, now, event_id=f"v{number}"))
            case "late":
                told.append(grant(f"g{number}", "5", now - 70 * MICROSECONDS_PER_DAY, recorded_at=now))
            case _:
                customer_id, credit_type = random.choice((("c1", "coins"),) * 4 + (("c1", "euros"), ("c2", "coins")))
                end = random.choice((None, 1, 1, 5, 30, 90))
                expires_at = None if end is None else now + end * MICROSECONDS_PER_DAY
                names = {"customer_id": customer_id, "credit_type": credit_type}
                granted.append(grant(f"g{number}", "5", now, expires_at=expires_at, **names))
                told.append(granted[-1])
    return records(*told)


def refused_for_the_limit(results):
    return [entry["offset"] for entry in results["refusals"] if entry["reason"] == Reason.TOO_MANY_GRANTS.value]


@settings(max_examples=LOGS, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.sampled_from(LIMITS), st.sampled_from((1, 3, None)))
def test_core_and_plain_model_refuse_the_same_in_any_batches(random, limit, batch_size):
    """Books agree in every field, and the state that is left is that of one batch, key by key."""
    log = crowded_log(random)
    core = fold(log, catalog=catalog(), batch_size=batch_size, live_grants_max=limit)
    plain = derive(log, catalog=catalog(), live_grants_max=limit)
    told = difference_between(core, plain, left_name="fast core", right_name="plain model")
    assert told is None, told
    at_once, by_parts = MemoryState(), MemoryState()
    Books(at_once, catalog=catalog(), live_grants_max=limit).apply(log)
    books = Books(by_parts, catalog=catalog(), live_grants_max=limit)
    for begin in range(0, len(log), batch_size or 7):
        books.apply(log[begin : begin + (batch_size or 7)])
    assert dict(by_parts.scan(b"")) == dict(at_once.scan(b""))


def test_in_many_logs_the_limit_is_reached_and_an_expiry_makes_room():
    """Both are counted: logs with a refusal, and logs in which more were refused if no grant ever expired."""
    refused = made_room = 0
    for seed in range(LOGS):
        log = crowded_log(Random(seed))  # noqa: S311  # nothing is kept secret by it
        found = refused_for_the_limit(derive(log, catalog=catalog(), live_grants_max=2))
        for_ever = [without_end(record) for record in log]
        refused += bool(found)
        made_room += found != refused_for_the_limit(derive(for_ever, catalog=catalog(), live_grants_max=2))
    assert refused >= AT_LEAST
    assert made_room >= AT_LEAST


def without_end(record):
    """Give a record whose grant, if it says one, never expires."""
    event = record.content
    return record._replace(content=event._replace(expires_at=None)) if isinstance(event, CreditGranted) else record

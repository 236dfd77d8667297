"""How much of each fault a run gives: short doses in `make test`, full ones with CREDITS_FAULT_DOSE=full (docs/testing.md)."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tests.support.worker_phases import InFlight

SEED = 20_250_106
"""The seed of the feed and of what the faults choose."""


class Dose(NamedTuple):
    """How much of each fault; `kills` are those of workers that are wanted at least, by what they have to fall into."""

    record_count: int
    kills: Mapping[InFlight, int]
    moves: int
    freezes: int
    broker_kills: int
    gateway_kills: int
    sink_kills: int
    lost_answers: int
    silences: int


SHORT = Dose(
    record_count=20_000,
    kills=MappingProxyType({InFlight.TRANSACTION: 4, InFlight.RESTORE: 2, InFlight.REBALANCE: 2}),
    moves=1,
    freezes=1,
    broker_kills=1,
    gateway_kills=1,
    sink_kills=2,
    lost_answers=3,
    silences=0,
)
FULL = Dose(
    record_count=100_000,
    kills=MappingProxyType({InFlight.TRANSACTION: 60, InFlight.RESTORE: 30, InFlight.REBALANCE: 30}),
    moves=10,
    freezes=10,
    broker_kills=20,
    gateway_kills=20,
    sink_kills=20,
    lost_answers=60,
    silences=5,
)
_DOSES = {"short": SHORT, "full": FULL}


def dose_of(environment: Mapping[str, str] = os.environ) -> Dose:
    """Give the dose that CREDITS_FAULT_DOSE names: short where it is not set."""
    return _DOSES[environment.get("CREDITS_FAULT_DOSE", "").strip() or "short"]

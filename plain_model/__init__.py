"""The books once more, by the plainest arithmetic over the whole set of accepted events."""

from plain_model.accounts import BURN_CRITERIA, Criterion
from plain_model.results import derive

__all__ = ["BURN_CRITERIA", "Criterion", "derive"]

"""How much is done in one piece; what the books come to does not depend on it."""

from typing import NamedTuple


class Pieces(NamedTuple):
    """The size of pieces of work.

    `chunk_uses`: how many uses are summed up together on average; a state keeps to one size (`projections.chunks`).
    `step_uses`: how many uses one step of an account's derivation pays; those that are passed over count less.
    `step_rows`: how many payments are published at once after several steps. `due_accounts`: for how many accounts what is
    due is done at once. `dropped_uses`: how many settled uses of one account are dropped at once.
    """

    chunk_uses: int = 256
    step_uses: int = 1_000
    step_rows: int = 1_000
    due_accounts: int = 10
    dropped_uses: int = 2_000


PIECES = Pieces()
"""What a worker and a fold go by: each piece is some hundredths of a second."""

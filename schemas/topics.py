"""The names of the topics, declared once, and the partition that a key belongs to."""

GRANTS = "credits.grants"
VOIDS = "credits.voids"
CONSUMPTION = "credits.consumption"
CAMPAIGNS = "credits.campaigns"
NAMES = "credits.names"

CLOCKED_TOPICS = (GRANTS, VOIDS, CONSUMPTION)
"""The input topics that carry `TimeAdvanced`; the boundary and the clock are taken over these (docs/ledger.md 2.3)."""

INPUT_TOPICS = (*CLOCKED_TOPICS, CAMPAIGNS, NAMES)

LEDGER = "credits.ledger"
ALLOCATIONS = "credits.allocations"
GRANT_STATE = "credits.grant-state"
LOTS = "credits.lots"
SNAPSHOTS = "credits.snapshots"
CAMPAIGN_USAGE = "credits.campaign-usage"
CONFLICTS = "credits.conflicts"
DERIVING = "credits.deriving"
DEAD_LETTERS = "credits.dead-letters"
CAMPAIGN_DEFINITIONS = "credits.campaign-definitions"
NAME_DEFINITIONS = "credits.name-definitions"

HOP_HEADER = "credits-rerouted-from"
"""Names the first topic, partition and offset of a record that was sent on to its own partition (docs/ledger.md 3.2)."""

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995


def partition_of(key: bytes, *, partition_count: int) -> int:
    """Give the partition that Kafka's default partitioner chooses for a key: murmur2, made positive, modulo the count."""
    return (_murmur2(key) & 0x7FFFFFFF) % partition_count


def _murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash with the seed that Apache Kafka's `Utils.murmur2` uses."""
    length = len(data)
    hashed = 0x9747B28C ^ length
    whole = length & ~3
    for position in range(0, whole, 4):
        word = int.from_bytes(data[position : position + 4], "little")
        word = (word * _MULTIPLIER) & _MASK
        word ^= word >> 24
        word = (word * _MULTIPLIER) & _MASK
        hashed = ((hashed * _MULTIPLIER) & _MASK) ^ word
    if whole != length:
        hashed ^= int.from_bytes(data[whole:], "little")
        hashed = (hashed * _MULTIPLIER) & _MASK
    hashed ^= hashed >> 13
    hashed = (hashed * _MULTIPLIER) & _MASK
    return hashed ^ (hashed >> 15)

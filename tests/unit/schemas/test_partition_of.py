"""The partition of a key is the one that Kafka's default partitioner chooses (docs/ledger.md 1.4)."""

import pytest
from aiokafka.partitioner import murmur2

from schemas.topics import partition_of


@pytest.mark.parametrize(
    ("key", "of_8", "of_64"),
    [("o1|c1", 6, 46), ("brightcare|oak-house", 7, 7), ("nimbus-cloud|acme-robotics", 2, 34), ("o1|CUSTOMER|c1", 1, 33)],
)
def test_the_documented_partitions_are_right(key, of_8, of_64):
    """The table for those who write on another platform."""
    assert partition_of(key.encode(), partition_count=8) == of_8
    assert partition_of(key.encode(), partition_count=64) == of_64


def test_another_library_chooses_the_same():
    """Keys of every length modulo 4, with bytes above 127, land where aiokafka's producer puts them."""
    for length in range(40):
        key = bytes((length * 37 + place * 91) % 256 for place in range(length))
        assert partition_of(key, partition_count=13) == (murmur2(key) & 0x7FFFFFFF) % 13

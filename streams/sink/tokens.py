"""The token of an insert: ClickHouse drops an insert whose token it knows, so one token must never stand for two sets of rows.

It is made of what the rows come from, so that the same cut gives the same token after a restart too: topic, ranges of
offsets, generation. A topic that was deleted and made anew, or lost records, has other records at the same offsets; what
tells them apart is a digest of the records themselves, since the client cannot tell the topic's id.
"""

import hashlib
from collections.abc import Sequence

from schemas.records import RawRecord

_DIGEST_BYTES = 16


def token_of(records: Sequence[RawRecord], *, generation: int) -> str:
    """Give the token for the rows of some records of one topic, which are in the order of partition and offset."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    ranges: dict[int, tuple[int, int]] = {}
    for record in records:
        begin, _ = ranges.get(record.partition, (record.offset, 0))
        ranges[record.partition] = (begin, record.offset)
        value = record.value or b""
        digest.update(b"%d %d %d " % (record.partition, record.offset, len(value)))
        digest.update(value)
    said = ",".join(f"{partition}:{begin}-{last}" for partition, (begin, last) in ranges.items())
    return f"{records[0].topic}/{generation}/{said}/{digest.hexdigest()}"

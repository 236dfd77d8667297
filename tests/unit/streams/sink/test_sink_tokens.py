"""The token of an insert: the same cut has the same one, and no other cut of any log has it."""

from schemas.records import RawRecord
from streams.sink.tokens import token_of


def record(partition: int, offset: int, *, value: bytes | None = b"v", topic: str = "credits.ledger") -> RawRecord:
    return RawRecord(topic, partition, offset, 0, b"k", value, ())


def test_the_same_cut_has_the_same_token():
    """It says topic, generation and ranges; when a record was read, or when it was written, does not matter."""
    cut = [record(0, 7), record(0, 9), record(3, 2)]
    token = token_of(cut, generation=1)
    assert token.startswith("credits.ledger/1/0:7-9,3:2-2/")
    assert token_of([one._replace(timestamp=5) for one in cut], generation=1) == token


def test_every_other_cut_has_another_token():
    """Another topic, generation, partition, range or record, or the same records cut elsewhere, is another insert."""
    cut = [record(0, 7, value=b"ab"), record(0, 8, value=b"c"), record(1, 0)]
    others = [
        ([one._replace(topic="credits.lots") for one in cut], 1),
        (cut, 2),
        (cut[:2], 1),
        (cut[1:], 1),
        ([cut[0], cut[2]], 1),
        ([record(0, 7, value=b"a"), record(0, 8, value=b"bc"), record(1, 0)], 1),
        ([record(0, 7, value=b"ab"), record(0, 8, value=None), record(1, 0)], 1),
        ([record(2, 7, value=b"ab"), record(2, 8, value=b"c"), record(1, 0)], 1),
    ]
    tokens = {token_of(records, generation=generation) for records, generation in [(cut, 1), *others]}
    assert len(tokens) == len(others) + 1


def test_a_topic_that_was_made_anew_has_other_tokens():
    """At the same offsets lie other records, which no token of the old ones may stand for."""
    before = [record(0, offset, value=b"before") for offset in range(3)]
    anew = [record(0, offset, value=b"anew..") for offset in range(3)]
    assert token_of(before, generation=1) != token_of(anew, generation=1)

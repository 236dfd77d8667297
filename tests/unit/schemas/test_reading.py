"""The verdict on one record: undecodable, invalid, wrong key, and then where it belongs (docs/ledger.md 3.1, 3.2)."""

import pytest

from schemas import topics
from schemas.codec import encode
from schemas.events import CampaignDefined, CreditVoided, NameGiven, TimeAdvanced, key_of
from schemas.reading import hop_header, read_record
from schemas.records import Place, RawRecord, Reroute
from schemas.refusals import Reason
from schemas.topics import partition_of

AT = 1_780_000_000_000_000
VOID = CreditVoided("v1", "o1", "c1", AT, AT, None, "g1", None)
HOME = partition_of(b"o1|c1", partition_count=8)
ELSEWHERE = (HOME + 1) % 8


def record(event=VOID, *, topic=topics.VOIDS, partition=HOME, key=b"o1|c1", hops=(), value=None):
    headers = (("trace", b"\xff"), *((topics.HOP_HEADER, hop) for hop in hops))
    return RawRecord(topic, partition, 5, AT, key, encode(event) if value is None else value, headers)


def verdict(*arguments, **keywords):
    content = read_record(record(*arguments, **keywords), partition_count=8).content
    return (content.reason.value, content.field)


def test_a_record_where_it_belongs_is_its_event():
    """Place, timestamp and the record itself are kept beside it."""
    raw = record()
    place = Place(topics.VOIDS, HOME, 5)
    assert read_record(raw, partition_count=8) == (place, place, AT, VOID, raw)


def test_each_kind_of_event_has_its_key():
    """Customers' events, campaigns and names are keyed by what they are about."""
    campaign = CampaignDefined("e", "o1", AT, AT, None, "k1", "n", "SCHEDULED", "ZONE", None, 1, "SMS", "s", "LIVE")
    name = NameGiven("e", "o1", AT, AT, None, "CENTER", "z1", "n")
    for event, topic, key in ((campaign, topics.CAMPAIGNS, b"o1|k1"), (name, topics.NAMES, b"o1|CENTER|z1")):
        assert key_of(event) == key
        home = partition_of(key, partition_count=8)
        assert read_record(record(event, topic=topic, partition=home, key=key), partition_count=8).content == event
        assert verdict(event, topic=topic, partition=home) == ("wrong_key", "key")


def test_time_has_no_key_and_is_everywhere_at_home():
    """A TimeAdvanced lies on any partition of the three topics; with a key, or sent on, it is refused."""
    time = TimeAdvanced(AT, None)
    for topic in topics.CLOCKED_TOPICS:
        raw = record(time, topic=topic, partition=3, key=None)
        assert read_record(raw, partition_count=8).content == time
    assert verdict(time, key=b"o1|c1") == ("wrong_key", "key")
    assert verdict(time, key=None, partition=3, hops=(b"credits.voids/2/5",)) == ("wrong_key", "key")
    assert verdict(time, topic=topics.NAMES, key=None) == ("invalid", "type")


def test_the_verdicts_have_an_order():
    """The first that applies is given: undecodable, the type, the first field at fault, the key, the partition."""
    late = VOID._replace(recorded_at=AT + 3_600_000_001, grant_id="")
    assert verdict(value=b"", topic=topics.GRANTS, key=b"o1") == ("undecodable", None)
    assert verdict(late, topic=topics.GRANTS, key=b"o1", partition=ELSEWHERE) == ("invalid", "type")
    assert verdict(late, key=b"o1", partition=ELSEWHERE) == ("invalid", "recorded_at")
    assert verdict(late._replace(recorded_at=AT + 3_600_000_000), key=b"o1") == ("invalid", "grant_id")
    assert verdict(key=b"o1|c2", partition=ELSEWHERE) == ("wrong_key", "key")
    assert read_record(record(partition=ELSEWHERE), partition_count=8).content == Reroute(HOME)


@pytest.mark.parametrize("key", [None, b"", b"o1", b"o1|c1 ", b"O1|c1", b"\xff"])
def test_key_and_content_must_agree(key):
    """Bytes are compared; the sentence says which key would be right."""
    content = read_record(record(key=key), partition_count=8).content
    assert (content.reason, content.field) == (Reason.WRONG_KEY, "key")
    assert content.detail == "a CreditVoided of this content has the key 'o1|c1'"


def test_a_record_that_was_sent_on_keeps_its_first_place():
    """Also where it is refused, so that a repeat of the hop is the same refusal."""
    hop = hop_header(Place(topics.VOIDS, ELSEWHERE, 17))
    assert hop == (topics.HOP_HEADER, f"credits.voids/{ELSEWHERE}/17".encode())
    for value in (None, b"", encode(VOID._replace(grant_id=""))):
        read = read_record(record(hops=(hop[1],), value=value), partition_count=8)
        assert read.first_place == Place(topics.VOIDS, ELSEWHERE, 17)
        assert read.place == Place(topics.VOIDS, HOME, 5)


def test_a_second_hop_is_refused():
    """What was sent on and still lies elsewhere is not sent on again."""
    hop = f"credits.voids/{(HOME + 2) % 8}/17".encode()
    content = read_record(record(partition=ELSEWHERE, hops=(hop,)), partition_count=8).content
    assert (content.reason, content.field) == (Reason.WRONG_KEY, "key")
    assert content.detail == f"was sent on once already, and its key belongs to partition {HOME}"


@pytest.mark.parametrize(
    "hops",
    [
        (b"",),
        (b"credits.voids/1",),
        (b"credits.voids/1/",),
        (b"credits.voids/01/5",),
        (b"credits.voids/-1/5",),
        (b"credits.voids/1/+5",),
        (b"credits.voids/1/5\n",),
        (b"credits.voids/1/5/5",),
        ("credits.voids/1/\N{ARABIC-INDIC DIGIT FIVE}".encode(),),
        (b"\xff/1/5",),
        (b"credits.voids/8/5",),
        (b"credits.grants/1/5",),
        (f"credits.voids/{HOME}/5".encode(),),
        (f"credits.voids/{ELSEWHERE}/5".encode(), f"credits.voids/{ELSEWHERE}/5".encode()),
        (None,),
    ],
)
def test_a_hop_header_that_names_no_place_is_refused(hops):
    """Only the worker writes the header; one that it cannot have written is refused under the record's own place."""
    read = read_record(record(hops=hops), partition_count=8)
    assert (read.content.reason, read.content.field) == (Reason.WRONG_KEY, "key")
    assert "the header credits-rerouted-from must name" in read.content.detail
    assert read.first_place == read.place


def test_a_registry_is_asked_for_confluent_ids():
    """The id that the header names is looked up in the mapping."""
    value = b"\x00\x00\x00\x00\x01" + encode(VOID)[10:]
    assert read_record(record(value=value), partition_count=8, registry={1: "CreditVoided.v1"}).content == VOID
    assert verdict(value=value) == ("undecodable", None)

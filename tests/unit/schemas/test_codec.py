"""What is no event of a shipped schema cannot be decoded, and says so in a sentence (docs/ledger.md 3.1, 3.8)."""

import pytest

from schemas import codec
from schemas.codec import decode, encode
from schemas.errors import DecodeError, InvariantViolation
from schemas.events import CreditConsumed, CreditGranted, CreditVoided, Other, Selector
from schemas.shipped import ShippedSchema, shipped_schemas

VOID = CreditVoided("v1", "o1", "c1", 1, 2, None, "g1", None)
GRANT = CreditGranted("e1", "o1", "c1", 5, 6, None, "g1", "coins", "n", "ONCE", 7, 50, 5, None, (), None, None)
CONSUMPTION = CreditConsumed("e1", "o1", "c1", 1, 2, None, "coins", 7, Other("label"), None, None)
REGISTRY = {77: "CreditVoided.v1", 78: "CreditVoided.v9"}


def body_of(event):
    return encode(event)[10:]


def test_the_header_names_the_schema():
    """Written is the marker, the fingerprint of the newest schema, and the body."""
    fingerprint = next(schema.fingerprint for schema in shipped_schemas() if schema.name == "CreditVoided.v1")
    assert encode(VOID)[:10] == b"\xc3\x01" + fingerprint


def test_a_confluent_header_is_read_through_the_registry():
    """The id is four bytes, the greatest first, and the registry's mapping says which schema it is."""
    assert decode(b"\x00\x00\x00\x00\x4d" + body_of(VOID), registry=REGISTRY) == VOID


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "the record has no value"),
        (b"", "the value is empty"),
        (b"hello", "the value begins with neither c301 nor 00 but with 6865"),
        (b"\xc3", "the value begins with neither c301 nor 00 but with c3"),
        (b"\xc3\x01", "the value ends inside its header, after 2 bytes"),
        (b"\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08", "no shipped schema has the fingerprint 0102030405060708"),
        (b"\x00\x00", "the value ends inside its header, after 2 bytes"),
        (b"\x00\x00\x00\x00\x05" + body_of(VOID), "the registry maps the schema id 5 to no shipped schema"),
        (
            b"\x00\x00\x00\x00\x4e" + body_of(VOID),
            "the registry maps the schema id 78 to CreditVoided.v9, which is not shipped",
        ),
        (encode(VOID)[:-1], "the bytes end or break off inside the CreditVoided.v1"),
        (encode(VOID) + b"\x00\x00", "2 bytes follow after the CreditVoided.v1"),
        (encode(VOID).replace(b"\x04v1", b"\x04v\xff"), "a text of the CreditVoided.v1 is not UTF-8: invalid start byte"),
        (encode(VOID).replace(b"\x04v1", b"\x05v1"), "the bytes end or break off inside the CreditVoided.v1"),
        (encode(VOID)[:-1] + b"\x04", "the bytes end or break off inside the CreditVoided.v1"),
    ],
)
def test_what_cannot_be_decoded_says_why(value, sentence):
    """Each way in which bytes can be no event has its sentence."""
    with pytest.raises(DecodeError) as refused:
        decode(value, registry=REGISTRY)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(("digits", "length"), [(b"", 0), (b"\x00" * 17, 17), (b"\x7f" * 60, 60)])
def test_an_amount_of_absurd_length_is_refused(digits, length):
    """A decimal has 1 to 16 bytes; one of those is judged by what it says."""
    value = encode(CONSUMPTION).replace(b"\x02\x07", bytes([2 * length]) + digits)
    with pytest.raises(DecodeError, match=f"an amount has {length} bytes"):
        decode(value)


def test_a_padded_decimal_is_the_same_amount():
    """Writers on other platforms may write more bytes than needed."""
    assert decode(encode(CONSUMPTION).replace(b"\x02\x07", b"\x06\x00\x00\x07")) == CONSUMPTION


@pytest.mark.parametrize("amount_micro", [0, 1, 127, 128, 255, 256, 2**63, -1, -128, -129, -(10**18), 2**127 - 1, -(2**127)])
def test_every_whole_number_comes_back(amount_micro):
    """A decimal has a sign, and as many bytes as its number needs; what it says is not judged here."""
    assert decode(encode(CONSUMPTION._replace(amount_micro=amount_micro))).amount_micro == amount_micro


def test_defaults_are_filled_in():
    """A grant without effective_at takes effect when it occurred; a scope is sorted and has no repeats."""
    writer = codec._codecs().writers[CreditGranted]
    record = writer.to_record(GRANT) | {
        "effective_at": None,
        "scope": [
            {"kind": kind, "item": item} for kind, item in (("LICENSE", None), ("ADDON", "b"), ("ADDON", None), ("ADDON", "b"))
        ],
    }
    bare = writer._replace(to_record=lambda _: record)
    with pytest.MonkeyPatch.context() as patch:
        codecs = codec._codecs()
        patch.setattr(codec, "_codecs", lambda: codecs._replace(writers={CreditGranted: bare}))
        value = encode(GRANT)
    scope = (Selector("ADDON", None), Selector("ADDON", "b"), Selector("LICENSE", None))
    assert decode(value) == GRANT._replace(scope=scope)


def test_every_version_is_read_as_the_newest():
    """Bytes of an earlier version say what they said; a field that it did not have has its default."""
    shipped = next(schema for schema in shipped_schemas() if schema.name == "CreditVoided.v1")
    earlier_fields = [field for field in shipped.content["fields"] if field["name"] not in ("actor", "reason")]
    earlier = ShippedSchema("CreditVoided", 0, {**shipped.content, "fields": earlier_fields}, b"earlier!")
    codecs = codec._codecs_of((earlier, shipped))
    value = encode(VOID)
    without_reason = value[10:-1].replace(b"\x00\x04g1", b"\x04g1")
    assert codecs.by_fingerprint[b"earlier!"].read(without_reason, start=0) == VOID
    assert codecs.writers[CreditVoided].header == value[:10]


@pytest.mark.parametrize(
    "event",
    [
        GRANT._replace(cadence="WEEKLY"),
        GRANT._replace(occurred_at=2**63),
        GRANT._replace(occurred_at=None),
        GRANT._replace(name="\ud800"),
        CONSUMPTION._replace(activity=None),
        CONSUMPTION._replace(amount_micro="7"),
    ],
)
def test_what_avro_cannot_hold_was_not_checked(event):
    """To write what the checks refuse is a bug, which stops the writer."""
    with pytest.raises(InvariantViolation, match="was not checked before it was written"):
        encode(event)

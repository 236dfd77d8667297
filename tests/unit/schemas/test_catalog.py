"""The catalog is read once and completely, or refused with the entry that is wrong (docs/ledger.md 3.10, 4.3)."""

import re

import pytest

from schemas.catalog import Catalog, CreditType, Organization, load_zone, parse_catalog, zone_of
from schemas.errors import SettingsError

TEXT = """
[credit_types.coins]
[credit_types.hours]
unit = "hour"
scale = 3
[credit_types.usd]
allows_unlimited = false
[organizations.o1]
time_zone = "Europe/Lisbon"
currency = "EUR"
[organizations."o 2"]
"""


def test_a_catalog_is_read():
    """What an entry leaves out has a default: unlimited is allowed but for coins, the unit is the name, the zone is UTC."""
    catalog = parse_catalog(TEXT)
    assert dict(catalog.credit_types) == {
        "coins": CreditType("coins", allows_unlimited=False, unit="coins", scale=2),
        "hours": CreditType("hours", allows_unlimited=True, unit="hour", scale=3),
        "usd": CreditType("usd", allows_unlimited=False, unit="usd", scale=2),
    }
    assert dict(catalog.organizations) == {"o1": Organization("Europe/Lisbon", "EUR"), "o 2": Organization("UTC", None)}
    assert [catalog.zone_name(name) for name in ("o1", "o 2", "unlisted")] == ["Europe/Lisbon", "UTC", "UTC"]
    assert parse_catalog("") == Catalog()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("coins", "the catalog is not TOML"),
        ("[credit_type.coins]", "the catalog has the unknown entry 'credit_type'"),
        ("credit_types = 5", "credit_types must be tables"),
        ("[credit_types]\ncoins = 5", "credit_types must be tables"),
        ("[credit_types.coins]\nallows_unlimited = true", "coins forbid unlimited grants"),
        ("[credit_types.hours]\nallows_unlimited = 1", "credit_types.hours.allows_unlimited is 1; it must be true or false"),
        ("[credit_types.hours]\nscale = 7", "credit_types.hours.scale is 7; it must be a whole number from 0 to 6"),
        ("[credit_types.hours]\nscale = true", "credit_types.hours.scale is True"),
        ('[credit_types.hours]\nunit = ""', "credit_types.hours.unit is ''"),
        ("[credit_types.hours]\ncolour = 1", "credit_types.hours has the unknown entry 'colour'; known are allows_unlimited"),
        ('[credit_types.""]', "must not be empty"),
        ('[organizations."a|b"]', "must not contain"),
        ("[organizations.o1]\ntime_zone = 1", "organizations.o1.time_zone is 1"),
        (
            '[organizations.o1]\ntime_zone = "Europe/Atlantis"',
            "organizations.o1.time_zone: time zone 'Europe/Atlantis' is not in",
        ),
        ('[organizations.o1]\ntime_zone = "../secret"', "is not an IANA name"),
        ('[organizations.o1]\ncurrency = "eur"', "organizations.o1.currency is 'eur'"),
    ],
)
def test_what_is_wrong_is_named(text, sentence):
    """The sentence has the entry, what it says, and what would be right."""
    with pytest.raises(SettingsError, match=sentence.replace("|", r"\|")):
        parse_catalog(text)


def test_zones_come_from_the_pinned_database():
    """A folder and a table of the database are no zones, and the machine's own zones are not asked."""
    assert load_zone("Asia/Kathmandu").key == "Asia/Kathmandu"
    for name in ("Europe", "zone.tab", "tzdata.zi", "/etc/localtime", ""):
        with pytest.raises(SettingsError):
            load_zone(name)


def test_what_figures_depend_on_is_told_apart_from_what_is_shown():
    """Units, digits and currencies may change at any time; zones are told with a digest of their rules."""
    shown = parse_catalog(TEXT.replace("scale", "# scale").replace("currency", "# currency"))
    assert shown.decisive() == parse_catalog(TEXT).decisive()
    catalog = parse_catalog('[credit_types.hours]\n[organizations.o1]\ntime_zone = "Asia/Tokyo"')
    assert catalog.decisive().allows_unlimited == {"hours": True}
    assert re.fullmatch(r"Asia/Tokyo \([0-9a-f]{12}\)", catalog.decisive().zones["o1"])
    assert zone_of("Asia/Tokyo") != zone_of("Asia/Seoul")

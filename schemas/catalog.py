"""The catalog: which credit types there are, and each organization's time zone and currency (docs/ledger.md 4.3, 3.10).

A catalog is read once, at the edge; what is built from it is immutable. Zones come from the pinned `tzdata` package, never
from the machine, so that months are the same everywhere.
"""

import hashlib
import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.checks import check_currency, check_id, check_text
from schemas.errors import SettingsError

DEFAULT_ZONE = "UTC"
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class CreditType:
    """A unit with its rules: whether it may be unlimited, what one is called, how many digits are shown."""

    name: str
    allows_unlimited: bool
    unit: str
    scale: int


@dataclass(frozen=True, slots=True)
class Organization:
    """Where an organization's months and days are taken, and the currency that it reports in (None: none told)."""

    zone_name: str
    currency: str | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Credit types and organizations by name; an organization that is not listed lives in UTC."""

    credit_types: Mapping[str, CreditType] = field(default_factory=lambda: MappingProxyType({}))
    organizations: Mapping[str, Organization] = field(default_factory=lambda: MappingProxyType({}))

    def zone_name(self, organization_id: str) -> str:
        """Give the IANA name of the organization's time zone; UTC where none is told."""
        organization = self.organizations.get(organization_id)
        return DEFAULT_ZONE if organization is None else organization.zone_name

    def decisive(self) -> "DecisiveCatalog":
        """Give the part of the catalog that figures depend on; how credits are shown and reported is not in it."""
        return DecisiveCatalog(
            allows_unlimited={name: kind.allows_unlimited for name, kind in self.credit_types.items()},
            zones={name: zone_of(organization.zone_name) for name, organization in self.organizations.items()},
        )


class DecisiveCatalog(NamedTuple):
    """What figures depend on: whether each credit type may be unlimited, and each organization's zone as `zone_of` has it."""

    allows_unlimited: Mapping[str, bool]
    zones: Mapping[str, str]


def zone_of(zone_name: str) -> str:
    """Give the name of a time zone and a digest of its rules, which a new time zone database may change."""
    return f"{zone_name} ({hashlib.sha256(_zone_file(zone_name).read_bytes()).hexdigest()[:12]})"


def load_zone(zone_name: str) -> ZoneInfo:
    """Load a time zone from the pinned database.

    Raises SettingsError where the database has no zone of that name.
    """
    if not _ZONE_NAME.fullmatch(zone_name):
        raise SettingsError(f"time zone {zone_name!r} is not an IANA name such as Europe/Lisbon")
    source = _zone_file(zone_name)
    if not source.is_file():
        raise SettingsError(f"time zone {zone_name!r} is not in the time zone database; an IANA name such as Europe/Lisbon is")
    with source.open("rb") as file:
        try:
            return ZoneInfo.from_file(file, key=zone_name)
        except ValueError as error:
            raise SettingsError(f"time zone {zone_name!r} is not an IANA zone") from error


def _zone_file(zone_name: str) -> Traversable:
    return importlib.resources.files("tzdata").joinpath("zoneinfo", *zone_name.split("/"))


def parse_catalog(text: str) -> Catalog:
    """Read a catalog from TOML text.

    Raises SettingsError naming the entry, its value and what would be right.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the catalog is not TOML: {error}") from error
    _refuse_unknown("the catalog", content, known=("credit_types", "organizations"))
    return Catalog(
        credit_types=MappingProxyType(
            {name: _credit_type(name, entry) for name, entry in _tables(content, "credit_types").items()}
        ),
        organizations=MappingProxyType(
            {name: _organization(name, entry) for name, entry in _tables(content, "organizations").items()}
        ),
    )


def _tables(content: dict[str, object], section: str) -> dict[str, dict[str, object]]:
    tables = content.get(section, {})
    if not isinstance(tables, dict) or not all(isinstance(entry, dict) for entry in tables.values()):
        raise SettingsError(f"catalog: {section} must be tables such as [{section}.NAME]")
    return tables


def _credit_type(name: str, entry: dict[str, object]) -> CreditType:
    where = f"credit_types.{name}"
    _refuse_unknown(where, entry, known=("allows_unlimited", "unit", "scale"))
    _refuse_sentence(where, name, check_text(name))
    allows_unlimited, unit, scale = (
        entry.get("allows_unlimited", name != "coins"),
        entry.get("unit", name),
        entry.get("scale", 2),
    )
    if not isinstance(allows_unlimited, bool):
        raise SettingsError(f"catalog: {where}.allows_unlimited is {allows_unlimited!r}; it must be true or false")
    if not isinstance(unit, str) or check_text(unit) is not None:
        raise SettingsError(f"catalog: {where}.unit is {unit!r}; it must be a text of 1 to 256 characters")
    if not isinstance(scale, int) or isinstance(scale, bool) or not 0 <= scale <= 6:
        raise SettingsError(f"catalog: {where}.scale is {scale!r}; it must be a whole number from 0 to 6")
    if name == "coins" and allows_unlimited:
        raise SettingsError("catalog: credit_types.coins.allows_unlimited is true; coins forbid unlimited grants")
    return CreditType(name=name, allows_unlimited=allows_unlimited, unit=unit, scale=scale)


def _organization(name: str, entry: dict[str, object]) -> Organization:
    where = f"organizations.{name}"
    _refuse_unknown(where, entry, known=("time_zone", "currency"))
    _refuse_sentence(where, name, check_id(name))
    zone_name, currency = entry.get("time_zone", DEFAULT_ZONE), entry.get("currency")
    if not isinstance(zone_name, str):
        raise SettingsError(f"catalog: {where}.time_zone is {zone_name!r}; it must be an IANA name such as Europe/Lisbon")
    try:
        load_zone(zone_name)
    except SettingsError as error:
        raise SettingsError(f"catalog: {where}.time_zone: {error}") from error
    if currency is not None and (not isinstance(currency, str) or check_currency(currency) is not None):
        raise SettingsError(f"catalog: {where}.currency is {currency!r}; it must be three capital letters such as EUR")
    return Organization(zone_name=zone_name, currency=currency)


def _refuse_unknown(where: str, entry: dict[str, object], *, known: tuple[str, ...]) -> None:
    for name in entry:
        if name not in known:
            raise SettingsError(f"catalog: {where} has the unknown entry {name!r}; known are {', '.join(known)}")


def _refuse_sentence(where: str, value: str, sentence: str | None) -> None:
    if sentence is not None:
        raise SettingsError(f"catalog: the name {value!r} of {where} {sentence}")

"""How a metric is declared: as an attribute of a class of metrics, which is the only place that says its name and meaning.

An instance of the class holds Prometheus' own objects under the names of the attributes. Counts whose labels are known are
there from the start, at 0, so that a first increase is seen as one. No label names an organization or a customer.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, ClassVar, Generic, Self, TypeVar, overload

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


@dataclass(frozen=True)
class Label:
    """A label: its values where they are known beforehand, and a few words on what they are where that is shorter or all."""

    name: str
    values: tuple[str, ...] = ()
    meaning: str = ""


@dataclass(kw_only=True)
class Declaration(Generic[_Metric]):
    """One metric; as an attribute of an instance it is Prometheus' own object.

    `stem` is the name after the prefix, where that is not the attribute's.
    """

    kind: type[_Metric]
    meaning: str
    unit: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    stem: str = ""
    attribute: str = field(init=False)
    name: str = field(init=False)

    def __set_name__(self, owner: "type[MetricSet]", attribute: str) -> None:
        self.attribute = attribute
        self.name = owner.prefix + (self.stem or attribute)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _Metric: ...

    def __get__(self, instance: object | None, owner: type) -> Self | _Metric:
        """Give the declaration to the class; an instance has Prometheus' object in its own dictionary, which goes first."""
        if instance is None:
            return self
        raise AttributeError(f"{owner.__name__}.{self.attribute} is not made yet")

    def make(self, registry: CollectorRegistry) -> _Metric:
        """Make Prometheus' object, and its series where they are known; those of a gauge appear when they are first set."""
        options: dict[str, Any] = {"buckets": self.buckets} if self.buckets else {}
        names = [label.name for label in self.labels]
        metric: _Metric = self.kind(self.name, self.meaning, names, registry=registry, **options)
        if self.labels and self.kind is not Gauge:
            for values in itertools.product(*(label.values for label in self.labels)):
                metric.labels(*values)
        return metric


def counter(meaning: str, *, unit: str, labels: tuple[Label, ...] = ()) -> Declaration[Counter]:
    """Declare a count that only grows while the process lives."""
    return Declaration(kind=Counter, meaning=meaning, unit=unit, labels=labels)


def gauge(meaning: str, *, unit: str, labels: tuple[Label, ...] = (), stem: str = "") -> Declaration[Gauge]:
    """Declare a figure that goes up and down."""
    return Declaration(kind=Gauge, meaning=meaning, unit=unit, labels=labels, stem=stem)


def histogram(meaning: str, *, unit: str, buckets: tuple[float, ...], labels: tuple[Label, ...] = ()) -> Declaration[Histogram]:
    """Declare a distribution; `buckets` are upper ends, of which the last one, infinity, is not written down."""
    return Declaration(kind=Histogram, meaning=meaning, unit=unit, labels=labels, buckets=buckets)


class MetricSet:
    """The metrics of one process; one instance for one registry.

    Raises ValueError where the registry holds one of the names already.
    """

    prefix: ClassVar[str] = "credits_"

    build_info = gauge("1, with the version of this software.", unit="", labels=(Label("version", meaning="the package's"),))

    def __init__(self, registry: CollectorRegistry) -> None:
        # They would double the series of each counter and histogram, and nothing here reads them.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the only function of this package without types
        for declaration in self.declarations():
            self.__dict__[declaration.attribute] = declaration.make(registry)
        ProcessCollector(registry=registry)
        self.build_info.labels(metadata.version("creditstream")).set(1)

    @classmethod
    def declarations(cls) -> Sequence[Declaration[Any]]:
        """Give the metrics in the order in which they are declared, those of every process last."""
        return [value for part in cls.__mro__ for value in vars(part).values() if isinstance(value, Declaration)]

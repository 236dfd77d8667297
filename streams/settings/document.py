"""The page docs/settings.md, made from the declarations: `make docs`."""

from collections.abc import Iterator
from typing import Any

from streams.settings.declared import EmbeddedSettings, SinkSettings, WorkerSettings
from streams.settings.declaring import Setting, settings_of

EXAMPLE = """\
CREDITS_KAFKA_BROKERS = "kafka1:9092,kafka2:9092"
CREDITS_CATALOG = "/etc/credits/catalog.toml"
CREDITS_PARTITION_COUNT = 64
CREDITS_CLOCK = "on"
"""
"""A file of settings, as the page shows it."""

_HEAD = f"""\
# Settings

Each setting is an environment variable. `CREDITS_SETTINGS` may name a TOML file that sets the same names; where both set one,
the environment wins.

```toml
{EXAMPLE}```

An empty setting counts as not set, and blanks around a value do not count. A relative path begins at the working folder of the
process that reads it. 1 MiB is 1048576 bytes.

A setting that will not do stops the start with one sentence: its name, its value (that of a secret is never shown), what would
be right, and its effect. What is no setting is refused in the file; in the environment it is warned of where its name begins
with `CREDITS_`. Kubernetes may set such variables by itself: a service called `credits-clickhouse` would set
`CREDITS_CLICKHOUSE_PORT` to an address. Name services otherwise, or give pods `enableServiceLinks: false`.

This page is made from the declarations in `streams/settings/declared.py`, by `make docs`.
"""

_WORKER = "Read by `credits worker`, and by every command that speaks to Kafka."
_SINK = "Read by `credits sink`, and by every command that speaks to ClickHouse."
_EMBEDDED = """\
Read by `credits up`, `credits down`, `credits status` and `credits demo`. All ports are of the loopback address.

Workers and sink of a stack take their own settings too. `credits up` gives each worker a member name, a folder for its local
stores and a web port of its own; the web ports begin at `CREDITS_WEB_PORT`. It starts no Kafka where `CREDITS_KAFKA_BROKERS`
is set, and no ClickHouse where `CREDITS_CLICKHOUSE_HOST` is set: it uses what they name."""


def document() -> str:
    """Give the text of the page."""
    sections = (
        *_section("Worker", _WORKER, WorkerSettings),
        *_section("Sink", _SINK, SinkSettings),
        *_section("Embedded stack", _EMBEDDED, EmbeddedSettings),
    )
    return "\n".join((_HEAD, *sections)).rstrip("\n") + "\n"


def _section(title: str, prose: str, kind: type[Any]) -> Iterator[str]:
    yield from (f"## {title}", "", prose, "")
    yield "| name | unit | default | what may stand there | effect |"
    yield "|---|---|---|---|---|"
    for setting in settings_of(kind).values():
        yield f"| {' | '.join(_cells(setting))} |"
    yield ""


def _cells(setting: Setting[Any]) -> tuple[str, ...]:
    default = f"`{setting.default}`" if setting.default else ""
    effect = f"{setting.effect} (secret)" if setting.secret else setting.effect
    return f"`{setting.name}`", setting.unit, default, setting.form.right, effect

"""The page docs/views.md, made from the comments of the view files and the engine's types: `make docs`."""

from collections.abc import Iterator

from projections.described_views import Described, DescribedView, described_views
from streams.settings import EmbeddedSettings
from streams.views.engine_types import ColumnTypes
from streams.views.examples import call_of

_HEAD = """\
# Views

Views are what dashboards and people read; tables are not for reading: they hold replaced versions and deleted rows, and a
rebuild writes new ones. The views lie in the database `credits`, over the tables of the generation that counts
([operating.md](operating.md)), and each shows one row a thing, as it stands. Tables are filled apart, so two views may
disagree for seconds; `ingest_freshness` tells how far each table is.

All parameters are text, and stand behind the view's name. `''` means all only where that is said. Of a range of months or days
both ends are included; one that ends before it begins has no movements. Months (`2026-03`) and days (`2026-03-14`) are those
of the organization's time zone, instants are UTC. A view gives what belongs to the organization that was asked for, and
nothing else.

With clickhouse-connect:

```python
client.query(
    "SELECT customer_name, closing FROM credits.coins_by_customer("
    "organization = {organization:String}, month_from = {month_from:String}, month_to = {month_to:String})",
    parameters={"organization": "harbor-desks", "month_from": "2026-01", "month_to": "2026-05"},
).result_rows
```

With curl, where `param_` stands before a parameter's name:

```
curl --get "http://127.0.0.1:PORT/" \\
  --data-urlencode "query=SELECT customer_name, closing FROM credits.coins_by_customer(organization = {organization:String}, \\
month_from = {month_from:String}, month_to = {month_to:String}) FORMAT JSON" \\
  --data-urlencode "param_organization=harbor-desks" \\
  --data-urlencode "param_month_from=2026-01" --data-urlencode "param_month_to=2026-05" \\
  --data-urlencode "output_format_json_quote_decimals=1"
```

JSON has no decimals: without `output_format_json_quote_decimals=1` amounts are bare numbers, of which many programs lose
digits. `Decimal(38, 6)` is exact to the micro-credit, `Nullable` may be null.

How fast each answers over a million rows: [views-benchmark.md](views-benchmark.md). This page is made from the comments in
`projections/views/` by `make docs`.
"""


def document(types: ColumnTypes) -> str:
    """Give the text of the page; `types` are those of each view's columns."""
    views = described_views()
    names = ", ".join(f"[{view.name}](#{view.name})" for view in views)
    sections = [line for view in views for line in _section(view, types)]
    head = _HEAD.replace("PORT", str(EmbeddedSettings().clickhouse_port))
    return "\n".join((head, names, "", *sections)).rstrip("\n") + "\n"


def _section(view: DescribedView, types: ColumnTypes) -> Iterator[str]:
    yield from (f"## {view.name}", "", _linked(view.meaning), "")
    yield from ("```sql", " ".join(("SELECT * FROM", call_of(view))), "```", "")
    if view.parameters:
        yield from ("| parameter | meaning |", "|---|---|")
        yield from (f"| `{parameter.name}` | {_meaning(parameter)} |" for parameter in view.parameters)
        yield ""
    yield from ("| column | type | unit | meaning |", "|---|---|---|---|")
    for column in view.columns:
        yield f"| `{column.name}` | {types[view.name][column.name]} | {column.unit} | {_cell(column.meaning)} |"
    yield ""


def _meaning(parameter: Described) -> str:
    return _cell(f"{parameter.unit}; {parameter.meaning}" if parameter.unit else parameter.meaning)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _linked(text: str) -> str:
    """Turn what names a page into a link to it, as seen from beside that page."""
    for page in ("ledger", "metrics"):
        text = text.replace(f"docs/{page}.md", f"[{page}.md]({page}.md)")
    return text

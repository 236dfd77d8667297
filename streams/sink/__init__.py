"""The sink: carries committed rows from the output topics into ClickHouse (docs/architecture.md, the sink)."""

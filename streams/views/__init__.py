"""The page on views, docs/views.md: what people and dashboards read, and how they ask it."""

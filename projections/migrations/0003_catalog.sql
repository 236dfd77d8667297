-- Organizations and the months of their zones, as the catalog has them, so that views find a month without computing a zone.

-- An organization of the catalog; the one without a name stands for all that the catalog does not name.
CREATE TABLE IF NOT EXISTS {tables}.organizations
(
    `organization_id` String,
    `zone` String,
    `currency` Nullable(String),
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (`organization_id`);

-- A calendar month of a zone, [month_start, month_end), and by which rules of the zone it was computed (docs/ledger.md 4.3).
CREATE TABLE IF NOT EXISTS {tables}.zone_months
(
    `zone` String,
    `month` String,
    `month_start` DateTime64(6, 'UTC'),
    `month_end` DateTime64(6, 'UTC'),
    `rules` LowCardinality(String),
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (`zone`, `month`);

-- Whoever reads the books has to see which accounts are being derived anew.

-- An account whose books are being derived step by step after a late event: its other rows are those of before (docs/ledger.md 4.1).
CREATE TABLE IF NOT EXISTS {tables}.deriving
(
    `organization_id` String,
    `customer_id` String,
    `credit_type` String,
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (`organization_id`, `customer_id`, `credit_type`)
SETTINGS non_replicated_deduplication_window = 10000;

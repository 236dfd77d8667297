-- Rows that ClickHouse will not take are kept where somebody finds them, so that one of them does not hold up all others.

-- A record of an output topic that is in no table: what it carries, byte for byte, and ClickHouse's code and sentence. The code
-- is null where the row did not get as far as ClickHouse: no release that has run here can read it, or its columns cannot hold it.
CREATE TABLE IF NOT EXISTS {tables}.refused_rows
(
    `table` LowCardinality(String),
    `topic` LowCardinality(String),
    `partition` UInt32,
    `offset` Int64,
    `key` Nullable(String),
    `value` Nullable(String),
    `code` Nullable(Int32),
    `sentence` String,
    `refused_at` DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(refused_at)
ORDER BY (`table`, `topic`, `partition`, `offset`)
SETTINGS non_replicated_deduplication_window = 10000;

-- The tables of the books, into which the sink carries the rows of the output topics.

-- The tables that the sink writes. A row is identified by the sorting key, which is fixed by the event that it comes from; of
-- several versions the one with the greatest revision stands, so a repeated insert changes nothing. Partitions follow the year
-- of event time, which is a function of the key: versions of one row never lie in two partitions.

-- An accepted consumption, with the columns of its activity (docs/ledger.md 1.7, 1.11).
CREATE TABLE IF NOT EXISTS {tables}.ledger
(
    `organization_id` String,
    `customer_id` String,
    `occurred_at` DateTime64(6, 'UTC'),
    `event_id` String,
    `credit_type` String,
    `recorded_at` DateTime64(6, 'UTC'),
    `actor` Nullable(String),
    `month` String,
    `day` String,
    `amount` Decimal(38, 6),
    `cost` Nullable(Decimal(38, 6)),
    `currency` Nullable(String),
    `activity_type` String,
    `booking_id` Nullable(String),
    `member_id` Nullable(String),
    `resource` Nullable(String),
    `campaign_id` Nullable(String),
    `center_id` Nullable(String),
    `channel` Nullable(String),
    `credit_source` Nullable(String),
    `processed` Nullable(UInt64),
    `session_id` Nullable(String),
    `staff` Nullable(String),
    `client` Nullable(String),
    `program` Nullable(String),
    `minutes` Nullable(UInt64),
    `device_id` Nullable(String),
    `invoice_id` Nullable(String),
    `line_id` Nullable(String),
    `line_kind` Nullable(String),
    `item` Nullable(String),
    `label` Nullable(String),
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY toYear(occurred_at)
ORDER BY (`organization_id`, `customer_id`, `occurred_at`, `event_id`)
SETTINGS non_replicated_deduplication_window = 10000;

-- How a consumption was paid, net of its reversals (docs/ledger.md 4.6, 4.12).
CREATE TABLE IF NOT EXISTS {tables}.allocations
(
    `organization_id` String,
    `customer_id` String,
    `occurred_at` DateTime64(6, 'UTC'),
    `event_id` String,
    `credit_type` String,
    `month` String,
    `amount` Decimal(38, 6),
    `reversed` Decimal(38, 6),
    `overage` Decimal(38, 6),
    `cost` Array(Tuple(currency String, cost Decimal(38, 12))),
    `paid_by` Array(Tuple(grant_id String, lot_start DateTime64(6, 'UTC'), amount Decimal(38, 6))),
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY toYear(occurred_at)
ORDER BY (`organization_id`, `customer_id`, `occurred_at`, `event_id`)
SETTINGS non_replicated_deduplication_window = 10000;

-- A grant and the earliest void of it (docs/ledger.md 1.5, 4.4).
CREATE TABLE IF NOT EXISTS {tables}.grants
(
    `organization_id` String,
    `customer_id` String,
    `grant_id` String,
    `event_id` String,
    `credit_type` String,
    `occurred_at` DateTime64(6, 'UTC'),
    `recorded_at` DateTime64(6, 'UTC'),
    `actor` Nullable(String),
    `name` String,
    `cadence` String,
    `amount` Nullable(Decimal(38, 6)),
    `priority` UInt64,
    `effective_at` DateTime64(6, 'UTC'),
    `expires_at` Nullable(DateTime64(6, 'UTC')),
    `scope` Array(Tuple(kind String, item Nullable(String))),
    `unit_cost` Nullable(Decimal(38, 6)),
    `currency` Nullable(String),
    `voided_at` Nullable(DateTime64(6, 'UTC')),
    `void_event_id` Nullable(String),
    `void_reason` Nullable(String),
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (`organization_id`, `customer_id`, `grant_id`)
SETTINGS non_replicated_deduplication_window = 10000;

-- The facts of a lot; what depends on an instant is computed by the views (docs/ledger.md 4.2, 4.11).
CREATE TABLE IF NOT EXISTS {tables}.lots
(
    `organization_id` String,
    `customer_id` String,
    `credit_type` String,
    `grant_id` String,
    `start` DateTime64(6, 'UTC'),
    `cadence` String,
    `end` Nullable(DateTime64(6, 'UTC')),
    `natural_end` Nullable(DateTime64(6, 'UTC')),
    `end_kind` String,
    `amount` Nullable(Decimal(38, 6)),
    `used` Decimal(38, 6),
    `priority` UInt64,
    `granted_at` DateTime64(6, 'UTC'),
    `scope` Array(Tuple(kind String, item Nullable(String))),
    `month` String,
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY toYear(start)
ORDER BY (`organization_id`, `customer_id`, `credit_type`, `grant_id`, `start`)
SETTINGS non_replicated_deduplication_window = 10000;

-- An account in one calendar month (docs/ledger.md 5).
CREATE TABLE IF NOT EXISTS {tables}.monthly_snapshots
(
    `organization_id` String,
    `customer_id` String,
    `credit_type` String,
    `month` String,
    `month_start` DateTime64(6, 'UTC'),
    `month_end` DateTime64(6, 'UTC'),
    `once_opening` Decimal(38, 6),
    `once_granted` Decimal(38, 6),
    `once_used` Decimal(38, 6),
    `once_expired` Decimal(38, 6),
    `once_voided` Decimal(38, 6),
    `once_closing` Decimal(38, 6),
    `monthly_granted` Decimal(38, 6),
    `monthly_used` Decimal(38, 6),
    `monthly_unused` Decimal(38, 6),
    `monthly_voided` Decimal(38, 6),
    `unlimited_used` Decimal(38, 6),
    `once_unlimited` Bool,
    `monthly_unlimited` Bool,
    `overage` Decimal(38, 6),
    `consumed` Decimal(38, 6),
    `consumption_count` UInt64,
    `final` Bool,
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY substring(month, 1, 4)
ORDER BY (`organization_id`, `customer_id`, `credit_type`, `month`)
SETTINGS non_replicated_deduplication_window = 10000;

-- Campaign counters by customer (docs/ledger.md 7.1).
CREATE TABLE IF NOT EXISTS {tables}.campaign_usage
(
    `organization_id` String,
    `customer_id` String,
    `credit_type` String,
    `campaign_id` String,
    `center_id` String,
    `day` String,
    `channel` String,
    `credit_source` String,
    `processed` UInt64,
    `credits` Decimal(38, 6),
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY substring(day, 1, 4)
ORDER BY (`organization_id`, `customer_id`, `credit_type`, `campaign_id`, `center_id`, `day`, `channel`, `credit_source`)
SETTINGS non_replicated_deduplication_window = 10000;

-- Accepted events that do not fit the rest of the books (docs/ledger.md 3.10).
CREATE TABLE IF NOT EXISTS {tables}.conflicts
(
    `organization_id` String,
    `customer_id` String,
    `topic` String,
    `occurred_at` DateTime64(6, 'UTC'),
    `identity` String,
    `conflict` String,
    `detail` String,
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
PARTITION BY toYear(occurred_at)
ORDER BY (`organization_id`, `customer_id`, `topic`, `occurred_at`, `identity`)
SETTINGS non_replicated_deduplication_window = 10000;

-- The definition of a campaign that stands (docs/ledger.md 1.9).
CREATE TABLE IF NOT EXISTS {tables}.campaigns
(
    `organization_id` String,
    `campaign_id` String,
    `name` String,
    `campaign_type` String,
    `created_from` String,
    `created_from_id` Nullable(String),
    `targeted` UInt64,
    `channel` String,
    `credit_source` String,
    `status` String,
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (`organization_id`, `campaign_id`)
SETTINGS non_replicated_deduplication_window = 10000;

-- The name that stands for a customer, center or zone (docs/ledger.md 1.10).
CREATE TABLE IF NOT EXISTS {tables}.names
(
    `organization_id` String,
    `kind` String,
    `named_id` String,
    `name` String,
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (`organization_id`, `kind`, `named_id`)
SETTINGS non_replicated_deduplication_window = 10000;

-- Refused records with everything that they carried (docs/ledger.md 3.6).
CREATE TABLE IF NOT EXISTS {tables}.dead_letters
(
    `topic` String,
    `partition` UInt64,
    `offset` UInt64,
    `reason` String,
    `field` Nullable(String),
    `detail` String,
    `timestamp` DateTime64(6, 'UTC'),
    `key` Nullable(String),
    `value` Nullable(String),
    `headers` Array(Tuple(name String, value String)),
    `source_topic` LowCardinality(String),
    `source_partition` UInt32,
    `source_offset` Int64,
    `revision` UInt64,
    `deleted` UInt8
)
ENGINE = ReplacingMergeTree(revision, deleted)
ORDER BY (`topic`, `partition`, `offset`)
SETTINGS non_replicated_deduplication_window = 10000;

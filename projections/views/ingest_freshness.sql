-- How far each table has come, told from what the tables hold and from nothing else: always a row a table.
-- A table that nothing was put into for long need not be late: nothing may have changed in it. Whether rows wait to be put in
-- is told by the sink's metrics (docs/metrics.md). Replaced versions and deleted rows count too, since they came in.
-- Some columns of every row are read, so it takes as long as the tables are large.
--
-- Columns:
--   table: the table
--   version_count: count; versions of rows that are stored, those that will be merged away among them
--   newest_revision: greatest revision: the generation, then the number of a commit within its partition number, 0 without a row
--   newest_recorded_at: instant; latest recorded_at in ledger or grants, latest timestamp of a refused record in dead_letters, null for other tables and without a row
--   partition_count: count; partition numbers in which the records lie that made these rows
--   newest_topic: input topic of the record that made a row of the greatest revision, of several one with the greatest offset, or '' without a row
--   newest_partition: partition number of that record
--   newest_offset: offset of that record in its partition
CREATE OR REPLACE VIEW {views}.ingest_freshness AS
SELECT
    table,
    version_count,
    newest_revision,
    newest_recorded_at,
    partition_count,
    CAST(newest.1, 'String') AS newest_topic,
    newest.2 AS newest_partition,
    newest.3 AS newest_offset
FROM
(
    SELECT
        'allocations' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.allocations
    UNION ALL
    SELECT
        'campaign_usage' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.campaign_usage
    UNION ALL
    SELECT
        'campaigns' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.campaigns
    UNION ALL
    SELECT
        'conflicts' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.conflicts
    UNION ALL
    SELECT
        'dead_letters' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        maxOrNull(timestamp) AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.dead_letters
    UNION ALL
    SELECT
        'deriving' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.deriving
    UNION ALL
    SELECT
        'grants' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        maxOrNull(recorded_at) AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.grants
    UNION ALL
    SELECT
        'ledger' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        maxOrNull(recorded_at) AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.ledger
    UNION ALL
    SELECT
        'lots' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.lots
    UNION ALL
    SELECT
        'monthly_snapshots' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.monthly_snapshots
    UNION ALL
    SELECT
        'names' AS table,
        count() AS version_count,
        max(revision) AS newest_revision,
        CAST(NULL, 'Nullable(DateTime64(6, ''UTC''))') AS newest_recorded_at,
        uniqExact(source_partition) AS partition_count,
        argMax((source_topic, source_partition, source_offset), (revision, source_offset)) AS newest
    FROM {tables}.names
)
ORDER BY table

-- When the months of an organization's time zone begin and end, over a range of months, both included (docs/ledger.md 4.3).
-- They are those of the catalog that the tables were last migrated with.
--
-- Parameters:
--   organization: id of the organization
--   month_from: first month, such as 2026-03
--   month_to: last month, included
-- Columns:
--   month: the month in the organization's zone
--   month_start: instant; its first
--   month_end: instant; the first of the month after it
CREATE OR REPLACE VIEW {views}.months AS
WITH
    (
        SELECT argMax(zone, organization_id)
        FROM {tables}.organizations FINAL
        WHERE organization_id IN ('', {organization:String})
    ) AS own_zone
SELECT month, month_start, month_end
FROM {tables}.zone_months FINAL
WHERE zone = own_zone AND month >= {month_from:String} AND month <= {month_to:String}
ORDER BY month

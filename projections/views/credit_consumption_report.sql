-- What each customer consumed of each type of credits in each month of a range, both ends included, and who paid (docs/ledger.md 4.12, 5.4).
-- A month without a consumption whose net amount is above 0 has no row.
--
-- Parameters:
--   organization: id of the organization
--   month_from: first month, such as 2026-03
--   month_to: last month, such as 2026-05
--   credit_type: the type of credits, such as hours, empty for all
-- Columns:
--   customer_id: the customer
--   customer_name: the name last given, or the id where none was
--   credit_type: the type of credits
--   month: local month, in the organization's time zone
--   consumption_count: count; consumptions with a net amount above 0
--   consumed: credits; once_used + monthly_used + unlimited_used + overage
--   once_used: credits; paid by limited lots granted once
--   monthly_used: credits; paid by limited lots granted every month
--   unlimited_used: credits; paid by unlimited lots
--   overage: credits; covered by no lot
--   cost: cost by currency, such as EUR 3, USD 12.5, summed and then rounded to 2 digits, empty where there is none
CREATE OR REPLACE VIEW {views}.credit_consumption_report AS
SELECT
    months.customer_id AS customer_id,
    if(empty(names.name), months.customer_id, names.name) AS customer_name,
    months.credit_type AS credit_type,
    months.month AS month,
    months.consumption_count AS consumption_count,
    months.consumed AS consumed,
    months.once_used AS once_used,
    months.monthly_used AS monthly_used,
    months.unlimited_used AS unlimited_used,
    months.overage AS overage,
    arrayStringConcat(
        arrayMap(part -> concat(part.1, ' ', toString(round(part.2, 2))), arraySort(costs.by_currency)), ', '
    ) AS cost
FROM
(
    SELECT customer_id, credit_type, month, consumption_count, consumed, once_used, monthly_used, unlimited_used, overage
    FROM {tables}.monthly_snapshots FINAL
    PREWHERE
        organization_id = {organization:String}
        AND month BETWEEN {month_from:String} AND {month_to:String}
        AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
    WHERE consumption_count > 0
) AS months
LEFT JOIN
(
    SELECT customer_id, credit_type, month, groupArray((currency, total)) AS by_currency
    FROM
    (
        SELECT customer_id, credit_type, month, part.currency AS currency, sum(toDecimal256(part.cost, 12)) AS total
        FROM {tables}.allocations FINAL
        ARRAY JOIN cost AS part
        PREWHERE
            organization_id = {organization:String}
            AND month BETWEEN {month_from:String} AND {month_to:String}
            AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
        WHERE amount > reversed
        GROUP BY customer_id, credit_type, month, currency
    )
    GROUP BY customer_id, credit_type, month
) AS costs ON costs.customer_id = months.customer_id AND costs.credit_type = months.credit_type AND costs.month = months.month
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE organization_id = {organization:String} AND kind = 'CUSTOMER'
) AS names ON names.named_id = months.customer_id
ORDER BY customer_id, credit_type, month

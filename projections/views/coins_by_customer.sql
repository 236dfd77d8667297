-- Coins of each customer over a range of months, both included (docs/ledger.md 5.2, 5.3, 5.6).
-- Parameters: organization; month_from and month_to as 2026-03.
-- Flows are summed over the range; opening is the closing of the last row before it, closing that of the last row up to its end.
CREATE OR REPLACE VIEW {views}.coins_by_customer AS
SELECT
    snapshots.customer_id AS customer_id,
    if(empty(names.name), snapshots.customer_id, names.name) AS customer_name,
    argMaxIf(once_closing, month, month < {month_from:String}) AS opening,
    sumIf(once_granted, month >= {month_from:String}) AS once_granted,
    sumIf(monthly_granted, month >= {month_from:String}) AS monthly_granted,
    sumIf(once_used, month >= {month_from:String}) AS once_used,
    sumIf(monthly_used, month >= {month_from:String}) AS monthly_used,
    sumIf(once_expired, month >= {month_from:String}) AS expired,
    sumIf(monthly_unused, month >= {month_from:String}) AS unused,
    sumIf(once_voided + monthly_voided, month >= {month_from:String}) AS voided,
    argMax(once_closing, month) AS closing,
    sumIf(overage, month >= {month_from:String}) AS overage,
    sumIf(consumption_count, month >= {month_from:String}) AS bookings
FROM
(
    SELECT *
    FROM {tables}.monthly_snapshots FINAL
    WHERE organization_id = {organization:String} AND credit_type = 'coins' AND month <= {month_to:String}
) AS snapshots
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE organization_id = {organization:String} AND kind = 'CUSTOMER'
) AS names ON names.named_id = snapshots.customer_id
GROUP BY customer_id, customer_name
ORDER BY customer_id

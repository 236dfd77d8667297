-- Coins of a whole organization over a range of months, both included: always one row (docs/ledger.md 5.2, 5.3, 5.6).
-- The sums of what coins_by_customer says of each customer; zeros where there is nothing.
--
-- Parameters:
--   organization: id of the organization
--   month_from: first month, such as 2026-03
--   month_to: last month, such as 2026-05
-- Columns:
--   opening: coins; closing of each customer's last month before the range, of limited lots granted once
--   once_granted: coins; granted once, by limited lots that start in the range
--   monthly_granted: coins; granted every month, by limited lots that start in the range
--   granted_total: coins; once_granted + monthly_granted
--   granted_text: granted_total, or Unlimited where an unlimited lot of any customer was valid in the range
--   used: coins; paid by limited lots
--   unlimited_used: coins; paid by unlimited lots
--   expired: coins; rest of lots granted once at their natural end
--   unused: coins; rest of lots granted every month at their natural end
--   voided: coins; rest of lots that a void ended
--   closing: coins; opening + granted_total - used - expired - unused - voided
--   overage: coins; consumed, but covered by no lot
--   consumed: coins; used + unlimited_used + overage
--   bookings: count; consumptions with a net amount above 0
--   customer_count: count; customers whose first month is not after the range
--   consuming_count: count; customers with a consumption in the range whose net amount is above 0
--   unlimited_count: count; customers for whom an unlimited lot was valid in the range at least once
CREATE OR REPLACE VIEW {views}.coins_widgets AS
SELECT
    sum(customers.opening) AS opening,
    sum(customers.once_granted) AS once_granted,
    sum(customers.monthly_granted) AS monthly_granted,
    once_granted + monthly_granted AS granted_total,
    if(unlimited_count > 0, 'Unlimited', toString(granted_total)) AS granted_text,
    sum(customers.used) AS used,
    sum(customers.unlimited_used) AS unlimited_used,
    sum(customers.expired) AS expired,
    sum(customers.unused) AS unused,
    sum(customers.voided) AS voided,
    sum(customers.closing) AS closing,
    sum(customers.overage) AS overage,
    sum(customers.consumed) AS consumed,
    sum(customers.bookings) AS bookings,
    count() AS customer_count,
    countIf(customers.bookings > 0) AS consuming_count,
    countIf(customers.has_unlimited) AS unlimited_count
FROM
(
    SELECT
        customer_id,
        argMaxIf(once_closing, month, month < {month_from:String}) AS opening,
        argMax(once_closing, month) AS closing,
        sumIf(once_granted, month >= {month_from:String}) AS once_granted,
        sumIf(monthly_granted, month >= {month_from:String}) AS monthly_granted,
        max(month >= {month_from:String} AND (once_unlimited OR monthly_unlimited)) AS has_unlimited,
        sumIf(once_used + monthly_used, month >= {month_from:String}) AS used,
        sumIf(unlimited_used, month >= {month_from:String}) AS unlimited_used,
        sumIf(once_expired, month >= {month_from:String}) AS expired,
        sumIf(monthly_unused, month >= {month_from:String}) AS unused,
        sumIf(once_voided + monthly_voided, month >= {month_from:String}) AS voided,
        sumIf(overage, month >= {month_from:String}) AS overage,
        sumIf(consumed, month >= {month_from:String}) AS consumed,
        sumIf(consumption_count, month >= {month_from:String}) AS bookings
    FROM {tables}.monthly_snapshots FINAL
    PREWHERE organization_id = {organization:String} AND credit_type = 'coins' AND month <= {month_to:String}
    GROUP BY customer_id
) AS customers

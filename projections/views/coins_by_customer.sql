-- Coins of each customer over a range of months, both included (docs/ledger.md 5.2, 5.3, 5.6).
-- Flows are summed over the range; a customer is listed whose first month is not after it, also if nothing happened within.
-- opening + granted_total - once_used - monthly_used - expired - unused - voided = closing.
--
-- Parameters:
--   organization: id of the organization
--   month_from: first month, such as 2026-03
--   month_to: last month, such as 2026-05
-- Columns:
--   customer_id: the customer
--   customer_name: the name last given, or the id where none was
--   opening: coins; closing of the customer's last month before the range, of limited lots granted once
--   once_granted: coins; granted once, by limited lots that start in the range
--   monthly_granted: coins; granted every month, by limited lots that start in the range
--   granted_total: coins; once_granted + monthly_granted
--   granted_text: granted_total, or Unlimited where an unlimited lot was valid in the range
--   once_used: coins; paid by limited lots granted once
--   monthly_used: coins; paid by limited lots granted every month
--   unlimited_used: coins; paid by unlimited lots
--   expired: coins; rest of lots granted once at their natural end
--   unused: coins; rest of lots granted every month at their natural end
--   voided: coins; rest of lots that a void ended
--   closing: coins; closing of the customer's last month up to the end of the range, of limited lots granted once
--   overage: coins; consumed, but covered by no lot
--   consumed: coins; once_used + monthly_used + unlimited_used + overage
--   bookings: count; consumptions with a net amount above 0
CREATE OR REPLACE VIEW {views}.coins_by_customer AS
SELECT
    figures.customer_id AS customer_id,
    if(empty(names.name), figures.customer_id, names.name) AS customer_name,
    figures.opening AS opening,
    figures.once_granted AS once_granted,
    figures.monthly_granted AS monthly_granted,
    figures.once_granted + figures.monthly_granted AS granted_total,
    if(figures.has_unlimited, 'Unlimited', toString(granted_total)) AS granted_text,
    figures.once_used AS once_used,
    figures.monthly_used AS monthly_used,
    figures.unlimited_used AS unlimited_used,
    figures.expired AS expired,
    figures.unused AS unused,
    figures.voided AS voided,
    figures.closing AS closing,
    figures.overage AS overage,
    figures.consumed AS consumed,
    figures.bookings AS bookings
FROM
(
    SELECT
        customer_id,
        argMaxIf(once_closing, month, month < {month_from:String}) AS opening,
        argMax(once_closing, month) AS closing,
        sumIf(once_granted, month >= {month_from:String}) AS once_granted,
        sumIf(monthly_granted, month >= {month_from:String}) AS monthly_granted,
        max(month >= {month_from:String} AND (once_unlimited OR monthly_unlimited)) AS has_unlimited,
        sumIf(once_used, month >= {month_from:String}) AS once_used,
        sumIf(monthly_used, month >= {month_from:String}) AS monthly_used,
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
) AS figures
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE organization_id = {organization:String} AND kind = 'CUSTOMER'
) AS names ON names.named_id = figures.customer_id
ORDER BY customer_id

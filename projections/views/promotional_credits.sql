-- Credits toward invoices over a range of months, both included: what each customer was granted, what paid lines, what is due (docs/ledger.md 4.9, 5.6).
-- They are of the type asked for or, where none is, of every type that an invoice line of the organization was charged in.
-- opening + granted - used - expired - unused - voided = closing.
--
-- Parameters:
--   organization: id of the organization
--   month_from: first month, such as 2026-03
--   month_to: last month, such as 2026-05
--   credit_type: the type of credits, such as usd, empty for every type that an invoice line was charged in
-- Columns:
--   customer_id: the customer
--   customer_name: the name last given, or the id where none was
--   credit_type: the type of credits
--   opening: credits; closing of the customer's last month before the range, of limited lots granted once
--   granted: credits; granted once and every month, by limited lots that start in the range
--   granted_text: granted, or Unlimited where an unlimited lot was valid in the range
--   used: credits; paid by limited lots
--   unlimited_used: credits; paid by unlimited lots
--   expired: credits; rest of lots granted once at their natural end
--   unused: credits; rest of lots granted every month at their natural end
--   voided: credits; rest of lots that a void ended
--   closing: credits; closing of the customer's last month up to the end of the range, of limited lots granted once
--   due: credits; consumed, but covered by no lot
CREATE OR REPLACE VIEW {views}.promotional_credits AS
SELECT
    figures.customer_id AS customer_id,
    if(empty(names.name), figures.customer_id, names.name) AS customer_name,
    figures.credit_type AS credit_type,
    figures.opening AS opening,
    figures.granted AS granted,
    if(figures.has_unlimited, 'Unlimited', toString(figures.granted)) AS granted_text,
    figures.used AS used,
    figures.unlimited_used AS unlimited_used,
    figures.expired AS expired,
    figures.unused AS unused,
    figures.voided AS voided,
    figures.closing AS closing,
    figures.due AS due
FROM
(
    SELECT
        customer_id,
        credit_type,
        argMaxIf(once_closing, month, month < {month_from:String}) AS opening,
        argMax(once_closing, month) AS closing,
        sumIf(once_granted + monthly_granted, month >= {month_from:String}) AS granted,
        max(month >= {month_from:String} AND (once_unlimited OR monthly_unlimited)) AS has_unlimited,
        sumIf(once_used + monthly_used, month >= {month_from:String}) AS used,
        sumIf(unlimited_used, month >= {month_from:String}) AS unlimited_used,
        sumIf(once_expired, month >= {month_from:String}) AS expired,
        sumIf(monthly_unused, month >= {month_from:String}) AS unused,
        sumIf(once_voided + monthly_voided, month >= {month_from:String}) AS voided,
        sumIf(overage, month >= {month_from:String}) AS due
    FROM {tables}.monthly_snapshots FINAL
    PREWHERE
        organization_id = {organization:String}
        AND month <= {month_to:String}
        AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
    GROUP BY customer_id, credit_type
) AS figures
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE organization_id = {organization:String} AND kind = 'CUSTOMER'
) AS names ON names.named_id = figures.customer_id
WHERE
    {credit_type:String} != ''
    OR figures.credit_type IN (
        SELECT credit_type
        FROM {tables}.ledger FINAL
        PREWHERE organization_id = {organization:String} AND activity_type = 'LineItem'
    )
ORDER BY customer_id, credit_type

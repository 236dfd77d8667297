-- The lines of invoices over a range of months, both included: what credits paid and what is due (docs/ledger.md 4.8, 4.9).
-- Parameters: organization; month_from and month_to as 2026-03.
-- amount = credited + due, net of reversals.
CREATE OR REPLACE VIEW {views}.invoice_credits AS
SELECT
    ledger.customer_id AS customer_id,
    ledger.invoice_id AS invoice_id,
    ledger.line_id AS line_id,
    ledger.line_kind AS kind,
    ledger.item AS item,
    ledger.month AS month,
    ledger.credit_type AS credit_type,
    allocations.amount - allocations.reversed AS amount,
    allocations.amount - allocations.reversed - allocations.overage AS credited,
    allocations.overage AS due,
    arrayMap(part -> part.grant_id, allocations.paid_by) AS paid_by,
    ledger.event_id AS event_id
FROM
(
    SELECT *
    FROM {tables}.ledger FINAL
    WHERE
        organization_id = {organization:String}
        AND month BETWEEN {month_from:String} AND {month_to:String}
        AND activity_type = 'LineItem'
) AS ledger
INNER JOIN
(
    SELECT customer_id, occurred_at, event_id, amount, reversed, overage, paid_by
    FROM {tables}.allocations FINAL
    WHERE organization_id = {organization:String} AND month BETWEEN {month_from:String} AND {month_to:String}
) AS allocations
    ON allocations.customer_id = ledger.customer_id
    AND allocations.occurred_at = ledger.occurred_at
    AND allocations.event_id = ledger.event_id
ORDER BY customer_id, invoice_id, line_id, ledger.occurred_at, event_id

-- The lines of invoices over a range of months, both included: what credits paid of each, and what is due (docs/ledger.md 4.8, 4.9).
-- amount = credited + due, net of reversals; a line that was reversed in full stands there with zeros.
-- What is due of an invoice is the sum over its lines.
--
-- Parameters:
--   organization: id of the organization
--   month_from: first month, such as 2026-03
--   month_to: last month, such as 2026-05
-- Columns:
--   customer_id: the customer
--   customer_name: the name last given, or the id where none was
--   invoice_id: the invoice
--   line_id: the line of the invoice
--   kind: USAGE_METER, ADDON, FIXED_FEE or LICENSE
--   item: what was invoiced
--   month: local month of the line, in the organization's time zone
--   credit_type: the credits that pay it
--   amount: credits; of the line
--   credited: credits; paid by lots
--   due: credits; covered by no lot
--   paid_by: the grants that paid, in burn order, and one that paid by several lots stands there several times
--   event_id: the consumption
CREATE OR REPLACE VIEW {views}.invoice_credits AS
SELECT
    ledger.customer_id AS customer_id,
    if(empty(names.name), ledger.customer_id, names.name) AS customer_name,
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
    SELECT customer_id, occurred_at, event_id, invoice_id, line_id, line_kind, item, month, credit_type
    FROM {tables}.ledger FINAL
    PREWHERE
        organization_id = {organization:String}
        AND month BETWEEN {month_from:String} AND {month_to:String}
        AND activity_type = 'LineItem'
) AS ledger
INNER JOIN
(
    SELECT customer_id, occurred_at, event_id, amount, reversed, overage, paid_by
    FROM {tables}.allocations FINAL
    PREWHERE organization_id = {organization:String} AND month BETWEEN {month_from:String} AND {month_to:String}
) AS allocations
    ON allocations.customer_id = ledger.customer_id
    AND allocations.occurred_at = ledger.occurred_at
    AND allocations.event_id = ledger.event_id
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE organization_id = {organization:String} AND kind = 'CUSTOMER'
) AS names ON names.named_id = ledger.customer_id
ORDER BY customer_id, invoice_id, line_id, ledger.occurred_at, event_id

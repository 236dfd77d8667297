-- Everything that a grant paid, lot by lot (docs/ledger.md 4.6, 4.7).
--
-- Parameters:
--   organization: id of the organization
--   grant_id: id of the grant
--   customer: id of the customer, or '' for any customer with a grant of that id
-- Columns:
--   customer_id: the customer
--   occurred_at: instant; when the consumption counts
--   event_id: the consumption
--   activity: type of its activity, such as Booking
--   credit_type: the credit type
--   lot_start: instant; first of the lot that paid
--   lot_end: instant; end of that lot, null where it never ends
--   paid: credits; what the lot paid of the consumption
--   net: credits; the whole consumption, net of its reversals
--   reversed: credits; what reversals took back of the consumption
CREATE OR REPLACE VIEW {views}.grant_statement AS
SELECT
    payments.customer_id AS customer_id,
    payments.occurred_at AS occurred_at,
    payments.event_id AS event_id,
    ledger.activity_type AS activity,
    payments.credit_type AS credit_type,
    payments.part.lot_start AS lot_start,
    lots.end AS lot_end,
    payments.part.amount AS paid,
    payments.amount - payments.reversed AS net,
    payments.reversed AS reversed
FROM
(
    SELECT customer_id, occurred_at, event_id, credit_type, amount, reversed, part
    FROM {tables}.allocations FINAL
    ARRAY JOIN arrayFilter(one -> one.grant_id = {grant_id:String}, paid_by) AS part
    WHERE
        organization_id = {organization:String}
        AND customer_id IN (
            SELECT customer_id
            FROM {tables}.grants FINAL
            WHERE
                organization_id = {organization:String}
                AND grant_id = {grant_id:String}
                AND ({customer:String} = '' OR customer_id = {customer:String})
        )
) AS payments
LEFT JOIN
(
    SELECT customer_id, occurred_at, event_id, activity_type
    FROM {tables}.ledger FINAL
    WHERE
        organization_id = {organization:String}
        AND customer_id IN (
            SELECT customer_id
            FROM {tables}.grants FINAL
            WHERE
                organization_id = {organization:String}
                AND grant_id = {grant_id:String}
                AND ({customer:String} = '' OR customer_id = {customer:String})
        )
) AS ledger
    ON ledger.customer_id = payments.customer_id
    AND ledger.occurred_at = payments.occurred_at
    AND ledger.event_id = payments.event_id
LEFT JOIN
(
    SELECT customer_id, start, end
    FROM {tables}.lots FINAL
    WHERE
        organization_id = {organization:String}
        AND grant_id = {grant_id:String}
        AND ({customer:String} = '' OR customer_id = {customer:String})
) AS lots ON lots.customer_id = payments.customer_id AND lots.start = payments.part.lot_start
ORDER BY customer_id, occurred_at, event_id, lot_start

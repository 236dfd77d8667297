-- Sessions and daily top-ups of one month: who, for whom, how long, how many credits, at what cost (docs/ledger.md 4.5, 4.12).
-- Credits and cost are net of reversals; what was reversed in full is left out.
--
-- Parameters:
--   organization: id of the organization
--   month: the month, such as 2026-03
--   usage: sessions, top-ups or both
-- Columns:
--   date: local day of the session or top-up, in the organization's time zone
--   usage: session or top-up
--   customer_id: the customer
--   customer_name: the name last given, or the id where none was
--   staff: who gave the session, or whom the top-up was for
--   client: who received it
--   program: the program
--   duration_minutes: minutes; length of the session, null for a top-up
--   credit_type: the credits that were used
--   credits: credits; consumed net of reversals
--   cost: cost by currency, such as GBP 12.5, each rounded to 2 digits, empty where there is none
--   event_id: the consumption
CREATE OR REPLACE VIEW {views}.credit_usage_report AS
SELECT
    ledger.day AS date,
    if(ledger.activity_type = 'Session', 'session', 'top-up') AS usage,
    ledger.customer_id AS customer_id,
    if(empty(names.name), ledger.customer_id, names.name) AS customer_name,
    ledger.staff AS staff,
    ledger.client AS client,
    ledger.program AS program,
    ledger.minutes AS duration_minutes,
    ledger.credit_type AS credit_type,
    allocations.amount - allocations.reversed AS credits,
    arrayStringConcat(
        arrayMap(part -> concat(part.currency, ' ', toString(round(part.cost, 2))), allocations.cost), ', '
    ) AS cost,
    ledger.event_id AS event_id
FROM
(
    SELECT customer_id, occurred_at, event_id, day, activity_type, staff, client, program, minutes, credit_type
    FROM {tables}.ledger FINAL
    PREWHERE
        organization_id = {organization:String}
        AND month = {month:String}
        AND (
            (activity_type = 'Session' AND {usage:String} IN ('sessions', 'both'))
            OR (activity_type = 'DailyTopUp' AND {usage:String} IN ('top-ups', 'both'))
        )
) AS ledger
INNER JOIN
(
    SELECT customer_id, occurred_at, event_id, amount, reversed, cost
    FROM {tables}.allocations FINAL
    PREWHERE organization_id = {organization:String} AND month = {month:String}
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
WHERE allocations.amount > allocations.reversed
ORDER BY ledger.occurred_at, event_id

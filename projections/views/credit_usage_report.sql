-- Sessions and daily top-ups of one month: who, for whom, how long, how many credits, at what cost (docs/ledger.md 4.5, 4.12).
-- Parameters: organization; month as 2026-03; usage as sessions, top-ups or both.
-- Credits and cost are net of reversals; what was reversed in full is left out. Costs are shown rounded to 2 digits.
CREATE OR REPLACE VIEW {views}.credit_usage_report AS
SELECT
    ledger.day AS date,
    if(ledger.activity_type = 'Session', 'session', 'top-up') AS usage,
    ledger.customer_id AS customer_id,
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
    SELECT *
    FROM {tables}.ledger FINAL
    WHERE
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
    WHERE organization_id = {organization:String} AND month = {month:String}
) AS allocations
    ON allocations.customer_id = ledger.customer_id
    AND allocations.occurred_at = ledger.occurred_at
    AND allocations.event_id = ledger.event_id
WHERE allocations.amount > allocations.reversed
ORDER BY ledger.occurred_at, ledger.event_id

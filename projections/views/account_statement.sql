-- An account's movements over a stretch of time: each lot's start, each net consumption and each lot's end, with the balance
-- after it (docs/ledger.md 4.11, 6.1). At one instant ends come first, then starts, then consumption by event_id, so the last
-- line of an instant has the balance as of it. The balance runs over the whole history, also where only a part is shown.
-- Unlimited lots change nothing in it. Monthly lots that the clock has not reached are shown up to the end that is asked for.
--
-- Parameters:
--   organization: id of the organization
--   customer: id of the customer
--   credit_type: name of the credit type
--   to: instant, excluded, RFC 3339, or '' for the last start or end of a lot that the books hold
--   from: instant, included, RFC 3339, such as 2026-03-31T22:00:00Z, or '' for the beginning
-- Columns:
--   at: instant; when it counts
--   line: 'lot start', 'consumption' or 'lot end'
--   grant_id: grant of the lot, or '' for a consumption
--   event_id: the consumption, or '' for a lot
--   name: name of the grant, or type of the activity, such as Booking
--   unlimited: whether the lot is unlimited
--   amount: credits; change of the balance, what a lot holds, what limited lots paid, or what is left at the end of a lot
--   unlimited_used: credits; what unlimited lots paid of a consumption
--   overage: credits; what no lot covered of a consumption
--   balance: credits; the balance after this line
CREATE OR REPLACE VIEW {views}.account_statement AS
WITH
    (
        SELECT argMax(zone, organization_id)
        FROM {tables}.organizations FINAL
        WHERE organization_id IN ('', {organization:String})
    ) AS own_zone,
    (
        SELECT max(greatest(start, ifNull(end, start)))
        FROM {tables}.lots FINAL
        WHERE organization_id = {organization:String} AND customer_id = {customer:String} AND credit_type = {credit_type:String}
    ) AS last_known,
    if(
        {to:String} = '',
        last_known,
        subtractMicroseconds(parseDateTime64BestEffort(if({to:String} = '', '2200', {to:String}), 6, 'UTC'), 1)
    ) AS last_lot_line,
    (
        SELECT groupArray(grant_id)
        FROM {tables}.grants FINAL
        WHERE
            organization_id = {organization:String}
            AND customer_id = {customer:String}
            AND credit_type = {credit_type:String}
            AND isNull(amount)
    ) AS unlimited_grants
SELECT at, line, grant_id, event_id, name, toBool(is_unlimited) AS unlimited, amount, unlimited_used, overage, balance
FROM
(
    SELECT
        *,
        sum(amount) OVER (
            ORDER BY at, place, event_id, grant_id, start ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS balance
    FROM
    (
        SELECT
            if(line = 'lot start', lots.start, assumeNotNull(lots.end)) AS at,
            if(line = 'lot start', 2, 1) AS place,
            line,
            lots.grant_id AS grant_id,
            lots.start AS start,
            '' AS event_id,
            grants.name AS name,
            isNull(lots.amount) AS is_unlimited,
            multiIf(
                isNull(lots.amount), toDecimal128(0, 6),
                line = 'lot start', assumeNotNull(lots.amount),
                lots.used - assumeNotNull(lots.amount)
            ) AS amount,
            toDecimal128(0, 6) AS unlimited_used,
            toDecimal128(0, 6) AS overage
        FROM
        (
            SELECT *
            FROM
            (
                SELECT grant_id, start, end, amount, used, 0 AS is_ahead
                FROM {tables}.lots FINAL
                WHERE
                    organization_id = {organization:String}
                    AND customer_id = {customer:String}
                    AND credit_type = {credit_type:String}
                UNION ALL
                -- The lots of monthly grants in all months, also those that the clock has not reached.
                SELECT
                    promises.grant_id AS grant_id,
                    greatest(months.month_start, promises.effective_at) AS start,
                    toNullable(
                        least(
                            months.month_end,
                            ifNull(promises.expires_at, months.month_end),
                            ifNull(promises.voided_at, months.month_end)
                        )
                    ) AS end,
                    promises.amount AS amount,
                    toDecimal128(0, 6) AS used,
                    1 AS is_ahead
                FROM
                (
                    SELECT grant_id, effective_at, expires_at, voided_at, amount
                    FROM {tables}.grants FINAL
                    WHERE
                        organization_id = {organization:String}
                        AND customer_id = {customer:String}
                        AND credit_type = {credit_type:String}
                        AND cadence = 'MONTHLY'
                ) AS promises
                CROSS JOIN
                (
                    SELECT month_start, month_end
                    FROM {tables}.zone_months FINAL
                    WHERE zone = own_zone AND month_start <= last_lot_line
                ) AS months
                WHERE start < end
            )
            ORDER BY is_ahead
            LIMIT 1 BY grant_id, start
        ) AS lots
        LEFT JOIN
        (
            SELECT grant_id, name
            FROM {tables}.grants FINAL
            WHERE organization_id = {organization:String} AND customer_id = {customer:String}
        ) AS grants ON grants.grant_id = lots.grant_id
        ARRAY JOIN if(isNull(lots.end), ['lot start'], ['lot start', 'lot end']) AS line
        WHERE at <= last_lot_line
        UNION ALL
        SELECT
            allocations.occurred_at AS at,
            3 AS place,
            'consumption' AS line,
            '' AS grant_id,
            allocations.occurred_at AS start,
            allocations.event_id AS event_id,
            ledger.activity_type AS name,
            0 AS is_unlimited,
            allocations.overage + allocations.unlimited_used + allocations.reversed - allocations.amount AS amount,
            allocations.unlimited_used AS unlimited_used,
            allocations.overage AS overage
        FROM
        (
            SELECT
                *,
                arraySum(
                    part -> if(has(unlimited_grants, part.grant_id), part.amount, toDecimal128(0, 6)), paid_by
                ) AS unlimited_used
            FROM {tables}.allocations FINAL
            WHERE
                organization_id = {organization:String}
                AND customer_id = {customer:String}
                AND credit_type = {credit_type:String}
                AND amount > reversed
        ) AS allocations
        LEFT JOIN
        (
            SELECT occurred_at, event_id, activity_type
            FROM {tables}.ledger FINAL
            WHERE organization_id = {organization:String} AND customer_id = {customer:String}
        ) AS ledger ON ledger.occurred_at = allocations.occurred_at AND ledger.event_id = allocations.event_id
    )
)
WHERE
    at >= parseDateTime64BestEffort(if({from:String} = '', '1900-01-01T00:00:00Z', {from:String}), 6, 'UTC')
    AND at < parseDateTime64BestEffort(if({to:String} = '', '2299-01-01T00:00:00Z', {to:String}), 6, 'UTC')
ORDER BY at, place, event_id, grant_id, start

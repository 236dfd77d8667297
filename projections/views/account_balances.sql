-- What each account has at an instant, on today's knowledge, over the limited lots that are valid then (docs/ledger.md 6.1).
-- There is a row for each account that has a grant or a consumption, also where all is 0. Monthly lots of months that the
-- clock has not reached count too: nobody has used any of them yet.
--
-- Parameters:
--   organization: id of the organization
--   as_of: instant, RFC 3339, such as 2026-03-31T22:00:00Z
--   customer: id of the customer, or '' for all
--   credit_type: name of the credit type, or '' for all
-- Columns:
--   organization_id: the organization
--   customer_id: the customer
--   customer_name: its name, or its id where none was given
--   credit_type: the credit type
--   as_of: instant; the one asked about
--   granted: credits; amounts of the lots that are valid then
--   used: credits; what these lots paid up to and including the instant
--   balance: credits; granted less used
--   committed: credits; what later consumption draws on these lots
--   available: credits; balance less committed
--   restricted: credits; the part of available in lots with a scope
--   unlimited: whether an unlimited lot is valid then
--   next_expiry: instant; the soonest end of a lot with something to lapse, null with nothing to lapse
--   next_expiry_amount: credits; what lapses at that end
--   overage: credits; what no lot covered in the month of the instant, up to and including it
--   available_text: available as text, or 'Unlimited' where an unlimited lot is valid
--   deriving: whether the account is being derived anew after a late event, so that its figures are those of before
CREATE OR REPLACE VIEW {views}.account_balances AS
WITH
    (
        SELECT argMax(zone, organization_id)
        FROM {tables}.organizations FINAL
        WHERE organization_id IN ('', {organization:String})
    ) AS own_zone,
    parseDateTime64BestEffort({as_of:String}, 6, 'UTC') AS asked,
    (
        SELECT (max(month_start), max(month_end))
        FROM {tables}.zone_months FINAL
        WHERE zone = own_zone AND month_start <= asked AND asked < month_end
    ) AS own_month
SELECT
    {organization:String} AS organization_id,
    accounts.customer_id AS customer_id,
    if(empty(names.name), accounts.customer_id, names.name) AS customer_name,
    accounts.credit_type AS credit_type,
    asked AS as_of,
    sums.held AS granted,
    sums.drawn - sums.committed AS used,
    sums.held - sums.drawn + sums.committed AS balance,
    sums.committed AS committed,
    sums.available AS available,
    sums.restricted AS restricted,
    toBool(sums.is_unlimited) AS unlimited,
    sums.next_expiry AS next_expiry,
    sums.next_expiry_amount AS next_expiry_amount,
    overages.overage AS overage,
    if(sums.is_unlimited, 'Unlimited', toString(sums.available)) AS available_text,
    toBool(underway.is_deriving) AS deriving
FROM
(
    SELECT customer_id, credit_type
    FROM {tables}.grants FINAL
    WHERE
        organization_id = {organization:String}
        AND ({customer:String} = '' OR customer_id = {customer:String})
        AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
    UNION DISTINCT
    SELECT customer_id, credit_type
    FROM {tables}.ledger FINAL
    WHERE
        organization_id = {organization:String}
        AND ({customer:String} = '' OR customer_id = {customer:String})
        AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
) AS accounts
LEFT JOIN
(
    SELECT
        customer_id,
        credit_type,
        sum(ends.held) AS held,
        sum(ends.drawn) AS drawn,
        sum(ends.committed) AS committed,
        sum(ends.available) AS available,
        sum(ends.restricted) AS restricted,
        max(ends.is_unlimited) AS is_unlimited,
        minIf(ends.end, ends.available > 0) AS next_expiry,
        ifNull(argMinIf(ends.available, ends.end, ends.available > 0), toDecimal128(0, 6)) AS next_expiry_amount
    FROM
    (
        SELECT
            lots.customer_id AS customer_id,
            lots.credit_type AS credit_type,
            lots.end AS end,
            sumIf(ifNull(lots.amount, toDecimal128(0, 6)), isNotNull(lots.amount)) AS held,
            sumIf(lots.used, isNotNull(lots.amount)) AS drawn,
            sumIf(later.paid, isNotNull(lots.amount)) AS committed,
            held - drawn AS available,
            sumIf(ifNull(lots.amount, lots.used) - lots.used, notEmpty(lots.scope)) AS restricted,
            max(isNull(lots.amount)) AS is_unlimited
        FROM
        (
            SELECT *
            FROM
            (
                SELECT customer_id, credit_type, grant_id, start, end, amount, used, scope, 0 AS is_ahead
                FROM {tables}.lots FINAL
                PREWHERE organization_id = {organization:String} AND start <= asked
                WHERE
                    (isNull(end) OR asked < end)
                    AND ({customer:String} = '' OR customer_id = {customer:String})
                    AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
                UNION ALL
                -- The lot of each monthly grant for the month of the instant, as the worker will issue it.
                SELECT
                    customer_id,
                    credit_type,
                    grant_id,
                    greatest(own_month.1, effective_at) AS start,
                    least(own_month.2, ifNull(expires_at, own_month.2), ifNull(voided_at, own_month.2)) AS end,
                    amount,
                    toDecimal128(0, 6) AS used,
                    scope,
                    1 AS is_ahead
                FROM {tables}.grants FINAL
                WHERE
                    organization_id = {organization:String}
                    AND cadence = 'MONTHLY'
                    AND start <= asked
                    AND asked < end
                    AND ({customer:String} = '' OR customer_id = {customer:String})
                    AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
            )
            ORDER BY is_ahead
            LIMIT 1 BY customer_id, credit_type, grant_id, start
        ) AS lots
        LEFT JOIN
        (
            SELECT customer_id, part.grant_id AS grant_id, part.lot_start AS lot_start, sum(part.amount) AS paid
            FROM
            (
                SELECT customer_id, paid_by
                FROM {tables}.allocations FINAL
                PREWHERE organization_id = {organization:String} AND occurred_at > asked
                WHERE
                    ({customer:String} = '' OR customer_id = {customer:String})
                    AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
            )
            ARRAY JOIN arrayFilter(one -> one.lot_start <= asked, paid_by) AS part
            GROUP BY customer_id, grant_id, lot_start
        ) AS later
            ON later.customer_id = lots.customer_id
            AND later.grant_id = lots.grant_id
            AND later.lot_start = lots.start
        GROUP BY customer_id, credit_type, end
    ) AS ends
    GROUP BY customer_id, credit_type
) AS sums ON sums.customer_id = accounts.customer_id AND sums.credit_type = accounts.credit_type
LEFT JOIN
(
    SELECT customer_id, credit_type, sum(allocations.overage) AS overage
    FROM
    (
        SELECT customer_id, credit_type, overage
        FROM {tables}.allocations FINAL
        PREWHERE organization_id = {organization:String} AND occurred_at >= own_month.1 AND occurred_at <= asked
        WHERE
            ({customer:String} = '' OR customer_id = {customer:String})
            AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
    ) AS allocations
    GROUP BY customer_id, credit_type
) AS overages ON overages.customer_id = accounts.customer_id AND overages.credit_type = accounts.credit_type
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE
        organization_id = {organization:String}
        AND kind = 'CUSTOMER'
        AND ({customer:String} = '' OR named_id = {customer:String})
) AS names ON names.named_id = accounts.customer_id
LEFT JOIN
(
    SELECT customer_id, credit_type, 1 AS is_deriving
    FROM {tables}.deriving FINAL
    WHERE organization_id = {organization:String}
) AS underway ON underway.customer_id = accounts.customer_id AND underway.credit_type = accounts.credit_type
ORDER BY customer_id, credit_type

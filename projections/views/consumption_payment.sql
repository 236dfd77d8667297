-- What explains how a consumption was paid: each lot of its account that was valid then, in burn order, and its part
-- (docs/ledger.md 4.6 to 4.10). Lots whose scope does not match come last. Where no lot was valid, there is one row without a lot.
--
-- Parameters:
--   organization: id of the organization
--   customer: id of the customer
--   event_id: id of the consumption
--   occurred_at: instant of the consumption, RFC 3339, or '' for any
-- Columns:
--   organization_id: the organization
--   customer_id: the customer
--   credit_type: the credit type
--   event_id: the consumption
--   occurred_at: instant; when it counts
--   activity_type: type of its activity, such as Booking
--   line_kind: kind of the invoice line, null for any other activity
--   item: item of the invoice line, null for any other activity
--   amount: credits; what it consumed
--   reversed: credits; what reversals took back of it
--   overage: credits; what no lot covered of it
--   consumption_month: its month in the organization's zone
--   cost: its cost by currency
--   paid_by: lots that paid it, in burn order
--   position: place of the lot in burn order, from 1, or 0 without a lot
--   part: 'paid', 'nothing left', 'not needed' or 'out of scope', or '' without a lot
--   paid: credits; what the lot paid
--   grant_id: the grant that issued the lot, or '' without a lot
--   start: instant; first of the lot
--   cadence: ONCE or MONTHLY
--   end: instant; end of the lot, null where it never ends
--   natural_end: instant; the end that it would have without a void, null where it never ends
--   end_kind: what becomes of the rest at the end, EXPIRED, UNUSED, VOIDED or NEVER
--   lot_amount: credits; what the lot holds, null where it is unlimited
--   lot_used: credits; what the lot paid in all
--   priority: 1 to 100, lower burns first
--   granted_at: instant; when the grant was made
--   scope: selectors of kind and item, none for everything
--   month: month in which the lot starts
CREATE OR REPLACE VIEW {views}.consumption_payment AS
SELECT
    {organization:String} AS organization_id,
    {customer:String} AS customer_id,
    uses_credit_type AS credit_type,
    uses_event_id AS event_id,
    uses_occurred_at AS occurred_at,
    activity_type,
    line_kind,
    item,
    consumed AS amount,
    reversed,
    overage,
    consumption_month,
    cost,
    paid_by,
    if(empty(grant_id), 0, row_number() OVER in_burn_order) AS position,
    multiIf(
        empty(grant_id), '',
        is_outside, 'out of scope',
        lot_paid > 0, 'paid',
        consumed - reversed > sum(lot_paid) OVER before, 'nothing left',
        'not needed'
    ) AS part,
    lot_paid AS paid,
    grant_id,
    start,
    cadence,
    end,
    natural_end,
    end_kind,
    lot_amount,
    lot_used,
    priority,
    granted_at,
    scope,
    month
FROM
(
    SELECT
        uses.credit_type AS uses_credit_type,
        uses.event_id AS uses_event_id,
        uses.occurred_at AS uses_occurred_at,
        uses.activity_type AS activity_type,
        uses.line_kind AS line_kind,
        uses.item AS item,
        uses.amount AS consumed,
        uses.reversed AS reversed,
        uses.overage AS overage,
        uses.month AS consumption_month,
        uses.cost AS cost,
        uses.paid_by AS paid_by,
        lots.grant_id AS grant_id,
        lots.start AS start,
        lots.cadence AS cadence,
        lots.end AS end,
        lots.natural_end AS natural_end,
        lots.end_kind AS end_kind,
        lots.amount AS lot_amount,
        lots.used AS lot_used,
        lots.priority AS priority,
        lots.granted_at AS granted_at,
        lots.scope AS scope,
        lots.month AS month,
        arrayFirst(one -> one.grant_id = lots.grant_id AND one.lot_start = lots.start, uses.paid_by).amount AS lot_paid,
        -- How narrow the narrowest selector is that matches: 0 an item, 1 a kind, 2 everything.
        arrayMap(
            selector -> toUInt8(isNull(selector.item)),
            arrayFilter(
                selector -> ifNull(selector.kind = uses.line_kind, 0) AND ifNull(selector.item = uses.item, isNull(selector.item)),
                lots.scope
            )
        ) AS matching,
        notEmpty(lots.scope) AND empty(matching) AS is_outside,
        if(empty(lots.scope), 2, arrayMin(matching)) AS breadth
    FROM
    (
        SELECT
            ledger.credit_type AS credit_type,
            ledger.event_id AS event_id,
            ledger.occurred_at AS occurred_at,
            ledger.activity_type AS activity_type,
            ledger.line_kind AS line_kind,
            ledger.item AS item,
            ledger.month AS month,
            allocations.amount AS amount,
            allocations.reversed AS reversed,
            allocations.overage AS overage,
            allocations.cost AS cost,
            allocations.paid_by AS paid_by
        FROM
        (
            SELECT credit_type, event_id, occurred_at, activity_type, line_kind, item, month
            FROM {tables}.ledger FINAL
            WHERE
                organization_id = {organization:String}
                AND customer_id = {customer:String}
                AND event_id = {event_id:String}
        ) AS ledger
        INNER JOIN
        (
            SELECT event_id, occurred_at, amount, reversed, overage, cost, paid_by
            FROM {tables}.allocations FINAL
            WHERE
                organization_id = {organization:String}
                AND customer_id = {customer:String}
                AND event_id = {event_id:String}
        ) AS allocations ON allocations.event_id = ledger.event_id AND allocations.occurred_at = ledger.occurred_at
        WHERE
            {occurred_at:String} = ''
            OR ledger.occurred_at = parseDateTime64BestEffort(if({occurred_at:String} = '', '2200', {occurred_at:String}), 6, 'UTC')
    ) AS uses
    LEFT JOIN
    (
        SELECT *
        FROM {tables}.lots FINAL
        WHERE organization_id = {organization:String} AND customer_id = {customer:String}
    ) AS lots
        ON lots.credit_type = uses.credit_type
        AND lots.start <= uses.occurred_at
        AND uses.occurred_at < ifNull(lots.end, toDateTime64('2299-01-01 00:00:00', 6, 'UTC'))
)
WINDOW
    in_burn_order AS (
        PARTITION BY uses_occurred_at, uses_event_id
        ORDER BY
            is_outside,
            if(is_outside, uses_occurred_at, greatest(granted_at, uses_occurred_at)),
            if(is_outside, 0, priority),
            if(is_outside, 0, isNotNull(lot_amount)),
            if(is_outside, uses_occurred_at, ifNull(natural_end, toDateTime64('2299-01-01 00:00:00', 6, 'UTC'))),
            if(is_outside, 0, breadth),
            start,
            grant_id
    ),
    before AS (in_burn_order ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
ORDER BY occurred_at, position

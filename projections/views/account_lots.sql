-- The lots of accounts and what became of each by an instant (docs/ledger.md 4.2, 4.11, 8.3).
-- There are all lots of ONCE grants, and those of MONTHLY grants up to the account's last month.
--
-- Parameters:
--   as_of: instant, RFC 3339, such as 2026-03-31T22:00:00Z
--   organization: id of the organization
--   customer: id of the customer, or '' for all
--   credit_type: name of the credit type, or '' for all
-- Columns:
--   organization_id: the organization
--   customer_id: the customer
--   customer_name: its name, or its id where none was given
--   credit_type: the credit type
--   grant_id: the grant that issued the lot
--   grant_name: name of that grant
--   start: instant; the lot's first
--   cadence: ONCE or MONTHLY
--   end: instant; the natural end or the void that came before it, null where it never ends
--   amount: credits; what the lot holds, null where it is unlimited
--   amount_text: what the lot holds as text, or 'Unlimited'
--   used: credits; what it paid in all, later consumption too
--   expired: credits; the rest of a ONCE lot whose natural end has passed
--   unused: credits; the rest of a MONTHLY lot whose natural end has passed
--   voided: credits; the rest of a lot that a void has ended
--   rest: credits; what a lot that has not ended has left
--   priority: 1 to 100, lower burns first
--   scope: what the lot pays for, such as 'ADDON backup, USAGE_METER', or '' for everything
--   status: 'not yet valid', 'used up' with nothing left, 'expired', 'unused' or 'voided' with something left, else 'valid'
CREATE OR REPLACE VIEW {views}.account_lots AS
WITH
    parseDateTime64BestEffort({as_of:String}, 6, 'UTC') AS asked,
    toDecimal128(0, 6) AS nothing
SELECT
    lots.organization_id AS organization_id,
    lots.customer_id AS customer_id,
    if(empty(names.name), lots.customer_id, names.name) AS customer_name,
    lots.credit_type AS credit_type,
    lots.grant_id AS grant_id,
    grants.name AS grant_name,
    lots.start AS start,
    lots.cadence AS cadence,
    lots.end AS end,
    lots.amount AS amount,
    ifNull(toString(lots.amount), 'Unlimited') AS amount_text,
    lots.used AS used,
    if(lots.has_ended AND lots.end_kind = 'EXPIRED', lots.left, nothing) AS expired,
    if(lots.has_ended AND lots.end_kind = 'UNUSED', lots.left, nothing) AS unused,
    if(lots.has_ended AND lots.end_kind = 'VOIDED', lots.left, nothing) AS voided,
    if(lots.has_ended, nothing, lots.left) AS rest,
    lots.priority AS priority,
    arrayStringConcat(
        arrayMap(selector -> if(isNull(selector.item), selector.kind, concat(selector.kind, ' ', assumeNotNull(selector.item))), lots.scope),
        ', '
    ) AS scope,
    multiIf(
        asked < lots.start, 'not yet valid',
        isNotNull(lots.amount) AND lots.left = 0, 'used up',
        lots.has_ended, lower(lots.end_kind),
        'valid'
    ) AS status
FROM
(
    SELECT
        *,
        isNotNull(end) AND end <= asked AS has_ended,
        ifNull(amount, used) - used AS left
    FROM {tables}.lots FINAL
    WHERE
        organization_id = {organization:String}
        AND ({customer:String} = '' OR customer_id = {customer:String})
        AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
) AS lots
LEFT JOIN
(
    SELECT customer_id, grant_id, name
    FROM {tables}.grants FINAL
    WHERE organization_id = {organization:String} AND ({customer:String} = '' OR customer_id = {customer:String})
) AS grants ON grants.customer_id = lots.customer_id AND grants.grant_id = lots.grant_id
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE
        organization_id = {organization:String}
        AND kind = 'CUSTOMER'
        AND ({customer:String} = '' OR named_id = {customer:String})
) AS names ON names.named_id = lots.customer_id
ORDER BY customer_id, credit_type, grant_id, start

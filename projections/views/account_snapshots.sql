-- The months of accounts, each as it comes to if nothing more is accepted (docs/ledger.md 5).
--
-- Parameters:
--   organization: id of the organization
--   customer: id of the customer, or '' for all
--   credit_type: name of the credit type, or '' for all
--   month_from: first month, such as 2026-03
--   month_to: last month, included
-- Columns:
--   organization_id: the organization
--   customer_id: the customer
--   customer_name: its name, or its id where none was given
--   credit_type: the credit type
--   month: the month in the organization's zone
--   once_opening: credits; what ONCE lots had left before the month
--   once_granted: credits; ONCE lots that start in the month
--   once_used: credits; what ONCE lots paid
--   once_expired: credits; what ONCE lots had left at their natural ends in the month
--   once_voided: credits; what ONCE lots had left at voids in the month
--   once_closing: credits; opening, and granted, less used, expired and voided
--   monthly_granted: credits; MONTHLY lots of the month
--   monthly_used: credits; what they paid
--   monthly_unused: credits; what they had left at their natural ends
--   monthly_voided: credits; what they had left at voids
--   unlimited_used: credits; what unlimited lots paid
--   once_unlimited: whether an unlimited ONCE lot was valid at some instant of the month
--   monthly_unlimited: whether an unlimited MONTHLY lot was valid at some instant of the month
--   overage: credits; what no lot covered
--   consumed: credits; all that was consumed, net of reversals
--   consumption_count: consumptions; those with a net amount above 0
--   final: whether the month is settled
--   granted_text: ONCE and MONTHLY granted as text, or 'Unlimited' where an unlimited lot was valid
CREATE OR REPLACE VIEW {views}.account_snapshots AS
SELECT
    snapshots.organization_id AS organization_id,
    snapshots.customer_id AS customer_id,
    if(empty(names.name), snapshots.customer_id, names.name) AS customer_name,
    snapshots.credit_type AS credit_type,
    snapshots.month AS month,
    snapshots.once_opening AS once_opening,
    snapshots.once_granted AS once_granted,
    snapshots.once_used AS once_used,
    snapshots.once_expired AS once_expired,
    snapshots.once_voided AS once_voided,
    snapshots.once_closing AS once_closing,
    snapshots.monthly_granted AS monthly_granted,
    snapshots.monthly_used AS monthly_used,
    snapshots.monthly_unused AS monthly_unused,
    snapshots.monthly_voided AS monthly_voided,
    snapshots.unlimited_used AS unlimited_used,
    snapshots.once_unlimited AS once_unlimited,
    snapshots.monthly_unlimited AS monthly_unlimited,
    snapshots.overage AS overage,
    snapshots.consumed AS consumed,
    snapshots.consumption_count AS consumption_count,
    snapshots.final AS final,
    if(
        snapshots.once_unlimited OR snapshots.monthly_unlimited,
        'Unlimited',
        toString(snapshots.once_granted + snapshots.monthly_granted)
    ) AS granted_text
FROM
(
    SELECT *
    FROM {tables}.monthly_snapshots FINAL
    WHERE
        organization_id = {organization:String}
        AND ({customer:String} = '' OR customer_id = {customer:String})
        AND ({credit_type:String} = '' OR credit_type = {credit_type:String})
        AND month BETWEEN {month_from:String} AND {month_to:String}
) AS snapshots
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE
        organization_id = {organization:String}
        AND kind = 'CUSTOMER'
        AND ({customer:String} = '' OR named_id = {customer:String})
) AS names ON names.named_id = snapshots.customer_id
ORDER BY customer_id, credit_type, month

-- The promises: each grant that has effect, as it was made, with the earliest void of it (docs/ledger.md 1.5, 4.4).
--
-- Parameters:
--   organization: id of the organization
--   customer: id of the customer, or '' for all
--   grant_id: id of the grant, or '' for all
-- Columns:
--   organization_id: the organization
--   customer_id: the customer
--   customer_name: its name, or its id where none was given
--   grant_id: the grant
--   event_id: the event that made it
--   credit_type: the credit type
--   name: name of the grant
--   cadence: ONCE or MONTHLY
--   amount: credits; what each of its lots holds, null where it is unlimited
--   amount_text: what each of its lots holds as text, or 'Unlimited'
--   priority: 1 to 100, lower burns first
--   effective_at: instant; the first at which it is valid
--   expires_at: instant; the end that was promised, excluded, null where it never ends
--   scope: selectors of kind and item, none for everything
--   unit_cost: money a credit, null where none was told
--   currency: currency of that money, null where none was told
--   occurred_at: instant; when the grant was made
--   recorded_at: instant; when the upstream recorded it
--   actor: who or what made it, null where that was not told
--   voided_at: instant; when the void ended it, null without a void
--   void_event_id: the event that voided it, null without a void
--   void_reason: why it was voided, null where that was not told
CREATE OR REPLACE VIEW {views}.grants AS
SELECT
    grants.organization_id AS organization_id,
    grants.customer_id AS customer_id,
    if(empty(names.name), grants.customer_id, names.name) AS customer_name,
    grants.grant_id AS grant_id,
    grants.event_id AS event_id,
    grants.credit_type AS credit_type,
    grants.name AS name,
    grants.cadence AS cadence,
    grants.amount AS amount,
    ifNull(toString(grants.amount), 'Unlimited') AS amount_text,
    grants.priority AS priority,
    grants.effective_at AS effective_at,
    grants.expires_at AS expires_at,
    grants.scope AS scope,
    grants.unit_cost AS unit_cost,
    grants.currency AS currency,
    grants.occurred_at AS occurred_at,
    grants.recorded_at AS recorded_at,
    grants.actor AS actor,
    grants.voided_at AS voided_at,
    grants.void_event_id AS void_event_id,
    grants.void_reason AS void_reason
FROM
(
    SELECT *
    FROM {tables}.grants FINAL
    WHERE
        organization_id = {organization:String}
        AND ({customer:String} = '' OR customer_id = {customer:String})
        AND ({grant_id:String} = '' OR grant_id = {grant_id:String})
) AS grants
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE
        organization_id = {organization:String}
        AND kind = 'CUSTOMER'
        AND ({customer:String} = '' OR named_id = {customer:String})
) AS names ON names.named_id = grants.customer_id
ORDER BY customer_id, grant_id

-- Accepted events that do not fit the rest of the books (docs/ledger.md 3.10).
--
-- Parameters:
--   organization: id of the organization
--   customer: id of the customer, or '' for all
-- Columns:
--   organization_id: the organization
--   customer_id: the customer
--   topic: the input topic of the event
--   occurred_at: instant; when the event counts
--   event_id: id of the event, for a grant its grant_id
--   conflict: what does not fit, such as void_without_grant
--   detail: what does not fit, as a sentence
CREATE OR REPLACE VIEW {views}.conflicts AS
SELECT
    organization_id,
    customer_id,
    topic,
    occurred_at,
    identity AS event_id,
    conflict,
    detail
FROM {tables}.conflicts FINAL
WHERE organization_id = {organization:String} AND ({customer:String} = '' OR customer_id = {customer:String})
ORDER BY customer_id, topic, occurred_at, event_id

-- What each campaign sent from each center through each channel over a range of local days, both included (docs/ledger.md 7.1).
-- A campaign that was never defined shows its id, and null for all that a definition says.
--
-- Parameters:
--   organization: id of the organization
--   date_from: first local day, such as 2026-03-14
--   date_to: last local day, such as 2026-03-31
-- Columns:
--   campaign_id: the campaign
--   campaign_name: the name in its definition, or the id where it was never defined
--   campaign_type: ALWAYS_ON or SCHEDULED, null where it was never defined
--   status: LIVE, PROCESSED or PAUSED, null where it was never defined
--   created_from: CENTER, ZONE or ORGANIZATION, null where it was never defined
--   targeted: guests; whom its definition targets, null where it was never defined
--   center_id: the center that sent
--   center_name: the name last given, or the id where none was
--   channel: EMAIL, SMS or WHATSAPP
--   credit_source: where the credits are said to come from
--   credit_type: the credits that were used
--   processed: messages; sent, of all sends that were not reversed in full
--   credits: credits; consumed net of reversals, whoever paid
CREATE OR REPLACE VIEW {views}.campaign_by_center AS
SELECT
    usage.campaign_id AS campaign_id,
    if(campaigns.is_defined, campaigns.name, usage.campaign_id) AS campaign_name,
    if(campaigns.is_defined, campaigns.campaign_type, NULL) AS campaign_type,
    if(campaigns.is_defined, campaigns.status, NULL) AS status,
    if(campaigns.is_defined, campaigns.created_from, NULL) AS created_from,
    if(campaigns.is_defined, campaigns.targeted, NULL) AS targeted,
    usage.center_id AS center_id,
    if(empty(centers.name), usage.center_id, centers.name) AS center_name,
    usage.channel AS channel,
    usage.credit_source AS credit_source,
    usage.credit_type AS credit_type,
    usage.processed AS processed,
    usage.credits AS credits
FROM
(
    SELECT campaign_id, center_id, channel, credit_source, credit_type, sum(processed) AS processed, sum(credits) AS credits
    FROM {tables}.campaign_usage FINAL
    PREWHERE organization_id = {organization:String} AND day BETWEEN {date_from:String} AND {date_to:String}
    GROUP BY campaign_id, center_id, channel, credit_source, credit_type
) AS usage
LEFT JOIN
(
    SELECT campaign_id, name, campaign_type, status, created_from, targeted, true AS is_defined
    FROM {tables}.campaigns FINAL
    WHERE organization_id = {organization:String}
) AS campaigns ON campaigns.campaign_id = usage.campaign_id
LEFT JOIN
(
    SELECT named_id, name
    FROM {tables}.names FINAL
    WHERE organization_id = {organization:String} AND kind = 'CENTER'
) AS centers ON centers.named_id = usage.center_id
ORDER BY campaign_id, center_id, channel, credit_source, credit_type

-- What each campaign sent on each day through each channel over a range of local days, both included (docs/ledger.md 7.1).
-- A campaign that was never defined shows its id, and null for all that a definition says.
--
-- Parameters:
--   organization: id of the organization
--   date_from: first local day, such as 2026-03-14
--   date_to: last local day, such as 2026-03-31
-- Columns:
--   day: local day of the sends, in the organization's time zone
--   campaign_id: the campaign
--   campaign_name: the name in its definition, or the id where it was never defined
--   campaign_type: ALWAYS_ON or SCHEDULED, null where it was never defined
--   status: LIVE, PROCESSED or PAUSED, null where it was never defined
--   created_from: CENTER, ZONE or ORGANIZATION, null where it was never defined
--   targeted: guests; whom its definition targets, null where it was never defined
--   channel: EMAIL, SMS or WHATSAPP
--   credit_source: where the credits are said to come from
--   credit_type: the credits that were used
--   processed: messages; sent, of all sends that were not reversed in full
--   credits: credits; consumed net of reversals, whoever paid
CREATE OR REPLACE VIEW {views}.campaign_by_date AS
SELECT
    usage.day AS day,
    usage.campaign_id AS campaign_id,
    if(campaigns.is_defined, campaigns.name, usage.campaign_id) AS campaign_name,
    if(campaigns.is_defined, campaigns.campaign_type, NULL) AS campaign_type,
    if(campaigns.is_defined, campaigns.status, NULL) AS status,
    if(campaigns.is_defined, campaigns.created_from, NULL) AS created_from,
    if(campaigns.is_defined, campaigns.targeted, NULL) AS targeted,
    usage.channel AS channel,
    usage.credit_source AS credit_source,
    usage.credit_type AS credit_type,
    usage.processed AS processed,
    usage.credits AS credits
FROM
(
    SELECT day, campaign_id, channel, credit_source, credit_type, sum(processed) AS processed, sum(credits) AS credits
    FROM {tables}.campaign_usage FINAL
    PREWHERE organization_id = {organization:String} AND day BETWEEN {date_from:String} AND {date_to:String}
    GROUP BY day, campaign_id, channel, credit_source, credit_type
) AS usage
LEFT JOIN
(
    SELECT campaign_id, name, campaign_type, status, created_from, targeted, true AS is_defined
    FROM {tables}.campaigns FINAL
    WHERE organization_id = {organization:String}
) AS campaigns ON campaigns.campaign_id = usage.campaign_id
ORDER BY day, campaign_id, channel, credit_source, credit_type

-- Every campaign that was defined or used, and what it sent in all, a row for each type of credits that it used (docs/ledger.md 1.9, 7.1).
-- A campaign that was never defined shows its id, and null for all that a definition says; one that was never used has one row.
--
-- Parameters:
--   organization: id of the organization
-- Columns:
--   campaign_id: the campaign
--   campaign_name: the name in its definition, or the id where it was never defined
--   campaign_type: ALWAYS_ON or SCHEDULED, null where it was never defined
--   status: LIVE, PROCESSED or PAUSED, null where it was never defined
--   created_from: CENTER, ZONE or ORGANIZATION, null where it was never defined
--   created_from_id: the center or zone that created it, null where its definition names none
--   created_from_name: the name last given to that center or zone, or its id where none was, null where its definition names none
--   targeted: guests; whom its definition targets, null where it was never defined
--   channel: EMAIL, SMS or WHATSAPP, as defined, null where it was never defined
--   credit_source: where the credits are said to come from, as defined, null where it was never defined
--   credit_type: the credits that were used, null where nothing was
--   processed: messages; sent, of all sends that were not reversed in full
--   credits: credits; consumed net of reversals, whoever paid
--   first_day: local day of its first use, null where there is none
--   last_day: local day of its last use, null where there is none
CREATE OR REPLACE VIEW {views}.campaigns AS
SELECT
    if(campaigns.is_defined, campaigns.campaign_id, usage.campaign_id) AS campaign_id,
    if(campaigns.is_defined, campaigns.name, usage.campaign_id) AS campaign_name,
    if(campaigns.is_defined, campaigns.campaign_type, NULL) AS campaign_type,
    if(campaigns.is_defined, campaigns.status, NULL) AS status,
    if(campaigns.is_defined, campaigns.created_from, NULL) AS created_from,
    campaigns.created_from_id AS created_from_id,
    if(empty(creators.name), campaigns.created_from_id, creators.name) AS created_from_name,
    if(campaigns.is_defined, campaigns.targeted, NULL) AS targeted,
    if(campaigns.is_defined, campaigns.channel, NULL) AS channel,
    if(campaigns.is_defined, campaigns.credit_source, NULL) AS credit_source,
    if(usage.is_used, usage.credit_type, NULL) AS credit_type,
    usage.processed AS processed,
    usage.credits AS credits,
    if(usage.is_used, usage.first_day, NULL) AS first_day,
    if(usage.is_used, usage.last_day, NULL) AS last_day
FROM
(
    SELECT
        campaign_id, name, campaign_type, status, created_from, created_from_id, targeted, channel, credit_source,
        true AS is_defined
    FROM {tables}.campaigns FINAL
    WHERE organization_id = {organization:String}
) AS campaigns
FULL OUTER JOIN
(
    SELECT
        campaign_id,
        credit_type,
        sum(processed) AS processed,
        sum(credits) AS credits,
        min(day) AS first_day,
        max(day) AS last_day,
        true AS is_used
    FROM {tables}.campaign_usage FINAL
    WHERE organization_id = {organization:String}
    GROUP BY campaign_id, credit_type
) AS usage ON usage.campaign_id = campaigns.campaign_id
LEFT JOIN
(
    SELECT kind, named_id, name
    FROM {tables}.names FINAL
    WHERE organization_id = {organization:String}
) AS creators ON creators.kind = campaigns.created_from AND creators.named_id = campaigns.created_from_id
ORDER BY campaign_id, credit_type

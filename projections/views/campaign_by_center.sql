-- What each campaign sent from each center through each channel over a range of local days, both included (docs/ledger.md 7.1).
-- Parameters: organization; date_from and date_to as 2026-03-14.
-- A campaign that was never defined shows its id and an empty definition; a center without a name shows its id.
CREATE OR REPLACE VIEW {views}.campaign_by_center AS
SELECT
    usage.campaign_id AS campaign_id,
    if(empty(campaigns.name), usage.campaign_id, campaigns.name) AS campaign_name,
    campaigns.campaign_type AS campaign_type,
    campaigns.status AS status,
    campaigns.created_from AS created_from,
    campaigns.targeted AS targeted,
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
    WHERE organization_id = {organization:String} AND day BETWEEN {date_from:String} AND {date_to:String}
    GROUP BY campaign_id, center_id, channel, credit_source, credit_type
) AS usage
LEFT JOIN
(
    SELECT campaign_id, name, campaign_type, status, created_from, targeted
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

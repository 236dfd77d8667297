-- What of an organization has an id that begins with a text, or a name that contains it in capitals or not (docs/ledger.md 1.2).
-- At most 100 are given, of each kind as many; the same text gives the same ones. An empty text finds nothing.
--
-- Parameters:
--   text: what to look for
--   organization: id of the organization
-- Columns:
--   kind: 'customer', 'center', 'zone', 'campaign', 'grant', 'invoice', 'booking', 'session', 'device' or 'consumption'
--   id: its id
--   customer_id: the customer that it belongs to, or '' where it belongs to none
--   name: its name, the type of a consumption's activity, or the id where there is none
--   at: instant; when a grant was made or a consumption counts, of what has several consumptions the first, else null
CREATE OR REPLACE VIEW {views}.search AS
SELECT kind, id, customer_id, name, at
FROM
(
    SELECT
        *,
        row_number() OVER (PARTITION BY place ORDER BY id != {text:String}, id, customer_id, at) AS position
    FROM
    (
        SELECT
            1 AS place,
            'customer' AS kind,
            customers.customer_id AS id,
            customers.customer_id AS customer_id,
            if(empty(max(customers.name)), customers.customer_id, max(customers.name)) AS name,
            CAST(NULL AS Nullable(DateTime64(6, 'UTC'))) AS at
        FROM
        (
            SELECT named_id AS customer_id, name
            FROM {tables}.names FINAL
            WHERE
                organization_id = {organization:String}
                AND names.kind = 'CUSTOMER'
                AND (startsWith(named_id, {text:String}) OR positionCaseInsensitiveUTF8(name, {text:String}) > 0)
            UNION ALL
            SELECT DISTINCT customer_id, '' AS name
            FROM {tables}.grants FINAL
            WHERE organization_id = {organization:String} AND startsWith(customer_id, {text:String})
            UNION ALL
            SELECT DISTINCT customer_id, '' AS name
            FROM {tables}.ledger FINAL
            WHERE organization_id = {organization:String} AND startsWith(customer_id, {text:String})
        ) AS customers
        GROUP BY customers.customer_id
        UNION ALL
        SELECT if(names.kind = 'CENTER', 2, 3) AS place, lower(names.kind) AS kind, named_id AS id, '' AS customer_id, name, NULL AS at
        FROM {tables}.names FINAL
        WHERE
            organization_id = {organization:String}
            AND names.kind IN ('CENTER', 'ZONE')
            AND (startsWith(named_id, {text:String}) OR positionCaseInsensitiveUTF8(name, {text:String}) > 0)
        UNION ALL
        SELECT 4 AS place, 'campaign' AS kind, campaign_id AS id, '' AS customer_id, name, NULL AS at
        FROM {tables}.campaigns FINAL
        WHERE
            organization_id = {organization:String}
            AND (startsWith(campaign_id, {text:String}) OR positionCaseInsensitiveUTF8(name, {text:String}) > 0)
        UNION ALL
        SELECT 5 AS place, 'grant' AS kind, grant_id AS id, customer_id, name, occurred_at AS at
        FROM {tables}.grants FINAL
        WHERE
            organization_id = {organization:String}
            AND (startsWith(grant_id, {text:String}) OR positionCaseInsensitiveUTF8(name, {text:String}) > 0)
        UNION ALL
        SELECT
            named.1 AS place,
            ['invoice', 'booking', 'session', 'device'][named.1 - 5] AS kind,
            named.2 AS id,
            customer_id,
            id AS name,
            min(occurred_at) AS at
        FROM
        (
            SELECT
                customer_id,
                occurred_at,
                arrayJoin([(6, invoice_id), (7, booking_id), (8, session_id), (9, device_id)]) AS one,
                (one.1, assumeNotNull(one.2)) AS named
            FROM {tables}.ledger FINAL
            -- All versions of a consumption are alike in these.
            PREWHERE
                organization_id = {organization:String}
                AND (
                    ifNull(startsWith(invoice_id, {text:String}), 0)
                    OR ifNull(startsWith(booking_id, {text:String}), 0)
                    OR ifNull(startsWith(session_id, {text:String}), 0)
                    OR ifNull(startsWith(device_id, {text:String}), 0)
                )
            WHERE ifNull(startsWith(one.2, {text:String}), 0)
        )
        GROUP BY named, customer_id
        UNION ALL
        SELECT place, kind, id, customer_id, name, at
        FROM
        (
            SELECT 10 AS place, 'consumption' AS kind, event_id AS id, customer_id, activity_type AS name, occurred_at AS at
            FROM {tables}.ledger FINAL
            PREWHERE organization_id = {organization:String} AND startsWith(event_id, {text:String})
            ORDER BY id != {text:String}, id, customer_id, at
            LIMIT 100
        )
    )
    WHERE {text:String} != ''
)
ORDER BY position, place
LIMIT 100

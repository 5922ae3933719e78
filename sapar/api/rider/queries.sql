-- name: find_alert
-- An alert as it was written, whether it is in force or not.
SELECT header, description, cause, effect,
       (SELECT array_agg(lower(p) ORDER BY n) FROM unnest(periods) WITH ORDINALITY AS u (p, n)),
       (SELECT array_agg(upper(p) ORDER BY n) FROM unnest(periods) WITH ORDINALITY AS u (p, n)),
       informed, deleted_at
FROM alert WHERE agency_id = %(agency_id)s AND alert_id = %(alert_id)s;

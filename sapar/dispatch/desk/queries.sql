-- name: list_standing_acts
-- Acts that are not undone and not over, those that begin later included; newest first.
SELECT act_no, kind, body, extract(epoch FROM lower(period))::float8,
       extract(epoch FROM upper(period))::float8, cause, author, reason,
       extract(epoch FROM created_at)::float8, extract(epoch FROM ended_at)::float8, ended_by
FROM dispatch_act
WHERE agency_id = %(agency_id)s AND ended_at IS NULL
  AND (upper(period) IS NULL OR upper(period) > %(now)s)
ORDER BY act_no DESC;

-- name: list_past_acts
-- Acts that are undone or over, newest first, a page at a time.
SELECT act_no, kind, body, extract(epoch FROM lower(period))::float8,
       extract(epoch FROM upper(period))::float8, cause, author, reason,
       extract(epoch FROM created_at)::float8, extract(epoch FROM ended_at)::float8, ended_by
FROM dispatch_act
WHERE agency_id = %(agency_id)s AND (ended_at IS NOT NULL OR upper(period) <= %(now)s)
  AND (%(before)s::bigint IS NULL OR act_no < %(before)s)
ORDER BY act_no DESC
LIMIT %(limit)s;

-- name: find_act
-- One act, whatever became of it.
SELECT act_no, kind, body, extract(epoch FROM lower(period))::float8,
       extract(epoch FROM upper(period))::float8, cause, author, reason,
       extract(epoch FROM created_at)::float8, extract(epoch FROM ended_at)::float8, ended_by
FROM dispatch_act
WHERE agency_id = %(agency_id)s AND act_no = %(act_no)s;

-- name: list_endings
-- Acts whose end comes within a span: who must be reminded.
SELECT DISTINCT agency_id FROM dispatch_act
WHERE ended_at IS NULL AND upper(period) > %(since)s AND upper(period) <= %(until)s;

-- name: tell_desk
-- Tells the pages to fetch a list of an agency again.
SELECT pg_notify('sapar_desk', %(payload)s);

-- name: lock_alert
-- One alert as it stands, kept from others until the transaction ends.
SELECT header, description, url, cause, effect, informed,
       (SELECT jsonb_build_array(extract(epoch FROM lower(periods[1])),
                                 extract(epoch FROM upper(periods[1])))),
       revision, deleted_at IS NOT NULL
FROM alert
WHERE agency_id = %(agency_id)s AND alert_id = %(alert_id)s
FOR UPDATE;

-- name: upsert_alert
-- Puts what a person wrote in force.
INSERT INTO alert (agency_id, alert_id, header, description, url, cause, effect, periods, informed,
                   created_at, revision)
VALUES (%(agency_id)s, %(alert_id)s, %(header)s, %(description)s, %(url)s, %(cause)s, %(effect)s,
        CASE WHEN %(from_at)s::timestamptz IS NULL AND %(until_at)s::timestamptz IS NULL
             THEN '{}'::tstzrange[]
             ELSE ARRAY[tstzrange(%(from_at)s, %(until_at)s)] END,
        %(informed)s, %(now)s, %(revision)s)
ON CONFLICT (agency_id, alert_id) DO UPDATE
SET header = excluded.header, description = excluded.description, url = excluded.url,
    cause = excluded.cause, effect = excluded.effect, periods = excluded.periods,
    informed = excluded.informed, revision = excluded.revision, deleted_at = NULL;

-- name: withdraw_alert
-- Takes an alert out of the feed; its row stays.
UPDATE alert SET deleted_at = %(now)s, revision = %(revision)s
WHERE agency_id = %(agency_id)s AND alert_id = %(alert_id)s;

-- name: insert_revision
-- Keeps what a person wrote.
INSERT INTO alert_revision (agency_id, alert_id, revision, body, person, at)
VALUES (%(agency_id)s, %(alert_id)s, %(revision)s, %(body)s, %(person)s, %(now)s);

-- name: find_revision_before
-- What stood before a revision: its body, null where it was withdrawn or there was none.
SELECT body FROM alert_revision
WHERE agency_id = %(agency_id)s AND alert_id = %(alert_id)s AND revision < %(revision)s
ORDER BY revision DESC LIMIT 1;

-- name: list_alerts
-- Alerts with who wrote the newest revision: those in force first, then those of the last days.
SELECT a.alert_id, a.header, a.description, a.url, a.cause, a.effect, a.informed,
       extract(epoch FROM lower(a.periods[1]))::float8,
       extract(epoch FROM upper(a.periods[1]))::float8,
       a.revision, a.deleted_at IS NOT NULL, r.person,
       extract(epoch FROM coalesce(r.at, a.created_at))::float8,
       extract(epoch FROM f.since)::float8
FROM alert AS a
LEFT JOIN alert_revision AS r USING (agency_id, alert_id, revision)
LEFT JOIN alert_in_feed AS f USING (agency_id, alert_id, revision)
WHERE a.agency_id = %(agency_id)s
  AND (a.deleted_at IS NULL OR a.deleted_at > %(since)s)
  AND (upper(a.periods[1]) IS NULL OR upper(a.periods[1]) > %(since)s)
ORDER BY a.deleted_at IS NOT NULL, coalesce(r.at, a.created_at) DESC
LIMIT 500;

-- name: note_in_feed
-- Notes since when a revision is in the feed; the first who reads it there is right.
INSERT INTO alert_in_feed (agency_id, alert_id, revision, since)
VALUES (%(agency_id)s, %(alert_id)s, %(revision)s, %(since)s)
ON CONFLICT DO NOTHING;

-- name: count_boardings
-- People who tapped in at stops within a span of time, by where the bus stood at that moment.
WITH visit AS (
    SELECT vehicle_id, arrival_at, coalesce(departure_at, arrival_at) AS departure_at
    FROM stop_visit
    WHERE agency_id = %(agency_id)s
      AND service_date BETWEEN %(since)s::date - 1 AND %(until)s::date + 1
      AND stop_id = ANY (%(stop_ids)s) AND arrival_at >= %(since)s AND arrival_at < %(until)s
      AND (%(route_id)s::text IS NULL OR route_id = %(route_id)s)
)
SELECT (SELECT count(*) FROM visit),
       coalesce(sum(t.num_riders), 0)
FROM tap AS t
JOIN device AS d ON d.device_no = t.device_no AND d.agency_id = %(agency_id)s
WHERE t.received_at >= %(since)s AND t.received_at < %(until)s::timestamptz + interval '1 hour'
  AND t.allowed
  AND EXISTS (SELECT FROM visit AS v WHERE v.vehicle_id = t.vehicle_id
              AND t.event_at BETWEEN v.arrival_at - interval '20 seconds'
                                 AND v.departure_at + interval '60 seconds');

-- name: try_lock
-- Takes the agency's lock of engines for the life of the connection, or says that it is taken.
SELECT pg_try_advisory_lock(hashtextextended('sapar-engine:' || %(agency_id)s, 0));

-- name: take_term
-- Begins a term later than every earlier one, also than the one seen on the broker.
INSERT INTO engine_leader AS held (agency_id, term, leader, taken_at)
VALUES (%(agency_id)s, %(seen_term)s::bigint + 1, %(leader)s, %(taken_at)s)
ON CONFLICT (agency_id) DO UPDATE
SET term = greatest(held.term, %(seen_term)s::bigint) + 1,
    leader = excluded.leader, taken_at = excluded.taken_at
RETURNING term;

-- name: find_term
-- The term in force; asked on the connection that holds the lock.
SELECT term FROM engine_leader WHERE agency_id = %(agency_id)s;

-- name: list_recent_fixes
-- Positions of an agency's devices since a moment, one a device and step, oldest first.
SELECT DISTINCT ON (f.device_no, step)
       f.device_no, extract(epoch FROM f.time)::float8, f.latitude, f.longitude, f.speed_mps,
       f.bearing_deg, f.trip_id, f.route_id, f.block_id,
       floor(extract(epoch FROM f.time) / %(step_s)s) AS step
FROM fix AS f JOIN device AS d USING (device_no)
WHERE d.agency_id = %(agency_id)s AND d.revoked_at IS NULL
  AND f.time >= %(since)s AND f.time <= %(until)s
ORDER BY f.device_no, step, f.time DESC;

-- name: list_alerts
-- Alerts of an agency that are not over.
SELECT alert_id, header, description, cause, effect, informed,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(
                   extract(epoch FROM lower(period))::bigint,
                   extract(epoch FROM upper(period))::bigint) ORDER BY lower(period)), '[]')
        FROM unnest(periods) AS period WHERE NOT isempty(period)) AS periods
FROM alert
WHERE agency_id = %(agency_id)s AND deleted_at IS NULL
  AND (cardinality(periods) = 0
       OR EXISTS (SELECT FROM unnest(periods) AS period WHERE upper(period) IS NULL
                  OR upper(period) > %(now)s))
ORDER BY alert_id;

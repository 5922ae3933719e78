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
-- Positions of an agency's devices in a span of time, one a device and step, with times in
-- milliseconds. Each device is looked up by its key, so that a slice costs no more than itself.
SELECT f.device_no, f.time_ms, f.latitude, f.longitude, f.speed_mps, f.bearing_deg,
       f.trip_id, f.route_id, f.block_id
FROM device AS d CROSS JOIN LATERAL (
    SELECT DISTINCT ON (floor(extract(epoch FROM time) / %(step_s)s::float8))
           device_no, (extract(epoch FROM time) * 1000)::bigint AS time_ms, latitude, longitude,
           speed_mps, bearing_deg, trip_id, route_id, block_id
    FROM fix WHERE fix.device_no = d.device_no AND time >= %(since)s AND time < %(until)s
    ORDER BY floor(extract(epoch FROM time) / %(step_s)s::float8), time DESC
) AS f
WHERE d.agency_id = %(agency_id)s AND d.revoked_at IS NULL;

-- name: list_alerts
-- Alerts of an agency that are not over.
SELECT alert_id, header, description, cause, effect, informed, url,
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

-- name: insert_act
-- Decides an act of dispatch.
INSERT INTO dispatch_act (agency_id, kind, body, period, cause, author, reason, created_at)
VALUES (%(agency_id)s, %(kind)s, %(body)s, tstzrange(%(from_at)s, %(until_at)s), %(cause)s,
        %(author)s, %(reason)s, %(now)s)
RETURNING act_no;

-- name: end_act
-- Undoes an act of dispatch that stands.
UPDATE dispatch_act SET ended_at = greatest(%(now)s, created_at), ended_by = %(author)s
WHERE agency_id = %(agency_id)s AND act_no = %(act_no)s AND ended_at IS NULL
RETURNING act_no;

-- name: list_acts
-- Acts of dispatch that stand and are not over, in the order in which they were decided.
SELECT act_no, body, extract(epoch FROM lower(period))::float8,
       extract(epoch FROM upper(period))::float8, author, reason, cause,
       extract(epoch FROM created_at)::float8
FROM dispatch_act
WHERE agency_id = %(agency_id)s AND ended_at IS NULL
  AND (upper(period) IS NULL OR upper(period) > %(now)s)
ORDER BY act_no;

-- name: list_capacities
-- How many passengers each vehicle of an agency takes.
SELECT vehicle_id, capacity FROM vehicle_capacity WHERE agency_id = %(agency_id)s;

-- name: upsert_learnt_shape
-- Keeps the way between two stops that was learnt last.
INSERT INTO learnt_shape (agency_id, from_stop_id, to_stop_id, latitude, longitude, passes,
                          updated_at)
VALUES (%(agency_id)s, %(from_stop_id)s, %(to_stop_id)s, %(latitude)s, %(longitude)s, %(passes)s,
        %(now)s)
ON CONFLICT (agency_id, from_stop_id, to_stop_id) DO UPDATE
SET latitude = excluded.latitude, longitude = excluded.longitude, passes = excluded.passes,
    updated_at = excluded.updated_at;

-- name: list_learnt_shapes
-- The ways learnt between stops of an agency.
SELECT from_stop_id, to_stop_id, latitude, longitude, passes FROM learnt_shape
WHERE agency_id = %(agency_id)s
ORDER BY from_stop_id, to_stop_id;

-- name: find_learnt_shapes_stamp
-- When the ways learnt between stops of an agency changed last, in microseconds; null without any.
SELECT (extract(epoch FROM max(updated_at)) * 1000000)::bigint FROM learnt_shape
WHERE agency_id = %(agency_id)s;

-- name: list_alarm_rules
-- Rules of an agency that differ from the deployment's; the empty route is for all.
SELECT kind, nullif(route_id, ''), raise_at, clear_at, on_delay_s, off_delay_s, priority, enabled
FROM alarm_rule WHERE agency_id = %(agency_id)s ORDER BY kind, route_id;

-- name: list_open_emergencies
-- Emergencies that nobody has closed, with the time in Unix seconds.
SELECT emergency_no, vehicle_id, extract(epoch FROM at)::float8, presses, latitude, longitude,
       driver_id, route_id, trip_id
FROM emergency WHERE agency_id = %(agency_id)s AND closed_at IS NULL ORDER BY emergency_no;

-- name: list_open_alarms
-- Alarms that stand, as they were raised.
SELECT alarm_no, key, kind, priority, extract(epoch FROM since)::bigint, vehicle_id, route_id,
       trip_id, stop_id, details
FROM alarm WHERE agency_id = %(agency_id)s AND cleared_at IS NULL;

-- name: hold_term
-- The term in force, which cannot change until the transaction ends.
SELECT term FROM engine_leader WHERE agency_id = %(agency_id)s FOR SHARE;

-- name: raise_alarms
-- Begins alarms that do not stand yet, with the first step of each; gives the numbers of all.
WITH asked AS (
    SELECT * FROM unnest(%(key)s::text[], %(kind)s::text[], %(priority)s::int[],
                         %(since_s)s::bigint[], %(vehicle_id)s::text[], %(route_id)s::text[],
                         %(trip_id)s::text[], %(stop_id)s::text[], %(details)s::text[])
         AS a (key, kind, priority, since_s, vehicle_id, route_id, trip_id, stop_id, details)
), fresh AS (
    INSERT INTO alarm (agency_id, key, kind, priority, vehicle_id, route_id, trip_id, stop_id,
                       details, since, raised_at)
    SELECT %(agency_id)s, key, kind, priority, vehicle_id, route_id, trip_id, stop_id,
           details::jsonb, to_timestamp(since_s), %(now)s
    FROM asked
    ON CONFLICT (agency_id, key) WHERE cleared_at IS NULL DO NOTHING
    RETURNING alarm_no, key
), stepped AS (
    INSERT INTO alarm_step (agency_id, alarm_no, what, at, person)
    SELECT %(agency_id)s, alarm_no, 'raised', %(now)s, 'engine' FROM fresh
)
SELECT key, alarm_no FROM fresh
UNION ALL
SELECT key, alarm_no FROM alarm
WHERE agency_id = %(agency_id)s AND cleared_at IS NULL AND key = ANY(%(key)s::text[]);

-- name: clear_alarms
-- Ends alarms that stand, with the last step of each.
WITH over AS (
    UPDATE alarm SET cleared_at = greatest(%(now)s, raised_at)
    WHERE agency_id = %(agency_id)s AND alarm_no = ANY(%(alarm_no)s::bigint[])
      AND cleared_at IS NULL
    RETURNING alarm_no
)
INSERT INTO alarm_step (agency_id, alarm_no, what, at, person)
SELECT %(agency_id)s, alarm_no, 'cleared', %(now)s, 'engine' FROM over;

-- name: is_there
-- Whether the database answers.
SELECT 1;

-- name: create_visit_staging
-- Once a connection: rows as `visits.rows_of` gives them, times in Unix milliseconds.
CREATE TEMPORARY TABLE IF NOT EXISTS visit_in (
    service_date date, trip_id text, start_s int, stop_sequence int, vehicle_id text,
    stop_number int, stop_id text, route_id text, arrival_ms bigint, departure_ms bigint,
    scheduled_arrival_ms bigint, scheduled_departure_ms bigint, seen boolean
) ON COMMIT DELETE ROWS;

-- name: copy_visit
COPY visit_in FROM STDIN;

-- name: upsert_visit
-- A stop's row takes over what is newly known of it; with `fill`, rows that stand stay as they are.
-- In key order, so that two writers cannot wait for each other in a circle.
INSERT INTO stop_visit AS v
    (agency_id, service_date, trip_id, start_s, stop_sequence, vehicle_id, stop_number, stop_id,
     route_id, arrival_at, departure_at, scheduled_arrival_at, scheduled_departure_at, seen)
SELECT %(agency_id)s, service_date, trip_id, start_s, stop_sequence, vehicle_id, stop_number,
       stop_id, route_id,
       timestamptz 'epoch' + arrival_ms * interval '1 millisecond',
       timestamptz 'epoch' + departure_ms * interval '1 millisecond',
       timestamptz 'epoch' + scheduled_arrival_ms * interval '1 millisecond',
       timestamptz 'epoch' + scheduled_departure_ms * interval '1 millisecond', seen
FROM visit_in
ORDER BY service_date, trip_id, start_s, stop_sequence, vehicle_id
ON CONFLICT (agency_id, service_date, trip_id, start_s, stop_sequence, vehicle_id) DO UPDATE
SET arrival_at = coalesce(excluded.arrival_at, v.arrival_at),
    departure_at = coalesce(excluded.departure_at, v.departure_at),
    seen = excluded.seen
WHERE NOT %(fill)s::boolean;

-- name: lock_day
-- One at a time makes a service day's history anew.
SELECT pg_advisory_xact_lock(hashtextextended(
    format('sapar-history:%%s:%%s', %(agency_id)s::text, %(service_date)s::date), 0));

-- name: delete_visits
-- The day's visits, before they are written anew in the same transaction.
DELETE FROM stop_visit WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: export_visits
-- Canonical: by natural key in byte order, times in UTC; the same visits give the same bytes.
COPY (
    SELECT service_date, trip_id, start_s, stop_sequence, vehicle_id, stop_number, stop_id,
           route_id,
           to_char(arrival_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS arrival_at,
           to_char(departure_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
               AS departure_at,
           to_char(scheduled_arrival_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
               AS scheduled_arrival_at,
           to_char(scheduled_departure_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
               AS scheduled_departure_at,
           seen
    FROM stop_visit WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s
    ORDER BY trip_id COLLATE "C", start_s, stop_sequence, vehicle_id COLLATE "C"
) TO STDOUT (FORMAT csv, HEADER);

-- name: find_version_for
-- The timetable that was in force at noon of a service date; before the first one, the first one.
SELECT v.version_no, v.digest, v.zip
FROM gtfs_activation AS a JOIN agency AS g USING (agency_id)
JOIN gtfs_version AS v USING (agency_id, version_no)
WHERE a.agency_id = %(agency_id)s
ORDER BY a.activated_at <= (%(service_date)s::date + time '12:00') AT TIME ZONE g.timezone DESC,
         abs(extract(epoch FROM a.activated_at - (%(service_date)s::date + time '12:00')
                                                 AT TIME ZONE g.timezone))
LIMIT 1;

-- name: find_day_span
-- When buses of a service date may be on the road: from an hour before the first departure of the
-- timetable in force to its last arrival, as Unix seconds; null without a timetable.
WITH version AS (
    SELECT a.version_no,
           (%(service_date)s::date + time '12:00') AT TIME ZONE g.timezone AS noon
    FROM gtfs_activation AS a JOIN agency AS g USING (agency_id)
    WHERE a.agency_id = %(agency_id)s
    ORDER BY a.activated_at <= (%(service_date)s::date + time '12:00') AT TIME ZONE g.timezone DESC,
             abs(extract(epoch FROM a.activated_at - (%(service_date)s::date + time '12:00')
                                                     AT TIME ZONE g.timezone))
    LIMIT 1
), times AS (
    SELECT first_s, last_s FROM gtfs_trip JOIN version USING (version_no)
    WHERE agency_id = %(agency_id)s
    UNION ALL
    SELECT f.start_s, f.end_s + t.last_s - t.first_s
    FROM gtfs_frequency AS f JOIN version USING (version_no)
    JOIN gtfs_trip AS t USING (agency_id, version_no, trip_id)
    WHERE f.agency_id = %(agency_id)s
)
SELECT extract(epoch FROM max(noon))::float8 - 43200 + min(first_s) - 3600,
       extract(epoch FROM max(noon))::float8 - 43200 + max(last_s)
FROM times CROSS JOIN version;

-- name: list_fixes
-- Positions of an agency's devices in a span of time, with times in milliseconds; each device is
-- looked up by its key, so that a short span of a long day is read at no more than its own cost.
SELECT f.device_no, f.time_ms, f.latitude, f.longitude, f.speed_mps, f.bearing_deg,
       f.trip_id, f.route_id, f.block_id
FROM device AS d CROSS JOIN LATERAL (
    SELECT device_no, (extract(epoch FROM time) * 1000)::bigint AS time_ms, latitude, longitude,
           speed_mps, bearing_deg, trip_id, route_id, block_id
    FROM fix WHERE fix.device_no = d.device_no AND time >= %(since)s AND time < %(until)s
) AS f
WHERE d.agency_id = %(agency_id)s;

-- name: has_fixes
-- Whether an agency has any position in a span of time.
SELECT EXISTS (
    SELECT FROM device AS d CROSS JOIN LATERAL (
        SELECT FROM fix WHERE fix.device_no = d.device_no
        AND time >= %(since)s AND time < %(until)s LIMIT 1
    ) AS f
    WHERE d.agency_id = %(agency_id)s);

-- name: has_late_fixes
-- Whether positions of a span of time came in after a moment.
SELECT EXISTS (
    SELECT FROM device AS d JOIN fix AS f USING (device_no)
    WHERE d.agency_id = %(agency_id)s AND f.time >= %(since)s AND f.time < %(until)s
      AND f.received_at > %(received_after)s);

-- name: list_visits
-- A day's visits, run after run in the order of stops.
SELECT trip_id, start_s, vehicle_id, stop_number, stop_id, route_id,
       extract(epoch FROM arrival_at)::float8, extract(epoch FROM departure_at)::float8,
       extract(epoch FROM scheduled_arrival_at)::float8,
       extract(epoch FROM scheduled_departure_at)::float8, seen
FROM stop_visit WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s
ORDER BY trip_id COLLATE "C", start_s, vehicle_id COLLATE "C", stop_number;

-- name: list_runs
-- Runs of some trips on some days, with when the vehicle was on them (Unix seconds): newest day
-- first, within it in an order that has nothing to do with time or place.
SELECT service_date, trip_id, start_s, vehicle_id,
       extract(epoch FROM min(coalesce(arrival_at, departure_at)))::float8,
       extract(epoch FROM max(coalesce(arrival_at, departure_at)))::float8
FROM stop_visit
WHERE agency_id = %(agency_id)s AND service_date BETWEEN %(first)s AND %(last)s
  AND trip_id = ANY(%(trip_ids)s)
GROUP BY service_date, trip_id, start_s, vehicle_id
HAVING count(*) FILTER (WHERE seen) > 1
ORDER BY service_date DESC, md5(trip_id || ' ' || start_s || ' ' || vehicle_id);

-- name: list_run_visits
-- The visits of some runs of a day, as `list_visits` gives them.
SELECT v.trip_id, v.start_s, v.vehicle_id, v.stop_number, v.stop_id, v.route_id,
       extract(epoch FROM v.arrival_at)::float8, extract(epoch FROM v.departure_at)::float8,
       extract(epoch FROM v.scheduled_arrival_at)::float8,
       extract(epoch FROM v.scheduled_departure_at)::float8, v.seen
FROM unnest(%(trip_ids)s::text[], %(starts)s::int[], %(vehicle_ids)s::text[])
         AS run (trip_id, start_s, vehicle_id)
JOIN stop_visit AS v USING (trip_id, start_s, vehicle_id)
WHERE v.agency_id = %(agency_id)s AND v.service_date = %(service_date)s
ORDER BY v.trip_id COLLATE "C", v.start_s, v.vehicle_id COLLATE "C", v.stop_number;

-- name: list_span_fixes
-- Positions of some devices, each in a span of its own, one a step of time; times in milliseconds.
SELECT f.device_no, f.time_ms, f.latitude, f.longitude, f.speed_mps, f.bearing_deg,
       f.trip_id, f.route_id, f.block_id
FROM unnest(%(device_no)s::int[], %(since)s::timestamptz[], %(until)s::timestamptz[])
         AS span (device_no, since, until)
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (floor(extract(epoch FROM time) / %(step_s)s::float8))
           device_no, (extract(epoch FROM time) * 1000)::bigint AS time_ms, latitude, longitude,
           speed_mps, bearing_deg, trip_id, route_id, block_id
    FROM fix WHERE fix.device_no = span.device_no AND time >= span.since AND time < span.until
    ORDER BY floor(extract(epoch FROM time) / %(step_s)s::float8), time
) AS f;

-- name: notify_timetable
-- Engines and pages look at the agency's timetable again.
SELECT pg_notify('sapar_timetable', %(agency_id)s);

-- name: list_traces
-- Positions of some devices in a span of time: one row a device, times (Unix seconds), latitudes
-- and longitudes as big-endian doubles, one after the other.
SELECT f.device_no, f.places
FROM unnest(%(device_no)s::int[]) AS d (device_no) CROSS JOIN LATERAL (
    SELECT fix.device_no,
           string_agg(float8send(extract(epoch FROM time)::float8) || float8send(latitude)
                      || float8send(longitude), ''::bytea ORDER BY time) AS places
    FROM fix WHERE fix.device_no = d.device_no AND time >= %(since)s AND time < %(until)s
    GROUP BY fix.device_no
) AS f;

-- name: create_time_staging
-- Once a connection: learnt times.
CREATE TEMPORARY TABLE IF NOT EXISTS time_in (
    from_stop_id text, to_stop_id text, day_type smallint, hour smallint,
    weight double precision, mean_s double precision, last_at timestamptz
) ON COMMIT DELETE ROWS;

-- name: copy_time
COPY time_in FROM STDIN;

-- name: upsert_times
-- A record takes the place of one that is no newer.
INSERT INTO travel_time AS t (agency_id, from_stop_id, to_stop_id, day_type, hour, weight, mean_s,
                              last_at)
SELECT %(agency_id)s, from_stop_id, to_stop_id, day_type, hour, weight, mean_s, last_at
FROM time_in
ORDER BY from_stop_id, to_stop_id, day_type, hour
ON CONFLICT (agency_id, from_stop_id, to_stop_id, day_type, hour) DO UPDATE
SET weight = excluded.weight, mean_s = excluded.mean_s, last_at = excluded.last_at
WHERE excluded.last_at >= t.last_at;

-- name: delete_times
-- All that an agency learnt, before it is written anew in the same transaction.
DELETE FROM travel_time WHERE agency_id = %(agency_id)s;

-- name: list_times
-- All that an agency learnt.
SELECT from_stop_id, to_stop_id, day_type, hour, weight, mean_s,
       extract(epoch FROM last_at)::float8
FROM travel_time WHERE agency_id = %(agency_id)s
ORDER BY from_stop_id COLLATE "C", to_stop_id COLLATE "C", day_type, hour;

-- name: delete_proofs
-- The day's proofs, before they are written anew in the same transaction.
DELETE FROM run_proof WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: copy_proof
-- Rows as `proofs.proof_rows` gives them.
COPY run_proof (agency_id, service_date, trip_id, start_s, planned, route_id, direction, block_id,
                vehicle_ids, status, reasons, gps_off, scheduled_start_at, scheduled_end_at,
                first_stop_at, last_stop_at, first_delay_s, last_delay_s, stops_planned,
                stops_visited, stops_guessed, planned_m, driven_m, gap_count, gap_longest_s,
                gap_latitude, gap_longitude, gap_after_sequence, fix_count, first_fix_at,
                last_fix_at) FROM STDIN;

-- name: list_starts
-- Starts of a trip's proven runs on a day.
SELECT start_s FROM run_proof
WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s AND trip_id = %(trip_id)s
ORDER BY start_s;

-- name: count_proofs
-- How many runs of a day are in which state, corrections counted.
SELECT coalesce(c.status, p.status) AS status, count(*)
FROM run_proof AS p LEFT JOIN LATERAL (
    SELECT status FROM run_correction AS rc
    WHERE (rc.agency_id, rc.service_date, rc.trip_id, rc.start_s)
        = (p.agency_id, p.service_date, p.trip_id, p.start_s)
    ORDER BY corrected_at DESC LIMIT 1
) AS c ON true
WHERE p.agency_id = %(agency_id)s AND p.service_date = %(service_date)s
GROUP BY 1;

-- name: add_correction
-- What a person says against a proof.
INSERT INTO run_correction (agency_id, service_date, trip_id, start_s, corrected_at, status,
                            author, reason)
VALUES (%(agency_id)s, %(service_date)s, %(trip_id)s, %(start_s)s, %(corrected_at)s, %(status)s,
        %(author)s, %(reason)s);

-- name: export_proofs
-- One line a run: what counts, what was measured, and who said otherwise. A correction whose run is
-- gone (a headway run found anew with another start) still stands here.
COPY (
    SELECT coalesce(p.service_date, c.service_date) AS service_date,
           coalesce(p.trip_id, c.trip_id) AS trip_id, coalesce(p.start_s, c.start_s) AS start_s,
           p.route_id, p.direction, p.block_id, p.planned,
           coalesce(c.status, p.status) AS status, p.status AS measured_status,
           array_to_string(p.reasons, ' ') AS reasons, p.gps_off,
           array_to_string(p.vehicle_ids, ' ') AS vehicles,
           to_char(p.scheduled_start_at AT TIME ZONE a.timezone, 'YYYY-MM-DD HH24:MI:SS')
               AS scheduled_start,
           to_char(p.first_stop_at AT TIME ZONE a.timezone, 'YYYY-MM-DD HH24:MI:SS')
               AS first_stop,
           round(p.first_delay_s) AS first_delay_s,
           to_char(p.scheduled_end_at AT TIME ZONE a.timezone, 'YYYY-MM-DD HH24:MI:SS')
               AS scheduled_end,
           to_char(p.last_stop_at AT TIME ZONE a.timezone, 'YYYY-MM-DD HH24:MI:SS')
               AS last_stop,
           round(p.last_delay_s) AS last_delay_s,
           p.stops_planned, p.stops_visited, p.stops_guessed,
           round(100.0 * p.stops_visited / nullif(p.stops_planned, 0), 1) AS stops_percent,
           round(p.planned_m::numeric / 1000, 3) AS planned_km,
           round(p.driven_m::numeric / 1000, 3) AS driven_km,
           p.gap_count, round(p.gap_longest_s) AS gap_longest_s, p.gap_after_sequence,
           round(p.gap_latitude::numeric, 5) AS gap_latitude,
           round(p.gap_longitude::numeric, 5) AS gap_longitude,
           p.fix_count,
           to_char(p.first_fix_at AT TIME ZONE a.timezone, 'YYYY-MM-DD HH24:MI:SS') AS first_fix,
           to_char(p.last_fix_at AT TIME ZONE a.timezone, 'YYYY-MM-DD HH24:MI:SS') AS last_fix,
           c.author AS corrected_by, c.reason AS correction,
           to_char(c.corrected_at AT TIME ZONE a.timezone, 'YYYY-MM-DD HH24:MI:SS')
               AS corrected_at
    FROM (SELECT * FROM run_proof
          WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s) AS p
    FULL JOIN (SELECT DISTINCT ON (trip_id, start_s) *
               FROM run_correction
               WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s
               ORDER BY trip_id, start_s, corrected_at DESC) AS c
        ON c.trip_id = p.trip_id AND c.start_s = p.start_s
    JOIN agency AS a ON a.agency_id = %(agency_id)s
    ORDER BY p.route_id COLLATE "C" NULLS LAST, p.scheduled_start_at,
             coalesce(p.trip_id, c.trip_id) COLLATE "C", coalesce(p.start_s, c.start_s)
) TO STDOUT (FORMAT csv, HEADER);

-- name: try_nightly_lock
-- One nightly job an agency, for the life of the connection.
SELECT pg_try_advisory_lock(hashtextextended('sapar-nightly:' || %(agency_id)s, 0));

-- name: list_steps
-- Steps of the nightly job that are done for a service day.
SELECT step, done_at FROM nightly_step
WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: note_step
-- A step is done.
INSERT INTO nightly_step (agency_id, service_date, step, done_at, summary)
VALUES (%(agency_id)s, %(service_date)s, %(step)s, %(done_at)s, %(summary)s)
ON CONFLICT (agency_id, service_date, step) DO UPDATE
SET done_at = excluded.done_at, summary = excluded.summary;

-- name: forget_steps
-- The day is done again.
DELETE FROM nightly_step WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: drop_old_visits
-- Drop whole chunks of stop visits that are all older than the retention.
SELECT drop_chunks('stop_visit', older_than => %(before)s::date);

-- name: delete_old_proofs
-- Proofs past their retention; corrections stay with them as long.
WITH old AS (DELETE FROM run_correction
             WHERE agency_id = %(agency_id)s AND service_date < %(before)s)
DELETE FROM run_proof WHERE agency_id = %(agency_id)s AND service_date < %(before)s;

-- name: delete_old_alarms
-- Alarms that have been over for long, with what people did about them; the oldest, so many.
WITH old AS MATERIALIZED (
    SELECT alarm_no FROM alarm
    WHERE agency_id = %(agency_id)s AND raised_at < %(before)s AND cleared_at < %(before)s
    ORDER BY raised_at LIMIT %(most)s
), steps AS (
    DELETE FROM alarm_step WHERE agency_id = %(agency_id)s
        AND alarm_no IN (SELECT alarm_no FROM old)
)
DELETE FROM alarm WHERE agency_id = %(agency_id)s AND alarm_no IN (SELECT alarm_no FROM old);

-- name: drop_old_segments
-- Drop whole chunks of times between stops that are all older than the retention of visits.
SELECT drop_chunks('segment_time', older_than => %(before)s::date);

-- name: delete_service_hours
-- The day's figures, before they are written anew in the same transaction.
DELETE FROM service_hour WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: delete_run_times
-- The same of run times.
DELETE FROM run_time WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: delete_segment_times
-- The same of times between stops.
DELETE FROM segment_time WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: copy_service_hour
COPY service_hour (agency_id, service_date, route_id, direction, hour, delay_bins, ratio_bins,
                   headway_s, headway_sq, plan_s, plan_sq) FROM STDIN;

-- name: copy_run_time
COPY run_time (agency_id, service_date, route_id, direction, hour, planned_s, actual_s) FROM STDIN;

-- name: copy_segment_time
COPY segment_time (agency_id, service_date, from_stop_id, to_stop_id, hour, length_m, seconds)
    FROM STDIN;

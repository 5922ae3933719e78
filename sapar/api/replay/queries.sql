-- name: list_start_was
-- The newest fix of each device at a moment, by the time of the fix; those of the last half hour.
SELECT m.vehicle_id, f.time_ms, f.time_ms AS at_ms, f.lat_e6, f.lon_e6, f.bearing, f.speed_dmps
FROM device AS d CROSS JOIN LATERAL (
    SELECT fix.device_no, fix.time, (extract(epoch FROM time) * 1000)::bigint AS time_ms,
           round(latitude * 1e6)::int AS lat_e6, round(longitude * 1e6)::int AS lon_e6,
           round(bearing_deg)::int AS bearing, round(speed_mps * 10)::int AS speed_dmps
    FROM fix WHERE fix.device_no = d.device_no
      AND time > %(since)s - interval '30 minutes' AND time <= %(since)s
    ORDER BY time DESC, epoch DESC, seq DESC LIMIT 1
) AS f
JOIN mounting AS m ON m.device_no = f.device_no AND m.mounted @> f.time
WHERE d.agency_id = %(agency_id)s;

-- name: list_fixes_was
-- Fixes of a span of time, its end included; each device is looked up by its key.
SELECT m.vehicle_id, f.time_ms, f.time_ms AS at_ms, f.lat_e6, f.lon_e6, f.bearing, f.speed_dmps
FROM device AS d CROSS JOIN LATERAL (
    SELECT fix.device_no, fix.time, (extract(epoch FROM time) * 1000)::bigint AS time_ms,
           round(latitude * 1e6)::int AS lat_e6, round(longitude * 1e6)::int AS lon_e6,
           round(bearing_deg)::int AS bearing, round(speed_mps * 10)::int AS speed_dmps
    FROM fix WHERE fix.device_no = d.device_no AND time > %(since)s AND time <= %(until)s
) AS f
JOIN mounting AS m ON m.device_no = f.device_no AND m.mounted @> f.time
WHERE d.agency_id = %(agency_id)s
ORDER BY at_ms;

-- name: list_start_known
-- The newest fix of each device among those that had been received at a moment. Device clocks may
-- run ahead by what ingest lets pass.
SELECT m.vehicle_id, f.time_ms, f.at_ms, f.lat_e6, f.lon_e6, f.bearing, f.speed_dmps
FROM device AS d CROSS JOIN LATERAL (
    SELECT fix.device_no, fix.time, (extract(epoch FROM time) * 1000)::bigint AS time_ms,
           (extract(epoch FROM received_at) * 1000)::bigint AS at_ms,
           round(latitude * 1e6)::int AS lat_e6, round(longitude * 1e6)::int AS lon_e6,
           round(bearing_deg)::int AS bearing, round(speed_mps * 10)::int AS speed_dmps
    FROM fix WHERE fix.device_no = d.device_no
      AND time > %(since)s - interval '30 minutes'
      AND time <= %(since)s + %(ahead_s)s * interval '1 second'
      AND received_at <= %(since)s
    ORDER BY time DESC, epoch DESC, seq DESC LIMIT 1
) AS f
JOIN mounting AS m ON m.device_no = f.device_no AND m.mounted @> f.time
WHERE d.agency_id = %(agency_id)s;

-- name: list_fixes_known
-- Fixes received in a span of time, its end included, that are not older than `late_s`: what came
-- later than that does not move a bus any more.
SELECT m.vehicle_id, f.time_ms, f.at_ms, f.lat_e6, f.lon_e6, f.bearing, f.speed_dmps
FROM device AS d CROSS JOIN LATERAL (
    SELECT fix.device_no, fix.time, (extract(epoch FROM time) * 1000)::bigint AS time_ms,
           (extract(epoch FROM received_at) * 1000)::bigint AS at_ms,
           round(latitude * 1e6)::int AS lat_e6, round(longitude * 1e6)::int AS lon_e6,
           round(bearing_deg)::int AS bearing, round(speed_mps * 10)::int AS speed_dmps
    FROM fix WHERE fix.device_no = d.device_no
      AND time > %(since)s - %(late_s)s * interval '1 second'
      AND time <= %(until)s + %(ahead_s)s * interval '1 second'
      AND received_at > %(since)s AND received_at <= %(until)s
) AS f
JOIN mounting AS m ON m.device_no = f.device_no AND m.mounted @> f.time
WHERE d.agency_id = %(agency_id)s
ORDER BY at_ms, time_ms;

-- name: list_visits_between
-- Stop visits of a span of time, in order of vehicle and time, as Unix milliseconds. The service
-- dates bound what is read: there is no index by time.
SELECT vehicle_id, trip_id, service_date, start_s, route_id, stop_id,
       (extract(epoch FROM arrival_at) * 1000)::bigint AS arrival_ms,
       (extract(epoch FROM departure_at) * 1000)::bigint AS departure_ms,
       (extract(epoch FROM scheduled_arrival_at) * 1000)::bigint AS plan_arrival_ms,
       (extract(epoch FROM scheduled_departure_at) * 1000)::bigint AS plan_departure_ms
FROM stop_visit
WHERE agency_id = %(agency_id)s AND service_date BETWEEN %(first)s AND %(last)s
  AND coalesce(arrival_at, departure_at) > %(since)s
  AND coalesce(arrival_at, departure_at) <= %(until)s
ORDER BY vehicle_id, coalesce(arrival_at, departure_at), stop_number;

-- name: list_visits_of_trips
-- What buses did on some trips of a service date, run after run.
SELECT trip_id, start_s, vehicle_id, stop_number, stop_id,
       (extract(epoch FROM arrival_at) * 1000)::bigint AS arrival_ms,
       (extract(epoch FROM departure_at) * 1000)::bigint AS departure_ms, seen
FROM stop_visit
WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s AND trip_id = ANY(%(trips)s)
ORDER BY trip_id, start_s, vehicle_id, stop_number;

-- name: list_heard_bins
-- For each span of `bin_s` whether any device was heard in it: one look-up ends at the first fix.
SELECT EXISTS (
    SELECT FROM device AS d CROSS JOIN LATERAL (
        SELECT FROM fix WHERE fix.device_no = d.device_no
          AND time >= bin AND time < bin + %(bin_s)s * interval '1 second' LIMIT 1
    ) AS f
    WHERE d.agency_id = %(agency_id)s) AS heard
FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 microsecond',
                     %(bin_s)s * interval '1 second') AS bin
ORDER BY bin;

-- name: list_alarm_marks
-- Alarms that were raised in a span of time, the urgent ones first where there are too many.
SELECT extract(epoch FROM raised_at)::float8, extract(epoch FROM cleared_at)::float8, kind,
       priority, vehicle_id, route_id
FROM alarm
WHERE agency_id = %(agency_id)s AND raised_at >= %(since)s AND raised_at < %(until)s
ORDER BY priority, raised_at
LIMIT %(most)s;

-- name: find_version_at
-- The timetable that was in force at noon of a service date; before the first one, the first one.
SELECT v.version_no, v.feed_version, v.digest,
       extract(epoch FROM v.activated_at)::double precision AS activated_s
FROM gtfs_activation AS a JOIN agency AS g USING (agency_id)
JOIN gtfs_version AS v USING (agency_id, version_no)
WHERE a.agency_id = %(agency_id)s
ORDER BY a.activated_at <= (%(service_date)s::date + time '12:00') AT TIME ZONE g.timezone DESC,
         abs(extract(epoch FROM a.activated_at - (%(service_date)s::date + time '12:00')
                                                 AT TIME ZONE g.timezone))
LIMIT 1;

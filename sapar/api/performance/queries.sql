-- What performance pages ask. Every query groups by what the caller wants apart: what it does not
-- want apart comes as null.

-- name: sum_service
-- Punctuality and regularity by day, route, direction and hour, each if asked for. Classes of
-- lateness and of headways are cut where the caller says (1-based positions in the bins).
SELECT CASE WHEN %(by_day)s THEN service_date END AS day,
       CASE WHEN %(by_route)s THEN route_id END AS route_id,
       CASE WHEN %(by_direction)s THEN direction END AS direction,
       CASE WHEN %(by_hour)s THEN hour END AS hour,
       sum((SELECT sum(n) FROM unnest(delay_bins) AS n)) AS departures,
       sum((SELECT coalesce(sum(n), 0) FROM unnest(delay_bins[:%(early_until)s]) AS n)) AS early,
       sum((SELECT coalesce(sum(n), 0) FROM unnest(delay_bins[%(late_from)s:]) AS n)) AS late,
       sum((SELECT sum(n) FROM unnest(ratio_bins) AS n)) AS headways,
       sum((SELECT coalesce(sum(n), 0) FROM unnest(ratio_bins[:5]) AS n)) AS bunched,
       sum((SELECT coalesce(sum(n), 0) FROM unnest(ratio_bins[16:]) AS n)) AS gaps,
       sum(headway_s), sum(headway_sq), sum(plan_s), sum(plan_sq)
FROM service_hour
WHERE agency_id = %(agency_id)s AND service_date BETWEEN %(first)s AND %(last)s
  AND (%(route_id)s::text IS NULL OR route_id = %(route_id)s)
  AND hour BETWEEN %(from_hour)s AND %(until_hour)s
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: list_bins
-- The classes themselves, to be added up.
SELECT delay_bins, ratio_bins FROM service_hour
WHERE agency_id = %(agency_id)s AND service_date BETWEEN %(first)s AND %(last)s
  AND (%(route_id)s::text IS NULL OR route_id = %(route_id)s)
  AND hour BETWEEN %(from_hour)s AND %(until_hour)s;

-- name: sum_runs
-- Runs planned and driven by day, route, direction and hour of the planned start, corrections
-- counted; kilometres; and how much of the service was observed at all.
SELECT CASE WHEN %(by_day)s THEN p.service_date END AS day,
       CASE WHEN %(by_route)s THEN p.route_id END AS route_id,
       CASE WHEN %(by_direction)s THEN coalesce(p.direction, -1) END AS direction,
       CASE WHEN %(by_hour)s
            THEN extract(hour FROM p.scheduled_start_at AT TIME ZONE a.timezone)::int END AS hour,
       count(*) FILTER (WHERE p.planned) AS planned,
       count(*) FILTER (WHERE p.planned AND coalesce(c.status, p.status) = 'done') AS done,
       count(*) FILTER (WHERE p.planned AND coalesce(c.status, p.status) = 'partly') AS partly,
       count(*) FILTER (WHERE NOT p.planned) AS extra,
       count(*) FILTER (WHERE p.gps_off) AS gps_off,
       coalesce(sum(p.planned_m) FILTER (WHERE p.planned), 0) / 1000 AS planned_km,
       sum(p.driven_m) / 1000 AS driven_km,
       coalesce(sum(p.stops_planned) FILTER (WHERE p.planned), 0) AS stops_planned,
       sum(p.stops_visited - p.stops_guessed) AS stops_seen
FROM run_proof AS p JOIN agency AS a USING (agency_id) LEFT JOIN LATERAL (
    SELECT status FROM run_correction AS rc
    WHERE (rc.agency_id, rc.service_date, rc.trip_id, rc.start_s)
        = (p.agency_id, p.service_date, p.trip_id, p.start_s)
    ORDER BY corrected_at DESC LIMIT 1
) AS c ON true
WHERE p.agency_id = %(agency_id)s AND p.service_date BETWEEN %(first)s AND %(last)s
  AND (%(route_id)s::text IS NULL OR p.route_id = %(route_id)s)
  AND extract(hour FROM p.scheduled_start_at AT TIME ZONE a.timezone)
      BETWEEN %(from_hour)s AND %(until_hour)s
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: sum_carriers
-- The same by carrier: whose the vehicle was at the planned start, else whose the route was.
SELECT k.carrier_id, k.name,
       count(*) FILTER (WHERE p.planned) AS planned,
       count(*) FILTER (WHERE p.planned AND coalesce(c.status, p.status) = 'done') AS done,
       count(*) FILTER (WHERE p.planned AND coalesce(c.status, p.status) = 'partly') AS partly,
       count(*) FILTER (WHERE NOT p.planned) AS extra,
       count(*) FILTER (WHERE p.gps_off) AS gps_off,
       coalesce(sum(p.planned_m) FILTER (WHERE p.planned), 0) / 1000 AS planned_km,
       sum(p.driven_m) / 1000 AS driven_km,
       count(c.status) AS corrected
FROM run_proof AS p LEFT JOIN LATERAL (
    SELECT status FROM run_correction AS rc
    WHERE (rc.agency_id, rc.service_date, rc.trip_id, rc.start_s)
        = (p.agency_id, p.service_date, p.trip_id, p.start_s)
    ORDER BY corrected_at DESC LIMIT 1
) AS c ON true LEFT JOIN LATERAL (
    SELECT carrier_no FROM carrier_service AS s JOIN carrier AS r USING (carrier_no)
    WHERE r.agency_id = p.agency_id AND s.valid @> p.scheduled_start_at
      AND (s.vehicle_id = p.vehicle_ids[1] OR s.route_id = p.route_id)
    ORDER BY s.vehicle_id IS NULL LIMIT 1
) AS s ON true LEFT JOIN carrier AS k USING (carrier_no)
WHERE p.agency_id = %(agency_id)s AND p.service_date BETWEEN %(first)s AND %(last)s
  AND (%(route_id)s::text IS NULL OR p.route_id = %(route_id)s)
GROUP BY 1, 2 ORDER BY 1 NULLS LAST;

-- name: list_runs
-- Proofs of the runs of a day, in the order of route and time; those after a given place.
SELECT p.trip_id, p.start_s, p.route_id, p.direction, p.block_id, p.planned, p.vehicle_ids,
       coalesce(c.status, p.status) AS status, p.status AS measured_status, p.reasons, p.gps_off,
       extract(epoch FROM p.scheduled_start_at)::float8,
       extract(epoch FROM p.scheduled_end_at)::float8,
       extract(epoch FROM p.first_stop_at)::float8, extract(epoch FROM p.last_stop_at)::float8,
       p.stops_planned, p.stops_visited, p.stops_guessed, p.planned_m, p.driven_m,
       p.gap_count, p.gap_longest_s, p.gap_latitude, p.gap_longitude,
       c.author, c.reason
FROM run_proof AS p LEFT JOIN LATERAL (
    SELECT status, author, reason FROM run_correction AS rc
    WHERE (rc.agency_id, rc.service_date, rc.trip_id, rc.start_s)
        = (p.agency_id, p.service_date, p.trip_id, p.start_s)
    ORDER BY corrected_at DESC LIMIT 1
) AS c ON true
WHERE p.agency_id = %(agency_id)s AND p.service_date = %(day)s
  AND (%(route_id)s::text IS NULL OR p.route_id = %(route_id)s)
  AND (%(status)s::text IS NULL OR coalesce(c.status, p.status) = %(status)s)
ORDER BY p.route_id COLLATE "C", p.scheduled_start_at, p.trip_id COLLATE "C", p.start_s
LIMIT %(most)s OFFSET %(after)s;

-- name: list_run_times
-- Run times of a route, by direction and hour.
SELECT direction, hour, planned_s, actual_s FROM run_time
WHERE agency_id = %(agency_id)s AND service_date BETWEEN %(first)s AND %(last)s
  AND route_id = %(route_id)s AND hour BETWEEN %(from_hour)s AND %(until_hour)s
ORDER BY direction, hour, service_date;

-- name: list_segments
-- Times between neighbouring stops: passages, their sum, and percentiles; of some pairs or of all.
SELECT s.from_stop_id, s.to_stop_id, max(s.length_m)::float8, count(*), sum(v)::float8,
       percentile_cont(ARRAY[0.15, 0.5, 0.85]) WITHIN GROUP (ORDER BY v)
FROM segment_time AS s CROSS JOIN LATERAL unnest(s.seconds) AS v
WHERE s.agency_id = %(agency_id)s AND s.service_date BETWEEN %(first)s AND %(last)s
  AND s.hour BETWEEN %(from_hour)s AND %(until_hour)s
  AND (%(from_ids)s::text[] IS NULL OR (s.from_stop_id, s.to_stop_id) IN (
      SELECT a, b FROM unnest(%(from_ids)s::text[], %(to_ids)s::text[]) AS wanted (a, b)))
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: sum_eta
-- How predictions held, by horizon and day or route; an empty route is all routes together.
SELECT CASE WHEN %(by_day)s THEN service_date END AS day,
       CASE WHEN %(by_route)s THEN route_id END AS route_id, from_min, until_min,
       sum(scored), sum(never_came), sum(accurate),
       sum(mae_s * scored) / nullif(sum(scored), 0), sum(bias_s * scored) / nullif(sum(scored), 0),
       sum(within_bounds), sum(due), sum(covered)
FROM eta_score
WHERE agency_id = %(agency_id)s AND service_date BETWEEN %(first)s AND %(last)s
  AND (CASE WHEN %(route_id)s::text IS NOT NULL THEN route_id = %(route_id)s
            WHEN %(by_route)s THEN route_id <> '' ELSE route_id = '' END)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- name: list_devices
-- Devices with where they are mounted, when they were last heard of, what they say of themselves,
-- what is missing of their taps, and what was refused of them since a moment.
SELECT d.device_id, d.kind, m.vehicle_id,
       extract(epoch FROM l.time)::float8, extract(epoch FROM l.received_at)::float8,
       extract(epoch FROM t.device_time)::float8, extract(epoch FROM t.received_at)::float8,
       s.online, s.status, extract(epoch FROM s.received_at)::float8,
       coalesce(g.gaps, 0), coalesce(g.missing, 0), coalesce(r.refused, 0), r.codes
FROM device AS d
LEFT JOIN mounting AS m ON m.device_no = d.device_no AND m.mounted @> %(now)s::timestamptz
LEFT JOIN device_status AS s ON s.device_no = d.device_no
LEFT JOIN LATERAL (
    SELECT time, received_at FROM vehicle_latest AS v
    WHERE v.agency_id = d.agency_id AND v.device_no = d.device_no
    ORDER BY received_at DESC LIMIT 1
) AS l ON true
LEFT JOIN LATERAL (
    SELECT device_time, received_at FROM tap
    WHERE tap.device_no = d.device_no ORDER BY epoch DESC, seq DESC LIMIT 1
) AS t ON d.kind = 'validator'
LEFT JOIN (SELECT device_no, count(*) AS gaps, sum(to_seq - from_seq + 1)::bigint AS missing
           FROM tap_gap GROUP BY device_no) AS g ON g.device_no = d.device_no
LEFT JOIN (SELECT device_id, sum(times)::bigint AS refused,
                  array_agg(DISTINCT code ORDER BY code) AS codes
           FROM dead_letter
           WHERE agency_id = %(agency_id)s AND last_received_at >= %(since)s
           GROUP BY device_id) AS r ON r.device_id = d.device_id
WHERE d.agency_id = %(agency_id)s AND d.revoked_at IS NULL
ORDER BY d.device_id COLLATE "C";

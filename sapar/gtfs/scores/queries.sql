-- name: add_sample
-- Keep what was published about a run at a moment.
INSERT INTO eta_sample (agency_id, service_date, sampled_at, vehicle_id, trip_id, start_s, route_id,
                        stop_id, arrival_s, median_s, low_s, high_s)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING;

-- name: list_samples
-- What was published on a service day, in order.
SELECT extract(epoch FROM sampled_at)::float8, vehicle_id, route_id, stop_id, arrival_s, median_s,
       low_s, high_s
FROM eta_sample
WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s
ORDER BY sampled_at, vehicle_id, trip_id, start_s;

-- name: list_arrivals
-- Arrivals of some vehicles on a service day, by vehicle, stop and time; the stop's number on its
-- trip counts from 0.
SELECT vehicle_id, stop_id, route_id, stop_number, extract(epoch FROM arrival_at)::float8,
       extract(epoch FROM scheduled_arrival_at)::float8, seen
FROM stop_visit
WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s AND arrival_at IS NOT NULL
  AND vehicle_id = ANY(%(vehicle_ids)s)
ORDER BY vehicle_id, stop_id, arrival_at;

-- name: list_vehicles
SELECT DISTINCT vehicle_id FROM stop_visit
WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: delete_scores
DELETE FROM eta_score WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s;

-- name: add_score
-- Keep the score of a route and horizon.
INSERT INTO eta_score (agency_id, service_date, route_id, from_min, until_min, scored, never_came,
                       accurate, mae_s, bias_s, median_mae_s, within_bounds, due, covered)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s);

-- name: delete_old_samples
DELETE FROM eta_sample WHERE agency_id = %(agency_id)s AND service_date < %(before)s;

-- name: list_scores
-- Scores of a service day, all routes together first.
SELECT route_id, from_min, until_min, scored, never_came, accurate, mae_s, bias_s, median_mae_s,
       within_bounds, due, covered
FROM eta_score
WHERE agency_id = %(agency_id)s AND service_date = %(service_date)s
ORDER BY route_id, from_min;

-- name: list_agencies
-- Every agency with its active timetable, if it has one.
SELECT a.agency_id, a.name, a.timezone, v.version_no, v.feed_version, v.digest,
       extract(epoch FROM v.activated_at)::double precision AS activated_s
FROM agency AS a
LEFT JOIN gtfs_version AS v ON v.agency_id = a.agency_id AND v.active
ORDER BY a.agency_id;

-- name: find_zip
-- The timetable's zip as it was imported.
SELECT zip FROM gtfs_version WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s;

-- name: prefer_hash_joins
-- For the queries below, which read a whole timetable. Right after an import the planner has no
-- statistics and takes nested loops over ten thousand trips: 45 s instead of 0.1 s.
SET LOCAL enable_nestloop = off;

-- name: list_routes
SELECT route_id, short_name, long_name, color, text_color, route_type
FROM gtfs_route
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s;

-- name: list_route_shapes
-- Each shape once per route that uses it.
SELECT used.route_id, s.latitude, s.longitude
FROM (SELECT DISTINCT route_id, shape_id FROM gtfs_trip
      WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s) AS used
JOIN gtfs_shape AS s
  ON s.agency_id = %(agency_id)s AND s.version_no = %(version_no)s AND s.shape_id = used.shape_id
ORDER BY used.route_id, s.shape_id;

-- name: list_route_stop_lines
-- Each sequence of stops once per route; `has_shape` tells whether a shape says more exactly how
-- the bus goes.
SELECT DISTINCT t.route_id, st.stop_id, s.shape_id IS NOT NULL AS has_shape
FROM gtfs_trip AS t
JOIN gtfs_stop_time AS st USING (agency_id, version_no, trip_id)
LEFT JOIN gtfs_shape AS s USING (agency_id, version_no, shape_id)
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s
ORDER BY t.route_id, st.stop_id;

-- name: list_stops
-- Places where vehicles stop (location_type 0), not the stations around them.
SELECT stop_id, name, latitude, longitude
FROM gtfs_stop
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s
  AND location_type = 0 AND latitude IS NOT NULL AND longitude IS NOT NULL
ORDER BY stop_id;

-- name: ping
SELECT 1;

-- name: add_agency
-- Make sure that the agency exists; its name and zone are those of its first timetable.
INSERT INTO agency (agency_id, name, timezone) VALUES (%(agency_id)s, %(name)s, %(timezone)s)
ON CONFLICT DO NOTHING;

-- name: lock_agency
-- One import or switch at a time for each agency; devices may be added to it meanwhile.
SELECT 1 FROM agency WHERE agency_id = %(agency_id)s FOR NO KEY UPDATE;

-- name: find_version_by_digest
-- The version that holds the same zip.
SELECT version_no, active FROM gtfs_version
WHERE agency_id = %(agency_id)s AND digest = %(digest)s;

-- name: find_active_zip
-- The active version with its zip.
SELECT version_no, feed_version, digest, zip, activated_at FROM gtfs_version
WHERE agency_id = %(agency_id)s AND active;

-- name: find_version
-- One version with its zip.
SELECT version_no, feed_version, digest, zip, activated_at FROM gtfs_version
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s;

-- name: find_active
-- Number and digest of the active version.
SELECT version_no, digest FROM gtfs_version WHERE agency_id = %(agency_id)s AND active;

-- name: list_versions
-- All versions, of one agency or of all, oldest first.
SELECT agency_id, version_no, feed_version, digest, length(zip) AS zip_bytes, imported_at,
       activated_at, active, summary, warnings
FROM gtfs_version
WHERE %(agency_id)s::text IS NULL OR agency_id = %(agency_id)s
ORDER BY agency_id, version_no;

-- name: add_version
-- A new version beside the others, not active. The agency is locked, so the number is free; one
-- that was dropped while newest may be given again.
INSERT INTO gtfs_version
    (agency_id, version_no, feed_version, digest, zip, imported_at, summary, warnings)
SELECT %(agency_id)s, coalesce(max(version_no), 0) + 1, %(feed_version)s, %(digest)s, %(zip)s,
       %(imported_at)s, %(summary)s::jsonb, %(warnings)s::jsonb
FROM gtfs_version WHERE agency_id = %(agency_id)s
RETURNING version_no;

-- name: deactivate
-- No version of the agency is active, until the same transaction activates one.
UPDATE gtfs_version SET active = false WHERE agency_id = %(agency_id)s AND active;

-- name: activate
-- Switch to a version.
UPDATE gtfs_version SET active = true, activated_at = %(activated_at)s
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s;

-- name: extend_area
-- The area that fixes must lie in takes in the timetable's; it never shrinks by itself, since
-- late uploads are judged by it too.
UPDATE agency
SET timezone      = %(timezone)s,
    min_latitude  = least(min_latitude, %(min_latitude)s),
    min_longitude = least(min_longitude, %(min_longitude)s),
    max_latitude  = greatest(max_latitude, %(max_latitude)s),
    max_longitude = greatest(max_longitude, %(max_longitude)s)
WHERE agency_id = %(agency_id)s;

-- name: notify
-- Tell the engine and the API, once the transaction commits.
SELECT pg_notify('sapar_timetable', %(agency_id)s);

-- name: drop_version
-- Delete a version and its rows, unless it is the active one.
DELETE FROM gtfs_version
WHERE agency_id = %(agency_id)s AND version_no = %(version_no)s AND NOT active;

-- name: copy_agency
-- Rows of agency.txt.
COPY gtfs_agency (agency_id, version_no, gtfs_agency_id, name, timezone, language) FROM STDIN;

-- name: copy_stop
-- Rows of stops.txt.
COPY gtfs_stop (agency_id, version_no, stop_id, name, latitude, longitude, location_type)
FROM STDIN;

-- name: copy_route
-- Rows of routes.txt.
COPY gtfs_route (agency_id, version_no, route_id, short_name, long_name, route_type, color,
                 text_color) FROM STDIN;

-- name: copy_trip
-- Trips that have stop times.
COPY gtfs_trip (agency_id, version_no, trip_id, route_id, service_id, direction, block_id,
                shape_id, headsign, first_s, last_s) FROM STDIN;

-- name: copy_stop_time
-- Stop times, one row a trip.
COPY gtfs_stop_time (agency_id, version_no, trip_id, stop_sequence, stop_id, arrival_s,
                     departure_s, timed) FROM STDIN;

-- name: copy_calendar
-- Rows of calendar.txt.
COPY gtfs_calendar (agency_id, version_no, service_id, weekdays, start_date, end_date)
FROM STDIN;

-- name: copy_calendar_date
-- Rows of calendar_dates.txt.
COPY gtfs_calendar_date (agency_id, version_no, service_id, service_date, added) FROM STDIN;

-- name: copy_shape
-- Shapes that a trip uses, one row a shape.
COPY gtfs_shape (agency_id, version_no, shape_id, latitude, longitude, along_m) FROM STDIN;

-- name: copy_frequency
-- Rows of frequencies.txt.
COPY gtfs_frequency (agency_id, version_no, trip_id, start_s, end_s, headway_s, exact)
FROM STDIN;

-- name: analyze
-- A new version is most of these tables: without statistics plans for it are guesses.
ANALYZE gtfs_version, gtfs_agency, gtfs_stop, gtfs_route, gtfs_trip, gtfs_stop_time, gtfs_calendar, gtfs_calendar_date, gtfs_shape, gtfs_frequency;

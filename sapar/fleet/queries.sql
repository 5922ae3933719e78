-- name: list_agencies
-- All agencies with their area; the four bounds are null together.
SELECT agency_id, name, timezone, min_latitude, min_longitude, max_latitude, max_longitude
FROM agency
ORDER BY agency_id;

-- name: list_devices
-- All devices, revoked ones too, with their mountings in order of time as parallel arrays of
-- vehicles, starts and ends (Unix seconds; -infinity and infinity where the range is open).
SELECT d.device_no, d.agency_id, d.device_id, d.kind, d.revoked_at IS NOT NULL,
       coalesce(m.vehicle_ids, '{}'), coalesce(m.starts_s, '{}'), coalesce(m.ends_s, '{}')
FROM device AS d
LEFT JOIN (
    SELECT device_no,
           array_agg(vehicle_id ORDER BY mounted) AS vehicle_ids,
           array_agg(coalesce(extract(epoch FROM lower(mounted))::float8, '-infinity')
                     ORDER BY mounted) AS starts_s,
           array_agg(coalesce(extract(epoch FROM upper(mounted))::float8, 'infinity')
                     ORDER BY mounted) AS ends_s
    FROM mounting
    GROUP BY device_no
) AS m USING (device_no)
ORDER BY d.agency_id, d.device_id;

-- name: list_credentials
-- User name parts and password hashes of every device that may connect.
SELECT agency_id, device_id, password_hash
FROM device
WHERE revoked_at IS NULL
ORDER BY agency_id, device_id;

-- name: upsert_agency
-- Add an agency, or give it another name or time zone; null keeps what stands. Writes nothing, and
-- so notifies nobody, when nothing changes.
INSERT INTO agency (agency_id, name, timezone)
VALUES (%(agency_id)s, coalesce(%(name)s, %(agency_id)s), coalesce(%(timezone)s, 'UTC'))
ON CONFLICT (agency_id) DO UPDATE
SET name = coalesce(%(name)s, agency.name), timezone = coalesce(%(timezone)s, agency.timezone)
WHERE (agency.name, agency.timezone)
      <> (coalesce(%(name)s, agency.name), coalesce(%(timezone)s, agency.timezone));

-- name: set_agency_area
-- Set the box that an agency's vehicles stay in, or take it away (nulls).
UPDATE agency
SET min_latitude = %(min_latitude)s, min_longitude = %(min_longitude)s,
    max_latitude = %(max_latitude)s, max_longitude = %(max_longitude)s
WHERE agency_id = %(agency_id)s
RETURNING agency_id;

-- name: find_agency
-- One agency with its area.
SELECT agency_id, name, timezone, min_latitude, min_longitude, max_latitude, max_longitude
FROM agency
WHERE agency_id = %(agency_id)s;

-- name: lock_devices
-- One change of devices and mountings at a time; readers are not held up.
LOCK TABLE device, mounting IN SHARE ROW EXCLUSIVE MODE;

-- name: list_device_rows
-- Devices of one agency (all when null) with their newest mounting.
SELECT d.device_no, d.agency_id, d.device_id, d.kind, d.created_at, d.revoked_at,
       m.vehicle_id, lower(m.mounted), upper(m.mounted)
FROM device AS d
LEFT JOIN LATERAL (
    SELECT vehicle_id, mounted FROM mounting WHERE mounting.device_no = d.device_no
    ORDER BY mounted DESC LIMIT 1
) AS m ON true
WHERE (%(agency_id)s::text IS NULL OR d.agency_id = %(agency_id)s)
  AND (%(device_id)s::text IS NULL OR d.device_id = %(device_id)s)
ORDER BY d.agency_id, d.device_id;

-- name: list_mountings
-- Where a device was when, in order of time.
SELECT vehicle_id, lower(mounted), upper(mounted)
FROM mounting
WHERE device_no = %(device_no)s
ORDER BY mounted;

-- name: insert_device
-- Add a device; its number is given here and never again.
INSERT INTO device (agency_id, device_id, kind, password_hash)
VALUES (%(agency_id)s, %(device_id)s, %(kind)s, %(password_hash)s);

-- name: set_password_hash
-- Put another password in place of a device's.
UPDATE device SET password_hash = %(password_hash)s
WHERE agency_id = %(agency_id)s AND device_id = %(device_id)s;

-- name: revoke_device
-- Revoke a device, once: the first time stands.
UPDATE device SET revoked_at = %(at)s
WHERE agency_id = %(agency_id)s AND device_id = %(device_id)s AND revoked_at IS NULL;

-- name: end_mounting
-- End the newest mounting of a device at a time that lies after its start.
UPDATE mounting SET mounted = tstzrange(lower(mounted), %(at)s)
WHERE device_no = (SELECT device_no FROM device
                   WHERE agency_id = %(agency_id)s AND device_id = %(device_id)s)
  AND upper_inf(mounted);

-- name: delete_open_mounting
-- Take the newest mounting back: it would end where it starts.
DELETE FROM mounting
WHERE device_no = (SELECT device_no FROM device
                   WHERE agency_id = %(agency_id)s AND device_id = %(device_id)s)
  AND upper_inf(mounted);

-- name: insert_mounting
-- A device is in a vehicle from a time on; null means since ever.
INSERT INTO mounting (device_no, vehicle_id, mounted)
SELECT device_no, %(vehicle_id)s, tstzrange(%(at)s, NULL)
FROM device
WHERE agency_id = %(agency_id)s AND device_id = %(device_id)s;

-- name: count_refusals
-- Add to the counts of what the broker refused.
INSERT INTO broker_refusal (reason, username, times)
VALUES (%(reason)s, %(username)s, %(times)s)
ON CONFLICT (reason, username) DO UPDATE
SET times = broker_refusal.times + excluded.times, last_seen_at = now();

-- name: delete_depots
-- The depots of an agency and who is at home there, before they are written anew.
DELETE FROM depot WHERE agency_id = %(agency_id)s;

-- name: insert_depot
-- A depot with its vehicles.
WITH new AS (
    INSERT INTO depot (agency_id, depot_id, name, latitude, longitude)
    VALUES (%(agency_id)s, %(depot_id)s, %(name)s, %(latitude)s, %(longitude)s)
    RETURNING agency_id, depot_id
)
INSERT INTO vehicle_depot (agency_id, vehicle_id, depot_id)
SELECT agency_id, vehicle_id, depot_id FROM new, unnest(%(vehicle_ids)s::text[]) AS v (vehicle_id);

-- name: list_depots
-- Depots with the vehicles that are at home there.
SELECT d.depot_id, d.name, d.latitude, d.longitude,
       coalesce(array_agg(v.vehicle_id ORDER BY v.vehicle_id COLLATE "C")
                FILTER (WHERE v.vehicle_id IS NOT NULL), '{}')
FROM depot AS d LEFT JOIN vehicle_depot AS v USING (agency_id, depot_id)
WHERE d.agency_id = %(agency_id)s GROUP BY d.agency_id, d.depot_id ORDER BY d.name, d.depot_id;

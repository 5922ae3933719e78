-- Staging tables belong to the writer's own connection; a batch is copied in, then inserted, so
-- that repeats can be told from new rows.

-- name: create_staging
-- Once per connection.
CREATE TEMPORARY TABLE fix_in (
    device_no int, digest bigint, epoch bigint, seq bigint, time_ms bigint,
    latitude double precision, longitude double precision, speed_mps double precision, bearing_deg double precision,
    odometer_m double precision, accuracy_m double precision, satellites smallint,
    trip_id text, route_id text, block_id text, driver_id text,
    doors_open boolean, ignition boolean, occupancy_count smallint
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE event_in (
    device_no int, digest bigint, epoch bigint, seq bigint, time_ms bigint,
    kind text, latitude double precision, longitude double precision, data jsonb
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE shift_in (
    device_no int, digest bigint, epoch bigint, seq bigint, time_ms bigint,
    action text, driver_id text, trip_id text, route_id text, block_id text
) ON COMMIT DELETE ROWS;

-- name: copy_fix
-- Lines as rows.py writes them.
COPY fix_in FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\');

-- name: copy_event
COPY event_in FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\');

-- name: copy_shift
COPY shift_in FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\');

-- name: insert_fix
-- Gives the identities stored for the first time, per device and epoch. In key order, so that two
-- workers with the same rows cannot wait for each other in a circle.
WITH fresh AS (
    INSERT INTO fix (device_no, digest, time, epoch, seq, latitude, longitude, speed_mps,
                     bearing_deg, odometer_m, accuracy_m, satellites, trip_id, route_id, block_id,
                     driver_id, doors_open, ignition, occupancy_count, received_at)
    SELECT device_no, digest, timestamptz 'epoch' + time_ms * interval '1 millisecond', epoch, seq,
           latitude, longitude, speed_mps, bearing_deg, odometer_m, accuracy_m, satellites,
           trip_id, route_id, block_id, driver_id, doors_open, ignition, occupancy_count,
           %(received_at)s
    FROM fix_in
    ORDER BY device_no, time_ms, epoch, seq, digest
    ON CONFLICT DO NOTHING
    RETURNING device_no, epoch, seq
)
SELECT device_no, epoch, array_agg(seq) FROM fresh GROUP BY device_no, epoch;

-- name: insert_event
-- As insert_fix.
WITH fresh AS (
    INSERT INTO event (device_no, digest, time, epoch, seq, kind, latitude, longitude, data,
                       received_at)
    SELECT device_no, digest, timestamptz 'epoch' + time_ms * interval '1 millisecond', epoch, seq,
           kind, latitude, longitude, data, %(received_at)s
    FROM event_in
    ORDER BY device_no, time_ms, epoch, seq, digest
    ON CONFLICT DO NOTHING
    RETURNING device_no, epoch, seq
)
SELECT device_no, epoch, array_agg(seq) FROM fresh GROUP BY device_no, epoch;

-- name: insert_shift
-- As insert_fix.
WITH fresh AS (
    INSERT INTO shift (device_no, digest, time, epoch, seq, action, driver_id, trip_id, route_id,
                       block_id, received_at)
    SELECT device_no, digest, timestamptz 'epoch' + time_ms * interval '1 millisecond', epoch, seq,
           action, driver_id, trip_id, route_id, block_id, %(received_at)s
    FROM shift_in
    ORDER BY device_no, time_ms, epoch, seq, digest
    ON CONFLICT DO NOTHING
    RETURNING device_no, epoch, seq
)
SELECT device_no, epoch, array_agg(seq) FROM fresh GROUP BY device_no, epoch;

-- name: read_back_fix
-- Which of these full identities are committed rows; asked for what insert_fix did not give.
SELECT t.device_no, t.epoch, array_agg(t.seq)
FROM unnest(%(device_no)s::int[], %(digest)s::bigint[], %(time_ms)s::bigint[], %(epoch)s::bigint[],
            %(seq)s::bigint[]) AS asked (device_no, digest, time_ms, epoch, seq)
JOIN fix t ON t.device_no = asked.device_no AND t.epoch = asked.epoch AND t.seq = asked.seq
    AND t.digest = asked.digest
    AND t.time = timestamptz 'epoch' + asked.time_ms * interval '1 millisecond'
WHERE t.time BETWEEN timestamptz 'epoch' + %(first_ms)s * interval '1 millisecond'
                 AND timestamptz 'epoch' + %(last_ms)s * interval '1 millisecond'
GROUP BY t.device_no, t.epoch;

-- name: read_back_event
-- As read_back_fix.
SELECT t.device_no, t.epoch, array_agg(t.seq)
FROM unnest(%(device_no)s::int[], %(digest)s::bigint[], %(time_ms)s::bigint[], %(epoch)s::bigint[],
            %(seq)s::bigint[]) AS asked (device_no, digest, time_ms, epoch, seq)
JOIN event t ON t.device_no = asked.device_no AND t.epoch = asked.epoch AND t.seq = asked.seq
    AND t.digest = asked.digest
    AND t.time = timestamptz 'epoch' + asked.time_ms * interval '1 millisecond'
WHERE t.time BETWEEN timestamptz 'epoch' + %(first_ms)s * interval '1 millisecond'
                 AND timestamptz 'epoch' + %(last_ms)s * interval '1 millisecond'
GROUP BY t.device_no, t.epoch;

-- name: read_back_shift
-- As read_back_fix.
SELECT t.device_no, t.epoch, array_agg(t.seq)
FROM unnest(%(device_no)s::int[], %(digest)s::bigint[], %(time_ms)s::bigint[], %(epoch)s::bigint[],
            %(seq)s::bigint[]) AS asked (device_no, digest, time_ms, epoch, seq)
JOIN shift t ON t.device_no = asked.device_no AND t.epoch = asked.epoch AND t.seq = asked.seq
    AND t.digest = asked.digest
    AND t.time = timestamptz 'epoch' + asked.time_ms * interval '1 millisecond'
WHERE t.time BETWEEN timestamptz 'epoch' + %(first_ms)s * interval '1 millisecond'
                 AND timestamptz 'epoch' + %(last_ms)s * interval '1 millisecond'
GROUP BY t.device_no, t.epoch;

-- name: upsert_status
-- The newest status that was received.
INSERT INTO device_status (device_no, online, status, received_at)
VALUES (%(device_no)s, %(online)s, %(status)s, %(received_at)s)
ON CONFLICT (device_no) DO UPDATE
SET online = excluded.online, status = excluded.status, received_at = excluded.received_at
WHERE excluded.received_at >= device_status.received_at;

-- name: upsert_latest
-- Move the latest state on, never back; sorted by key so that two workers cannot deadlock.
INSERT INTO vehicle_latest AS l (agency_id, vehicle_id, device_no, time, latitude, longitude,
                                 speed_mps, bearing_deg, trip_id, route_id, block_id, received_at)
SELECT DISTINCT ON (agency_id, vehicle_id)
       agency_id, vehicle_id, device_no,
       timestamptz 'epoch' + time_ms * interval '1 millisecond' AS time, latitude, longitude,
       speed_mps, bearing_deg, trip_id, route_id, block_id, %(received_at)s
FROM unnest(%(agency_id)s::text[], %(vehicle_id)s::text[], %(device_no)s::int[],
            %(time_ms)s::bigint[], %(latitude)s::float8[], %(longitude)s::float8[],
            %(speed_mps)s::float8[], %(bearing_deg)s::float8[], %(trip_id)s::text[],
            %(route_id)s::text[], %(block_id)s::text[])
     AS n (agency_id, vehicle_id, device_no, time_ms, latitude, longitude, speed_mps, bearing_deg,
           trip_id, route_id, block_id)
ORDER BY agency_id, vehicle_id, time_ms DESC
ON CONFLICT (agency_id, vehicle_id) DO UPDATE
SET device_no = excluded.device_no, time = excluded.time, latitude = excluded.latitude,
    longitude = excluded.longitude, speed_mps = excluded.speed_mps,
    bearing_deg = excluded.bearing_deg, trip_id = excluded.trip_id, route_id = excluded.route_id,
    block_id = excluded.block_id, received_at = excluded.received_at
WHERE excluded.time > l.time;

-- name: rebuild_latest
-- After a start: what a worker that was killed had not written yet.
INSERT INTO vehicle_latest AS l (agency_id, vehicle_id, device_no, time, latitude, longitude,
                                 speed_mps, bearing_deg, trip_id, route_id, block_id, received_at)
SELECT DISTINCT ON (d.agency_id, coalesce(m.vehicle_id, d.device_id))
       d.agency_id, coalesce(m.vehicle_id, d.device_id), f.device_no, f.time, f.latitude,
       f.longitude, f.speed_mps, f.bearing_deg, f.trip_id, f.route_id, f.block_id, f.received_at
FROM device d
JOIN LATERAL (
    SELECT * FROM fix WHERE fix.device_no = d.device_no AND fix.time > %(since)s
    ORDER BY fix.time DESC LIMIT 1
) f ON true
LEFT JOIN mounting m ON m.device_no = d.device_no AND m.mounted @> f.time
ORDER BY d.agency_id, coalesce(m.vehicle_id, d.device_id), f.time DESC
ON CONFLICT (agency_id, vehicle_id) DO UPDATE
SET device_no = excluded.device_no, time = excluded.time, latitude = excluded.latitude,
    longitude = excluded.longitude, speed_mps = excluded.speed_mps,
    bearing_deg = excluded.bearing_deg, trip_id = excluded.trip_id, route_id = excluded.route_id,
    block_id = excluded.block_id, received_at = excluded.received_at
WHERE excluded.time > l.time;

-- name: try_maintenance_lock
-- One worker at a time looks after retention.
SELECT pg_try_advisory_xact_lock(%(key)s);

-- name: drop_old_chunks
-- Drop whole chunks whose records are all older than the retention.
SELECT drop_chunks(%(table)s::regclass, older_than => %(before)s::timestamptz);

-- name: delete_old_dead_letters
-- Those of taps are evidence of money and are kept as long as such evidence.
DELETE FROM dead_letter
WHERE last_received_at < CASE WHEN topic LIKE '%%/tap' THEN %(tap_before)s::timestamptz
                              ELSE %(before)s::timestamptz END;

-- name: can_compress
-- Compression exists under the license 'timescale' only, and is switched on once.
SELECT current_setting('timescaledb.license', true) = 'timescale'
       AND NOT EXISTS (SELECT 1 FROM timescaledb_information.hypertables
                       WHERE hypertable_name = 'fix' AND compression_enabled);

-- name: enable_compression
-- Only on the edition that has it.
ALTER TABLE fix SET (timescaledb.compress, timescaledb.compress_segmentby = 'device_no',
                     timescaledb.compress_orderby = 'time, epoch, seq');

-- name: add_compression_policy
SELECT add_compression_policy('fix', interval '7 days', if_not_exists => true);

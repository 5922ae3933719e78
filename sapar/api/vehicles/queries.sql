-- name: list_trail
-- The fixes of a vehicle in a span of time, oldest first, whichever devices were mounted in it.
SELECT extract(epoch FROM f.time)::double precision, f.latitude, f.longitude, f.speed_mps
FROM mounting AS m
JOIN device AS d ON d.device_no = m.device_no AND d.agency_id = %(agency_id)s
JOIN fix AS f ON f.device_no = m.device_no AND m.mounted @> f.time
WHERE m.vehicle_id = %(vehicle_id)s
  AND f.time > %(since)s AND f.time <= %(until)s
ORDER BY f.time, f.epoch, f.seq;

-- name: list_own_trail
-- The same for a device that no mounting names a vehicle for: it goes by its own name.
SELECT extract(epoch FROM f.time)::double precision, f.latitude, f.longitude, f.speed_mps
FROM device AS d
JOIN fix AS f ON f.device_no = d.device_no
WHERE d.agency_id = %(agency_id)s AND d.device_id = %(vehicle_id)s
  AND f.time > %(since)s AND f.time <= %(until)s
  AND NOT EXISTS (SELECT FROM mounting AS m
                  WHERE m.device_no = d.device_no AND m.mounted @> f.time)
ORDER BY f.time, f.epoch, f.seq;

-- name: list_emergencies
-- Those that stand, and those that were closed since a moment; newest first.
SELECT emergency_no, vehicle_id, device_id, extract(epoch FROM at)::float8,
       extract(epoch FROM e.received_at)::float8, presses, extract(epoch FROM last_at)::float8,
       latitude, longitude, driver_id, route_id, trip_id, data,
       extract(epoch FROM acknowledged_at)::float8, acknowledged_by,
       extract(epoch FROM closed_at)::float8, closed_by, close_reason, tries,
       extract(epoch FROM delivered_at)::float8, last_error
FROM emergency AS e JOIN device USING (agency_id, device_no)
WHERE e.agency_id = %(agency_id)s AND (closed_at IS NULL OR closed_at >= %(since)s)
ORDER BY emergency_no DESC LIMIT 500;

-- name: get_emergency
-- Locked: two people answer one after the other.
SELECT emergency_no, vehicle_id, device_id, extract(epoch FROM at)::float8,
       extract(epoch FROM e.received_at)::float8, presses, extract(epoch FROM last_at)::float8,
       latitude, longitude, driver_id, route_id, trip_id, data,
       extract(epoch FROM acknowledged_at)::float8, acknowledged_by,
       extract(epoch FROM closed_at)::float8, closed_by, close_reason, tries,
       extract(epoch FROM delivered_at)::float8, last_error
FROM emergency AS e JOIN device USING (agency_id, device_no)
WHERE e.agency_id = %(agency_id)s AND emergency_no = %(emergency_no)s FOR UPDATE OF e;

-- name: acknowledge_emergency
-- The first who does is the one who did.
UPDATE emergency SET acknowledged_at = coalesce(acknowledged_at, %(now)s),
                     acknowledged_by = coalesce(acknowledged_by, %(person)s)
WHERE agency_id = %(agency_id)s AND emergency_no = %(emergency_no)s;

-- name: close_emergency
-- Who closes it has seen it, too.
UPDATE emergency SET acknowledged_at = coalesce(acknowledged_at, %(now)s),
                     acknowledged_by = coalesce(acknowledged_by, %(person)s),
                     closed_at = %(now)s, closed_by = %(person)s, close_reason = %(reason)s
WHERE agency_id = %(agency_id)s AND emergency_no = %(emergency_no)s AND closed_at IS NULL;

-- name: take_post
-- One emergency to post, put off for as long as the try may take: whoever dies while trying leaves
-- it to the next. Instances do not wait for each other.
UPDATE emergency SET tries = tries + 1,
                     next_try_at = %(now)s::timestamptz + %(lease_s)s * interval '1 second'
WHERE (agency_id, emergency_no) = (
    SELECT agency_id, emergency_no FROM emergency
    WHERE delivered_at IS NULL AND acknowledged_at IS NULL AND closed_at IS NULL
      AND next_try_at <= %(now)s
    ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING agency_id, emergency_no, vehicle_id, extract(epoch FROM at)::float8,
          extract(epoch FROM received_at)::float8, presses, latitude, longitude, driver_id,
          route_id, trip_id, data, tries;

-- name: note_delivered
-- The other centre has it: that is an acknowledgement.
UPDATE emergency SET delivered_at = %(now)s, last_error = ''
WHERE agency_id = %(agency_id)s AND emergency_no = %(emergency_no)s AND delivered_at IS NULL;

-- name: note_failed
-- What went wrong, and when to try again.
UPDATE emergency SET next_try_at = %(next_try_at)s, last_error = %(error)s
WHERE agency_id = %(agency_id)s AND emergency_no = %(emergency_no)s AND delivered_at IS NULL;

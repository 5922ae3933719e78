-- name: insert_dead_letter
-- Keep the evidence once; count its repeats.
INSERT INTO dead_letter (digest, agency_id, device_id, topic, payload, code, detail,
                         first_received_at, last_received_at)
VALUES (%(digest)s, %(agency_id)s, %(device_id)s, %(topic)s, %(payload)s, %(code)s, %(detail)s,
        %(received_at)s, %(received_at)s)
ON CONFLICT (digest) DO UPDATE
SET times = dead_letter.times + 1,
    last_received_at = greatest(dead_letter.last_received_at, excluded.last_received_at);

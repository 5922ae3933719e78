-- name: insert_message
-- Writes a message; publishers are told when the transaction commits.
INSERT INTO driver_message (agency_id, command_id, texts, urgent, target, author, created_at,
                            expires_at)
VALUES (%(agency_id)s, %(command_id)s, %(texts)s, %(urgent)s, %(target)s, %(author)s, %(now)s,
        %(expires_at)s)
RETURNING message_no;

-- name: insert_recipients
-- Puts the buses of a message into the queue.
INSERT INTO driver_message_recipient (message_no, agency_id, vehicle_id, next_try_at)
SELECT %(message_no)s, %(agency_id)s, vehicle_id, %(now)s
FROM unnest(%(vehicle_ids)s::text[]) AS vehicle_id
ON CONFLICT DO NOTHING;

-- name: list_messages
-- Newest messages with what became of them, counted by state.
SELECT m.message_no, m.texts, m.urgent, m.target, m.author,
       extract(epoch FROM m.created_at)::float8, extract(epoch FROM m.expires_at)::float8,
       count(*) FILTER (WHERE r.state = 'waiting'), count(*) FILTER (WHERE r.state = 'sent'),
       count(*) FILTER (WHERE r.state = 'delivered'), count(*) FILTER (WHERE r.state = 'read'),
       count(*) FILTER (WHERE r.state = 'failed'), count(*) FILTER (WHERE r.state = 'expired')
FROM (
    SELECT * FROM driver_message AS d
    WHERE d.agency_id = %(agency_id)s AND (%(before)s::bigint IS NULL OR d.message_no < %(before)s)
      AND (%(vehicle_id)s::text IS NULL
           OR EXISTS (SELECT FROM driver_message_recipient AS v
                      WHERE v.message_no = d.message_no AND v.vehicle_id = %(vehicle_id)s))
    ORDER BY d.message_no DESC LIMIT %(limit)s
) AS m
JOIN driver_message_recipient AS r USING (message_no)
GROUP BY m.message_no, m.texts, m.urgent, m.target, m.author, m.created_at, m.expires_at
ORDER BY m.message_no DESC;

-- name: list_recipients
-- What became of a message on each bus.
SELECT r.vehicle_id, r.state, r.tries, extract(epoch FROM r.sent_at)::float8,
       extract(epoch FROM r.delivered_at)::float8, extract(epoch FROM r.read_at)::float8,
       extract(epoch FROM r.ended_at)::float8, r.failure
FROM driver_message_recipient AS r
JOIN driver_message AS m USING (message_no)
WHERE m.agency_id = %(agency_id)s AND m.message_no = %(message_no)s
ORDER BY r.vehicle_id;

-- name: withdraw_message
-- Stops what has not been delivered yet; gives how many buses will not get it.
UPDATE driver_message_recipient AS r
SET state = 'failed', failure = 'withdrawn', ended_at = %(now)s, next_try_at = NULL
FROM driver_message AS m
WHERE m.message_no = r.message_no AND m.agency_id = %(agency_id)s
  AND m.message_no = %(message_no)s AND r.state IN ('waiting', 'sent')
RETURNING r.vehicle_id;

-- name: claim_due
-- Takes what is to be sent now, with the device of each bus: the tracker, else another.
SELECT r.message_no, r.vehicle_id, r.tries, m.agency_id, m.command_id, m.texts, m.urgent,
       extract(epoch FROM m.expires_at)::float8, d.device_no, d.device_id
FROM driver_message_recipient AS r
JOIN driver_message AS m USING (message_no)
LEFT JOIN LATERAL (
    SELECT device.device_no, device.device_id
    FROM device
    LEFT JOIN mounting ON mounting.device_no = device.device_no AND upper_inf(mounting.mounted)
    WHERE device.agency_id = r.agency_id AND device.revoked_at IS NULL
      AND (device.device_no IN (SELECT o.device_no FROM mounting AS o
                                WHERE o.vehicle_id = r.vehicle_id AND upper_inf(o.mounted))
           -- a device that is mounted nowhere stands for a bus of its own name
           OR (device.device_id = r.vehicle_id AND mounting.device_no IS NULL))
    ORDER BY device.kind = 'tracker' DESC, device.device_no
    LIMIT 1
) AS d ON true
WHERE r.state IN ('waiting', 'sent') AND r.next_try_at <= %(now)s AND m.expires_at > %(now)s
ORDER BY m.urgent DESC, r.next_try_at
LIMIT %(limit)s
FOR UPDATE OF r SKIP LOCKED;

-- name: note_sent
-- Notes what the broker has taken, and when it is sent again if no bus answers.
UPDATE driver_message_recipient AS r
SET state = 'sent', device_no = s.device_no, tries = r.tries + 1, next_try_at = s.next_try_at,
    sent_at = coalesce(r.sent_at, %(now)s)
FROM unnest(%(message_nos)s::bigint[], %(vehicle_ids)s::text[], %(device_nos)s::int[],
            %(next_try_ats)s::timestamptz[])
     AS s (message_no, vehicle_id, device_no, next_try_at)
WHERE r.message_no = s.message_no AND r.vehicle_id = s.vehicle_id;

-- name: note_no_device
-- Notes buses that have no device to show anything on.
UPDATE driver_message_recipient AS r
SET state = 'failed', failure = 'no_device', ended_at = %(now)s, next_try_at = NULL
FROM unnest(%(message_nos)s::bigint[], %(vehicle_ids)s::text[]) AS s (message_no, vehicle_id)
WHERE r.message_no = s.message_no AND r.vehicle_id = s.vehicle_id;

-- name: expire
-- Ends what was not delivered in time.
UPDATE driver_message_recipient AS r
SET state = 'expired', ended_at = m.expires_at, next_try_at = NULL
FROM driver_message AS m
WHERE m.message_no = r.message_no AND r.state IN ('waiting', 'sent') AND m.expires_at <= %(now)s;

-- name: try_again
-- A device came back: what it has not confirmed is sent now.
UPDATE driver_message_recipient SET next_try_at = %(now)s
WHERE state = 'sent' AND device_no = ANY (%(device_nos)s) AND next_try_at > %(now)s;

-- name: take_answers
-- Takes what devices answered, of all or of some, out of the stored events: any number of times.
WITH answer AS (
    SELECT r.message_no, r.vehicle_id,
           min(e.time) FILTER (WHERE e.kind = 'cmd_read') AS read_at,
           min(e.time) FILTER (WHERE e.kind = 'cmd_read' OR e.data ->> 'ok' = 'true') AS shown_at,
           min(coalesce(e.data ->> 'error', 'refused'))
               FILTER (WHERE e.kind = 'cmd_result' AND e.data ->> 'ok' = 'false') AS failure,
           m.created_at
    FROM driver_message_recipient AS r
    JOIN driver_message AS m USING (message_no)
    JOIN event AS e ON e.device_no = r.device_no AND e.kind IN ('cmd_result', 'cmd_read')
         -- a device's clock may be wrong
         AND e.time > m.created_at - interval '1 day' AND e.data ->> 'command_id' = m.command_id
    -- withdrawn after it was sent, it may stand on the display all the same
    WHERE (r.state IN ('waiting', 'sent', 'delivered', 'expired') OR r.failure = 'withdrawn')
      AND m.created_at > %(now)s::timestamptz - interval '2 days'
      AND (%(device_nos)s::int[] IS NULL OR r.device_no = ANY (%(device_nos)s))
    GROUP BY r.message_no, r.vehicle_id, m.created_at
)
UPDATE driver_message_recipient AS r
SET state = CASE WHEN a.read_at IS NOT NULL THEN 'read'
                 WHEN a.shown_at IS NOT NULL THEN 'delivered' ELSE 'failed' END,
    delivered_at = coalesce(r.delivered_at,
                            greatest(a.created_at, least(a.shown_at, %(now)s::timestamptz))),
    read_at = CASE WHEN a.read_at IS NOT NULL
                   THEN greatest(a.created_at, least(a.read_at, %(now)s::timestamptz)) END,
    ended_at = CASE WHEN a.shown_at IS NULL THEN %(now)s::timestamptz END,
    failure = CASE WHEN a.shown_at IS NULL THEN left(a.failure, 64) END,
    next_try_at = NULL
FROM answer AS a
WHERE r.message_no = a.message_no AND r.vehicle_id = a.vehicle_id
  AND (a.shown_at IS NOT NULL OR a.failure IS NOT NULL)
  AND NOT (r.state = 'delivered' AND a.read_at IS NULL)
RETURNING r.message_no;

-- name: find_next_try
-- Seconds until something is to be sent or expires; null when nothing waits.
SELECT extract(epoch FROM min(least(r.next_try_at, m.expires_at)) - %(now)s::timestamptz)::float8
FROM driver_message_recipient AS r
JOIN driver_message AS m USING (message_no)
WHERE r.state IN ('waiting', 'sent');

-- name: list_texts
-- The agency's own quick texts.
SELECT text_no, texts FROM driver_text
WHERE agency_id = %(agency_id)s AND retired_at IS NULL
ORDER BY text_no;

-- name: insert_text
-- Adds a quick text.
INSERT INTO driver_text (agency_id, texts, author, created_at)
VALUES (%(agency_id)s, %(texts)s, %(author)s, %(now)s)
RETURNING text_no;

-- name: retire_text
-- Takes a quick text off the list.
UPDATE driver_text SET retired_at = %(now)s
WHERE agency_id = %(agency_id)s AND text_no = %(text_no)s AND retired_at IS NULL
RETURNING texts;

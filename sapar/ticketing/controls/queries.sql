-- Standing controls: each query gives (subject, tap_no, card_no, device_no, value_tiyn, detail) of
-- what is wrong among the taps of a window. Empty is good.

-- name: without_journal
-- The anti-join: a ride that posted nothing, or a held tap that nobody was told of.
SELECT 'tap ' || t.tap_no, t.tap_no, t.card_no, t.device_no, t.charged_tiyn,
       'status ' || t.status || ', revision ' || t.revision
FROM tap t JOIN card c USING (card_no)
WHERE c.agency_id = %(agency_id)s AND t.received_at >= %(since)s
  AND ((t.status = 'posted' AND NOT EXISTS (SELECT FROM journal j WHERE j.tap_no = t.tap_no))
       OR (t.status = 'held' AND NOT EXISTS (SELECT FROM ticketing_exception e
                                             WHERE e.tap_no = t.tap_no AND e.kind = t.code)));

-- name: unreported_tap
-- A card's counter skipped numbers, and no device misses a record of the time between: somebody
-- rode, or money moved, and no device says so. Cards whose newest tap lies in the window.
WITH recent AS (
    SELECT DISTINCT t.card_no FROM tap t JOIN card c USING (card_no)
    WHERE c.agency_id = %(agency_id)s AND t.received_at >= %(since)s AND t.counter IS NOT NULL
), missing AS (
    SELECT g.device_no, before.event_at AS from_at, after.event_at AS to_at
    FROM tap_gap g
    JOIN device d USING (device_no)
    LEFT JOIN LATERAL (SELECT event_at FROM tap WHERE device_no = g.device_no AND epoch = g.epoch
                           AND seq = g.from_seq - 1 LIMIT 1) before ON true
    LEFT JOIN LATERAL (SELECT event_at FROM tap WHERE device_no = g.device_no AND epoch = g.epoch
                           AND seq = g.to_seq + 1 LIMIT 1) after ON true
    WHERE d.agency_id = %(agency_id)s
), numbered AS (
    SELECT t.card_no, t.tap_no, t.device_no, t.counter, t.event_at, t.nominal_tiyn,
           lag(t.counter) OVER card AS counter_before, lag(t.event_at) OVER card AS at_before
    FROM tap t JOIN recent USING (card_no)
    WHERE t.counter IS NOT NULL AND t.sealed IS NULL AND t.code IS DISTINCT FROM 'counter_reused'
        AND t.code IS DISTINCT FROM 'identity_conflict'
    WINDOW card AS (PARTITION BY t.card_no ORDER BY t.counter)
)
SELECT 'card ' || card_no || ' counter ' || counter_before + 1, tap_no, card_no, device_no,
       nominal_tiyn * (counter - counter_before - 1),
       'counters ' || counter_before + 1 || ' to ' || counter - 1 || ' are missing'
FROM numbered n
WHERE counter > counter_before + 1
  AND NOT EXISTS (SELECT FROM missing m
                  WHERE coalesce(m.from_at, '-infinity') <= n.event_at
                    AND coalesce(m.to_at, 'infinity') >= n.at_before);

-- name: balance_break
-- Two counters in a row, and the purse on the card does not go on where it was: balance before =
-- balance after + what was taken.
WITH recent AS (
    SELECT DISTINCT t.card_no FROM tap t JOIN card c USING (card_no)
    WHERE c.agency_id = %(agency_id)s AND t.received_at >= %(since)s
        AND t.balance_tiyn IS NOT NULL AND t.counter IS NOT NULL
), numbered AS (
    SELECT t.card_no, t.tap_no, t.device_no, t.counter, t.balance_tiyn, t.claimed_tiyn,
           lag(t.counter) OVER card AS counter_before,
           lag(t.balance_tiyn) OVER card AS balance_before
    FROM tap t JOIN recent USING (card_no)
    WHERE t.counter IS NOT NULL AND t.sealed IS NULL AND t.balance_tiyn IS NOT NULL
        AND t.claimed_tiyn IS NOT NULL AND t.code IS DISTINCT FROM 'counter_reused'
        AND t.code IS DISTINCT FROM 'identity_conflict'
    WINDOW card AS (PARTITION BY t.card_no ORDER BY t.counter)
)
SELECT 'tap ' || tap_no, tap_no, card_no, device_no,
       abs(balance_before - balance_tiyn - claimed_tiyn),
       'the card had ' || balance_before || ' tiyn and lost ' || claimed_tiyn || ': '
           || balance_tiyn || ' are left'
FROM numbered
WHERE counter = counter_before + 1 AND balance_before <> balance_tiyn + claimed_tiyn;

-- name: clock_out_of_order
-- A device's tap lies before its neighbour's although its number is higher.
SELECT 'tap ' || t.tap_no, t.tap_no, t.card_no, t.device_no, t.charged_tiyn,
       'seq ' || t.seq || ' is earlier than seq ' || b.seq || ' by '
           || round(extract(epoch FROM b.event_at - t.event_at)) || ' s'
FROM tap t JOIN device d USING (device_no)
CROSS JOIN LATERAL (SELECT seq, event_at, code FROM tap
                    WHERE device_no = t.device_no AND epoch = t.epoch AND seq < t.seq
                        AND sealed IS NULL AND code IS DISTINCT FROM 'identity_conflict'
                    ORDER BY seq DESC LIMIT 1) b
WHERE d.agency_id = %(agency_id)s AND t.received_at >= %(since)s AND t.sealed IS NULL
  AND t.code IS DISTINCT FROM 'identity_conflict'
  AND t.event_at < b.event_at - %(tolerance_s)s * interval '1 second';

-- name: chain_break
-- A record names another predecessor than the one that is stored: records were put in or taken out.
SELECT 'tap ' || t.tap_no, t.tap_no, t.card_no, t.device_no, t.charged_tiyn,
       'seq ' || t.seq || ' follows a record that is not the stored seq ' || t.seq - 1
FROM tap t JOIN device d USING (device_no)
WHERE d.agency_id = %(agency_id)s AND t.received_at >= %(since)s AND t.sealed IS NULL
  AND t.previous_digest IS NOT NULL
  AND EXISTS (SELECT FROM tap b WHERE b.device_no = t.device_no AND b.epoch = t.epoch
                  AND b.seq = t.seq - 1 AND b.sealed IS NULL)
  AND NOT EXISTS (SELECT FROM tap b WHERE b.device_no = t.device_no AND b.epoch = t.epoch
                      AND b.seq = t.seq - 1 AND b.digest = t.previous_digest);

-- name: beyond_charge
-- A fare was given back, and then other records made the ride cheaper or none at all: the difference
-- went to the card a second time. Or nobody rode, all was taken back, and the ride moved money since.
-- However old the ride: refunds are few.
WITH given AS (
    SELECT r.tap_no, sum(r.amount_tiyn)::bigint AS amount_tiyn,
           max(r.journal_no) FILTER (WHERE -1000000000 > ANY (j.accounts)) AS no_ride
    FROM tap_refund r JOIN journal j USING (journal_no)
    GROUP BY r.tap_no
)
SELECT 'tap ' || t.tap_no, t.tap_no, t.card_no, t.device_no, abs(g.amount_tiyn - t.charged_tiyn),
       g.amount_tiyn || ' tiyn were given back, it costs ' || t.charged_tiyn || ' and is '
           || t.status
FROM given g
JOIN tap t USING (tap_no)
JOIN card c USING (card_no)
WHERE c.agency_id = %(agency_id)s
  AND (t.status <> 'posted' OR g.amount_tiyn > t.charged_tiyn
       OR EXISTS (SELECT FROM journal j WHERE j.tap_no = t.tap_no AND j.journal_no > g.no_ride));

-- name: open_findings
-- One open exception a kind and subject; known ones stay as they are. What a person closed is not
-- opened again.
INSERT INTO ticketing_exception (agency_id, kind, subject, tap_no, card_no, device_no, value_tiyn,
                                 detail, opened_at)
SELECT %(agency_id)s, %(kind)s, n.subject, n.tap_no, n.card_no, n.device_no, n.value_tiyn, n.detail,
       %(now)s
FROM unnest(%(subject)s::text[], %(tap_no)s::bigint[], %(card_no)s::bigint[], %(device_no)s::int[],
            %(value_tiyn)s::bigint[], %(detail)s::text[])
     AS n (subject, tap_no, card_no, device_no, value_tiyn, detail)
WHERE NOT EXISTS (SELECT FROM ticketing_exception e
                  WHERE e.agency_id = %(agency_id)s AND e.kind = %(kind)s AND e.subject = n.subject
                    AND (e.closed_at IS NULL OR e.closed_by <> 'sapar'))
ON CONFLICT DO NOTHING;

-- name: close_settled
-- Findings of the window's taps that are none any more.
UPDATE ticketing_exception e
SET closed_at = %(now)s, closed_by = 'sapar', resolution = 'no longer so'
FROM tap t
WHERE e.agency_id = %(agency_id)s AND e.kind = %(kind)s AND e.closed_at IS NULL
  AND e.tap_no = t.tap_no AND t.received_at >= %(since)s
  AND NOT e.subject = ANY(%(subject)s::text[]);

-- name: list_exceptions
-- Open ones, the most valuable first.
SELECT e.exception_no, e.kind, e.subject, e.value_tiyn, e.detail, e.opened_at, d.device_id, c.card_ref
FROM ticketing_exception e
LEFT JOIN device d ON d.device_no = e.device_no
LEFT JOIN card c ON c.card_no = e.card_no
WHERE e.agency_id = %(agency_id)s AND e.closed_at IS NULL
  AND (%(kind)s::text IS NULL OR e.kind = %(kind)s)
ORDER BY e.value_tiyn DESC, e.exception_no
LIMIT %(most)s;

-- name: count_exceptions
-- Open ones by kind.
SELECT kind, count(*), sum(value_tiyn)::bigint, min(opened_at)
FROM ticketing_exception WHERE agency_id = %(agency_id)s AND closed_at IS NULL
GROUP BY kind ORDER BY kind;

-- name: close_exception
-- With what a person found out.
UPDATE ticketing_exception
SET closed_at = %(now)s, closed_by = %(actor)s, resolution = %(reason)s
WHERE exception_no = %(exception_no)s AND agency_id = %(agency_id)s AND closed_at IS NULL;

-- name: list_gaps
-- Open gaps with their worth: how many taps are missing times the mean fare of that device's taps of
-- the hour around.
SELECT d.device_id, g.epoch, g.from_seq, g.to_seq, g.opened_at, b.event_at,
       ((g.to_seq - g.from_seq + 1) * coalesce(m.mean_tiyn, 0))::bigint
FROM tap_gap g
JOIN device d USING (device_no)
LEFT JOIN LATERAL (SELECT event_at FROM tap t
                   WHERE t.device_no = g.device_no AND t.epoch = g.epoch AND t.seq < g.from_seq
                   ORDER BY seq DESC LIMIT 1) b ON true
LEFT JOIN LATERAL (SELECT round(avg(t.nominal_tiyn)) AS mean_tiyn FROM tap t
                   WHERE t.device_no = g.device_no AND t.epoch = g.epoch AND t.status = 'posted'
                       AND t.seq BETWEEN g.from_seq - 200 AND g.to_seq + 200
                       AND abs(extract(epoch FROM t.event_at - b.event_at)) <= 3600) m ON true
WHERE d.agency_id = %(agency_id)s
ORDER BY 7 DESC, d.device_id, g.epoch, g.from_seq
LIMIT %(most)s;

-- name: count_gaps
-- How many are open, and how many taps are missing in them.
SELECT count(*), coalesce(sum(g.to_seq - g.from_seq + 1), 0)::bigint
FROM tap_gap g JOIN device d USING (device_no) WHERE d.agency_id = %(agency_id)s;

-- name: find_device
-- By its name in topics.
SELECT device_no FROM device WHERE agency_id = %(agency_id)s AND device_id = %(device_id)s;

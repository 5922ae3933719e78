-- Standing controls: each query gives (subject, tap_no, card_no, device_no, value_tiyn, detail) of
-- what is wrong among the taps of a window. Empty is good.

-- name: without_journal
-- The anti-join: a ride that posted nothing, or a held tap that nobody was told of, unless a person
-- has rejected it.
SELECT 'tap ' || t.tap_no, t.tap_no, t.card_no, t.device_no, t.charged_tiyn,
       'status ' || t.status || ', revision ' || t.revision
FROM tap t JOIN card c USING (card_no)
LEFT JOIN journal j ON j.tap_no = t.tap_no AND j.revision = 1
WHERE c.agency_id = %(agency_id)s AND t.received_at >= %(since)s AND j.journal_no IS NULL
  AND (t.status = 'posted'
       OR (t.status = 'held' AND t.code <> 'rejected'
           AND NOT EXISTS (SELECT FROM ticketing_exception e
                           WHERE e.tap_no = t.tap_no AND e.kind = t.code)))
UNION ALL
SELECT 'tap ' || t.tap_no, t.tap_no, t.card_no, t.device_no, t.charged_tiyn,
       'status ' || t.status || ', revision ' || t.revision
FROM tap t JOIN card c USING (card_no) JOIN journal j ON j.tap_no = t.tap_no AND j.revision = 1
WHERE c.agency_id = %(agency_id)s AND t.received_at >= %(since)s AND t.status = 'held'
  AND t.code <> 'rejected' AND NOT EXISTS (SELECT FROM ticketing_exception e WHERE e.tap_no = t.tap_no AND e.kind = t.code);

-- name: unreported_tap
-- A card's counter skipped numbers, and no device misses a record of the time between: somebody
-- rode, or money moved, and no device says so. What a device holds that has sent nothing since
-- nobody knows: it may have that record for three days more, and so taps are looked at for so long
-- after the window. What came before the window is asked for only where the window shows a hole.
WITH fresh AS (
    SELECT t.card_no, t.tap_no, t.device_no, t.counter, t.event_at, t.nominal_tiyn,
           lag(t.counter) OVER card AS counter_before, lag(t.event_at) OVER card AS at_before
    FROM tap t JOIN card c USING (card_no)
    WHERE c.agency_id = %(agency_id)s AND t.received_at >= %(since)s - interval '3 days'
        AND t.counter IS NOT NULL AND t.sealed IS NULL AND t.code IS DISTINCT FROM 'counter_reused'
        AND t.code IS DISTINCT FROM 'identity_conflict'
    WINDOW card AS (PARTITION BY t.card_no ORDER BY t.counter)
), missing AS (
    SELECT g.device_no, before.event_at AS from_at, after.event_at AS to_at
    FROM tap_gap g
    JOIN device d USING (device_no)
    LEFT JOIN LATERAL (SELECT event_at FROM tap WHERE device_no = g.device_no AND epoch = g.epoch
                           AND seq = g.from_seq - 1 LIMIT 1) before ON true
    LEFT JOIN LATERAL (SELECT event_at FROM tap WHERE device_no = g.device_no AND epoch = g.epoch
                           AND seq = g.to_seq + 1 LIMIT 1) after ON true
    WHERE d.agency_id = %(agency_id)s
    UNION ALL
    SELECT s.device_no, l.event_at + interval '1 millisecond', NULL
    FROM tap_sequence s
    JOIN device d USING (device_no)
    JOIN LATERAL (SELECT event_at FROM tap WHERE device_no = s.device_no AND epoch = s.epoch
                      AND seq = s.last_seq LIMIT 1) l ON true
    WHERE d.agency_id = %(agency_id)s AND l.event_at >= %(now)s - interval '3 days'
), numbered AS (
    SELECT f.card_no, f.tap_no, f.device_no, f.counter, f.event_at, f.nominal_tiyn,
           coalesce(b.counter, f.counter_before) AS counter_before,
           coalesce(b.event_at, f.at_before) AS at_before
    FROM fresh f
    LEFT JOIN LATERAL (
        SELECT p.counter, p.event_at FROM tap p
        WHERE f.counter_before IS DISTINCT FROM f.counter - 1
            AND p.card_no = f.card_no AND p.counter < f.counter AND p.counter IS NOT NULL
            AND p.sealed IS NULL AND p.code IS DISTINCT FROM 'counter_reused'
            AND p.code IS DISTINCT FROM 'identity_conflict'
        ORDER BY p.counter DESC LIMIT 1) b ON true
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
    SELECT t.card_no, min(t.counter) AS first FROM tap t JOIN card c USING (card_no)
    WHERE c.agency_id = %(agency_id)s AND t.received_at >= %(since)s
        AND t.balance_tiyn IS NOT NULL AND t.counter IS NOT NULL
    GROUP BY t.card_no
), numbered AS (
    SELECT t.card_no, t.tap_no, t.device_no, t.counter, t.balance_tiyn, t.claimed_tiyn,
           lag(t.counter) OVER card AS counter_before,
           lag(t.balance_tiyn) OVER card AS balance_before
    FROM tap t JOIN recent r ON r.card_no = t.card_no AND t.counter >= r.first - 1
    WHERE t.counter IS NOT NULL AND t.sealed IS NULL AND t.balance_tiyn IS NOT NULL
        AND t.claimed_tiyn IS NOT NULL
        AND coalesce(t.code, '') NOT IN ('counter_reused', 'identity_conflict', 'rejected')
    WINDOW card AS (PARTITION BY t.card_no ORDER BY t.counter)
)
SELECT 'tap ' || tap_no, tap_no, card_no, device_no,
       abs(balance_before - balance_tiyn - claimed_tiyn),
       'the card had ' || balance_before || ' tiyn and lost ' || claimed_tiyn || ': '
           || balance_tiyn || ' are left'
FROM numbered
WHERE counter = counter_before + 1 AND balance_before <> balance_tiyn + claimed_tiyn;

-- name: clock_out_of_order
-- A device's tap lies before its neighbour's although its number is higher. Read are the records of
-- each device from the one before the window's lowest number on.
WITH bounds AS (
    SELECT t.device_no, t.epoch, min(t.seq) AS first
    FROM tap t JOIN device d USING (device_no)
    WHERE d.agency_id = %(agency_id)s AND t.received_at >= %(since)s AND t.sealed IS NULL
      AND t.code IS DISTINCT FROM 'identity_conflict'
    GROUP BY t.device_no, t.epoch
), starts AS MATERIALIZED (
    SELECT device_no, epoch, coalesce(
        (SELECT p.seq FROM tap p
         WHERE p.device_no = b.device_no AND p.epoch = b.epoch AND p.seq < b.first
             AND p.sealed IS NULL AND p.code IS DISTINCT FROM 'identity_conflict'
         ORDER BY p.seq DESC LIMIT 1), b.first) AS start
    FROM bounds b
), numbered AS (
    SELECT t.tap_no, t.card_no, t.device_no, t.charged_tiyn, t.seq, t.event_at, t.received_at,
           lag(t.seq) OVER device AS seq_before, lag(t.event_at) OVER device AS at_before
    FROM starts b JOIN tap t ON t.device_no = b.device_no AND t.epoch = b.epoch AND t.seq >= b.start
    WHERE t.sealed IS NULL AND coalesce(t.code, '') NOT IN ('identity_conflict', 'rejected')
    WINDOW device AS (PARTITION BY t.device_no, t.epoch ORDER BY t.seq)
)
SELECT 'tap ' || tap_no, tap_no, card_no, device_no, charged_tiyn,
       'seq ' || seq || ' is earlier than seq ' || seq_before || ' by '
           || round(extract(epoch FROM at_before - event_at)) || ' s'
FROM numbered
WHERE received_at >= %(since)s AND event_at < at_before - %(tolerance_s)s * interval '1 second';

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

-- name: resolved_and_posted
-- A held tap was resolved with a posting of finance, and then other records or another tariff made it
-- a ride: it moved money twice. However old: such resolutions are few.
SELECT DISTINCT ON (t.tap_no) 'tap ' || t.tap_no, t.tap_no, t.card_no, t.device_no, t.charged_tiyn,
       'journal ' || e.journal_no || ' resolved exception ' || e.exception_no || ' (' || e.kind
           || '), and the ride costs ' || t.charged_tiyn || ' tiyn as well'
FROM ticketing_exception e
JOIN tap t ON t.tap_no = e.tap_no
WHERE e.agency_id = %(agency_id)s AND e.journal_no IS NOT NULL
  AND e.kind <> ALL(%(controls)s) AND t.status = 'posted'
ORDER BY t.tap_no, e.exception_no;

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

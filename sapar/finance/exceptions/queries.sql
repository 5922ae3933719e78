-- The queue of exceptions. What is open, what it is worth, and what people did with it.

-- name: lock_kind
-- One keeper of a kind at a time: what it finds is compared with what is open.
SELECT pg_advisory_xact_lock(hashtextextended('exceptions ' || %(agency_id)s || ' ' || %(kind)s, 0));

-- name: read_kind
-- The open exceptions of a kind, and what people closed of it for the subjects that are found.
SELECT exception_no, subject, value_tiyn, detail, business_date, tap_no, card_no, device_no, code,
       owner, accepted_at IS NOT NULL, closed_at IS NULL
FROM ticketing_exception
WHERE agency_id = %(agency_id)s AND kind = %(kind)s
  AND (closed_at IS NULL OR (closed_by <> 'sapar' AND subject = ANY(%(subject)s::text[])))
ORDER BY exception_no;

-- name: open_findings
-- New ones.
INSERT INTO ticketing_exception (agency_id, kind, subject, value_tiyn, detail, business_date, tap_no,
                                 card_no, device_no, code, owner, opened_at)
SELECT %(agency_id)s, %(kind)s, n.subject, n.value_tiyn, n.detail, n.business_date, n.tap_no,
       n.card_no, n.device_no, n.code, n.owner, %(now)s
FROM unnest(%(subject)s::text[], %(value_tiyn)s::bigint[], %(detail)s::text[],
            %(business_date)s::date[], %(tap_no)s::bigint[], %(card_no)s::bigint[],
            %(device_no)s::int[], %(code)s::smallint[], %(owner)s::text[])
     AS n (subject, value_tiyn, detail, business_date, tap_no, card_no, device_no, code, owner)
ON CONFLICT DO NOTHING;

-- name: change_findings
-- Open ones as they are found now. What was accepted was another amount: it is accepted no more. One
-- that a person closed meanwhile was closed over what stood there: what is found now is opened anew.
UPDATE ticketing_exception e
SET value_tiyn = n.value_tiyn, detail = n.detail, business_date = n.business_date,
    tap_no = n.tap_no, card_no = n.card_no, device_no = n.device_no, code = n.code, owner = n.owner,
    accepted_at = CASE WHEN e.value_tiyn = n.value_tiyn THEN e.accepted_at END,
    accepted_by = CASE WHEN e.value_tiyn = n.value_tiyn THEN e.accepted_by END,
    accepted_reason = CASE WHEN e.value_tiyn = n.value_tiyn THEN e.accepted_reason END
FROM unnest(%(exception_no)s::bigint[], %(value_tiyn)s::bigint[], %(detail)s::text[],
            %(business_date)s::date[], %(tap_no)s::bigint[], %(card_no)s::bigint[],
            %(device_no)s::int[], %(code)s::smallint[], %(owner)s::text[])
     AS n (exception_no, value_tiyn, detail, business_date, tap_no, card_no, device_no, code, owner)
WHERE e.exception_no = n.exception_no AND e.closed_at IS NULL;

-- name: close_found_no_more
-- By itself: it is so no longer.
UPDATE ticketing_exception
SET closed_at = %(now)s, closed_by = 'sapar', resolution = 'no longer so'
WHERE exception_no = ANY(%(exception_no)s::bigint[]) AND closed_at IS NULL;

-- name: add_comment
-- A line of an exception's history.
INSERT INTO exception_comment (exception_no, at, actor, action, note, before, after)
VALUES (%(exception_no)s, %(at)s, %(actor)s, %(action)s, %(note)s, %(before)s, %(after)s);

-- name: open_gaps
-- Open gaps, each with the device's tap before it and the mean fare of the device's taps of the hour
-- around that one (as list_gaps of the controls has it).
SELECT d.device_id, g.device_no, g.epoch, g.from_seq, g.to_seq, b.event_at,
       coalesce(a.service_date, b.service_date), b.route_id, m.mean_tiyn
FROM tap_gap g
JOIN device d USING (device_no)
LEFT JOIN LATERAL (SELECT service_date FROM tap t
                   WHERE t.device_no = g.device_no AND t.epoch = g.epoch AND t.seq > g.to_seq
                   ORDER BY seq LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT event_at, service_date, route_id FROM tap t
                   WHERE t.device_no = g.device_no AND t.epoch = g.epoch AND t.seq < g.from_seq
                   ORDER BY seq DESC LIMIT 1) b ON true
LEFT JOIN LATERAL (SELECT round(avg(t.nominal_tiyn))::bigint AS mean_tiyn FROM tap t
                   WHERE t.device_no = g.device_no AND t.epoch = g.epoch AND t.status = 'posted'
                       AND t.seq BETWEEN g.from_seq - 200 AND g.to_seq + 200
                       AND abs(extract(epoch FROM t.event_at - b.event_at)) <= 3600) m ON true
WHERE d.agency_id = %(agency_id)s
ORDER BY d.device_id, g.epoch, g.from_seq;

-- name: explained_numbers
-- Ranges of numbers that open gaps need not value: what a shift report covers, whose difference is
-- exact, what lies between two reports that show a shift missing, whose totals they give, and what
-- is stored although its seal does not count, which is an exception of its own.
WITH chain AS (
    SELECT r.device_no, r.epoch, r.shift_no, r.first_seq, r.opened_at,
           coalesce(lag(r.shift_no) OVER device, 0) AS before_no,
           coalesce(max(r.last_seq) OVER (device ROWS BETWEEN UNBOUNDED PRECEDING
                                                          AND 1 PRECEDING), -1) AS known_seq
    FROM shift_report r
    WHERE r.counts AND (r.device_no, r.epoch) IN (
        SELECT g.device_no, g.epoch FROM tap_gap g JOIN device d USING (device_no)
        WHERE d.agency_id = %(agency_id)s)
    WINDOW device AS (PARTITION BY r.device_no, r.epoch ORDER BY r.shift_no)
), hole AS (
    SELECT c.device_no, c.epoch, c.known_seq + 1 AS from_seq,
           coalesce(c.first_seq - 1,
                    (SELECT max(t.seq) FROM tap t
                     WHERE t.device_no = c.device_no AND t.epoch = c.epoch
                         AND t.seq > c.known_seq AND t.device_time <= c.opened_at)) AS to_seq
    FROM chain c WHERE c.shift_no > c.before_no + 1
)
SELECT g.device_no, g.epoch, g.from_seq, greatest(g.from_seq, r.first_seq),
       least(g.to_seq, r.last_seq)
FROM tap_gap g
JOIN device d USING (device_no)
JOIN shift_report r ON r.counts AND r.device_no = g.device_no AND r.epoch = g.epoch
    AND r.first_seq <= g.to_seq AND r.last_seq >= g.from_seq
WHERE d.agency_id = %(agency_id)s
UNION
SELECT g.device_no, g.epoch, g.from_seq, greatest(g.from_seq, h.from_seq),
       least(g.to_seq, h.to_seq)
FROM tap_gap g
JOIN device d USING (device_no)
JOIN hole h ON h.device_no = g.device_no AND h.epoch = g.epoch
    AND h.from_seq <= g.to_seq AND h.to_seq >= g.from_seq
WHERE d.agency_id = %(agency_id)s
UNION
SELECT g.device_no, g.epoch, g.from_seq, t.seq, t.seq
FROM tap_gap g
JOIN device d USING (device_no)
JOIN tap t ON t.device_no = g.device_no AND t.epoch = g.epoch
    AND t.seq BETWEEN g.from_seq AND g.to_seq
WHERE d.agency_id = %(agency_id)s;

-- name: mean_of_device_day
-- Mean fare of a device on a fare day.
SELECT round(avg(t.nominal_tiyn))::bigint FROM tap t
WHERE t.device_no = %(device_no)s AND t.status = 'posted' AND t.service_date = %(day)s;

-- name: mean_of_route_day
-- Mean fare of a route on a fare day.
SELECT round(avg(t.nominal_tiyn))::bigint FROM tap t JOIN device d USING (device_no)
WHERE d.agency_id = %(agency_id)s AND t.route_id = %(route_id)s AND t.status = 'posted'
  AND t.service_date = %(day)s AND t.received_at >= %(day)s - interval '1 day';

-- name: mean_of_city_day
-- Mean fare of all taps on a fare day.
SELECT round(avg(t.nominal_tiyn))::bigint FROM tap t JOIN device d USING (device_no)
WHERE d.agency_id = %(agency_id)s AND t.status = 'posted' AND t.service_date = %(day)s
  AND t.received_at >= %(day)s - interval '1 day';

-- name: taps_without_journal
-- The anti-join of one fare day: a ride that posted nothing, or a held tap that nobody was told of,
-- unless a person has rejected it.
-- Two joins, for the planner hashes neither behind an OR.
WITH lost AS (
    SELECT t.tap_no FROM tap t
    WHERE t.service_date = %(day)s AND t.received_at >= %(day)s - interval '1 day'
      AND t.status = 'posted'
      AND NOT EXISTS (SELECT FROM journal j WHERE j.tap_no = t.tap_no)
    UNION ALL
    SELECT t.tap_no FROM tap t
    WHERE t.service_date = %(day)s AND t.received_at >= %(day)s - interval '1 day'
      AND t.status = 'held' AND t.code <> 'rejected'
      AND NOT EXISTS (SELECT FROM ticketing_exception e
                      WHERE e.tap_no = t.tap_no AND e.kind = t.code)
)
SELECT 'tap ' || t.tap_no, t.tap_no, coalesce(t.claimed_tiyn, t.charged_tiyn),
       'status ' || t.status || ', revision ' || t.revision
FROM lost JOIN tap t USING (tap_no) JOIN device d USING (device_no)
WHERE d.agency_id = %(agency_id)s
ORDER BY t.tap_no;

-- name: taps_in_the_way
-- Open exceptions about taps of a fare day that nobody accepted.
SELECT e.exception_no, e.kind, e.subject, e.value_tiyn, e.detail
FROM ticketing_exception e JOIN tap t USING (tap_no)
WHERE e.agency_id = %(agency_id)s AND e.closed_at IS NULL AND e.accepted_at IS NULL
  AND coalesce(e.business_date, t.service_date) = %(day)s
ORDER BY e.value_tiyn DESC, e.exception_no;

-- name: kinds_in_the_way
-- Open exceptions of these kinds about a day that nobody accepted.
SELECT e.exception_no, e.kind, e.subject, e.value_tiyn, e.detail
FROM ticketing_exception e
WHERE e.agency_id = %(agency_id)s AND e.closed_at IS NULL AND e.accepted_at IS NULL
  AND e.business_date = %(day)s AND e.kind = ANY(%(kinds)s)
ORDER BY e.value_tiyn DESC, e.exception_no;

-- name: list_exceptions
-- A page of the queue. The age is in whole days since it was opened, until it was closed.
WITH chosen AS (
    SELECT e.*, greatest(0, floor(extract(epoch FROM coalesce(e.closed_at, %(now)s) - e.opened_at)
                                  / 86400))::int AS age_days
    FROM ticketing_exception e
    WHERE e.agency_id = %(agency_id)s
      AND (%(state)s = 'all' OR (e.closed_at IS NULL) = (%(state)s = 'open'))
      AND (%(kinds)s::text[] IS NULL OR e.kind = ANY(%(kinds)s))
      AND (%(assignee)s::text IS NULL OR e.assignee = %(assignee)s
           OR (%(assignee)s = '' AND e.assignee IS NULL))
      AND (%(accepted)s::boolean IS NULL OR (e.accepted_at IS NOT NULL) = %(accepted)s)
      AND (%(value_min)s::bigint IS NULL OR e.value_tiyn >= %(value_min)s)
      AND (%(value_max)s::bigint IS NULL OR e.value_tiyn <= %(value_max)s)
      AND (%(text)s::text IS NULL OR e.subject ILIKE %(text)s OR e.detail ILIKE %(text)s)
), dated AS (
    SELECT c.*, coalesce(c.business_date, t.service_date) AS day
    FROM chosen c LEFT JOIN tap t USING (tap_no)
    WHERE c.age_days BETWEEN %(age_min)s AND %(age_max)s
)
SELECT x.exception_no, x.kind, x.subject, x.value_tiyn, x.detail, x.day, x.opened_at, x.age_days,
       x.assignee, x.accepted_at, x.accepted_by, x.accepted_reason, x.closed_at, x.closed_by,
       x.resolution, x.journal_no, x.tap_no, c.card_ref, d.device_id, x.code, x.owner,
       count(*) OVER (), (sum(x.value_tiyn) OVER ())::bigint
FROM dated x
LEFT JOIN device d ON d.device_no = x.device_no
LEFT JOIN card c ON c.card_no = x.card_no
WHERE %(day)s::date IS NULL OR x.day = %(day)s
ORDER BY CASE %(order)s WHEN 'value' THEN -x.value_tiyn
                        WHEN 'oldest' THEN extract(epoch FROM x.opened_at)
                        ELSE -extract(epoch FROM x.opened_at) END,
         x.exception_no
LIMIT %(most)s OFFSET %(skip)s;

-- name: find_exception
-- One of them, as the page has it.
SELECT e.exception_no, e.kind, e.subject, e.value_tiyn, e.detail,
       coalesce(e.business_date, t.service_date), e.opened_at,
       greatest(0, floor(extract(epoch FROM coalesce(e.closed_at, %(now)s) - e.opened_at)
                         / 86400))::int,
       e.assignee, e.accepted_at, e.accepted_by, e.accepted_reason, e.closed_at, e.closed_by,
       e.resolution, e.journal_no, e.tap_no, c.card_ref, d.device_id, e.code, e.owner
FROM ticketing_exception e
LEFT JOIN tap t USING (tap_no)
LEFT JOIN device d ON d.device_no = e.device_no
LEFT JOIN card c ON c.card_no = e.card_no
WHERE e.agency_id = %(agency_id)s AND e.exception_no = %(exception_no)s;

-- name: history_of_exception
-- What was done to it, in order; words on its tap stand with the tap, and are kept here alone so that
-- they are said once.
SELECT at, actor, action, note, before, after FROM exception_comment
WHERE exception_no = %(exception_no)s AND after -> 'ruling' IS NULL ORDER BY comment_no;

-- name: lock_exception
-- One change at a time.
SELECT kind, subject, value_tiyn, assignee, accepted_at IS NOT NULL, closed_at, closed_by, resolution,
       journal_no, tap_no, card_no, business_date
FROM ticketing_exception
WHERE agency_id = %(agency_id)s AND exception_no = %(exception_no)s
FOR NO KEY UPDATE;

-- name: assign_exception
-- To a person, or to nobody.
UPDATE ticketing_exception SET assignee = %(assignee)s WHERE exception_no = %(exception_no)s;

-- name: accept_exception
-- For the close of its day, as it stands.
UPDATE ticketing_exception
SET accepted_at = %(now)s, accepted_by = %(actor)s, accepted_reason = %(reason)s
WHERE exception_no = %(exception_no)s;

-- name: unaccept_exception
-- It stands in the way of the close again.
UPDATE ticketing_exception SET accepted_at = NULL, accepted_by = NULL, accepted_reason = NULL
WHERE exception_no = %(exception_no)s;

-- name: close_exception
-- With what a person found out, or posted.
UPDATE ticketing_exception
SET closed_at = %(now)s, closed_by = %(actor)s, resolution = %(reason)s,
    journal_no = %(journal_no)s
WHERE exception_no = %(exception_no)s;

-- name: other_open
-- Another open exception about the same.
SELECT o.exception_no FROM ticketing_exception e
JOIN ticketing_exception o USING (agency_id, kind, subject)
WHERE e.exception_no = %(exception_no)s AND o.exception_no <> e.exception_no
  AND o.closed_at IS NULL;

-- name: reopen_exception
-- As if nobody had closed it.
UPDATE ticketing_exception
SET closed_at = NULL, closed_by = NULL, resolution = NULL, journal_no = NULL
WHERE exception_no = %(exception_no)s;

-- name: ageing
-- Open ones by kind and age: how many, worth what.
SELECT kind, CASE WHEN age <= 1 THEN 0 WHEN age <= 7 THEN 1 WHEN age <= 30 THEN 2 ELSE 3 END,
       count(*), sum(value_tiyn)::bigint
FROM (SELECT kind, value_tiyn,
             greatest(0, floor(extract(epoch FROM %(now)s - opened_at) / 86400)) AS age
      FROM ticketing_exception WHERE agency_id = %(agency_id)s AND closed_at IS NULL) e
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: explained
-- Of the exceptions opened in a span of time: worth what, and how much of it was closed within so
-- many days.
SELECT count(*), coalesce(sum(value_tiyn), 0)::bigint,
       count(*) FILTER (WHERE closed_at <= opened_at + %(within)s * interval '1 day'),
       coalesce(sum(value_tiyn) FILTER (WHERE closed_at <= opened_at
                                              + %(within)s * interval '1 day'), 0)::bigint
FROM ticketing_exception
WHERE agency_id = %(agency_id)s AND opened_at >= %(from_at)s AND opened_at < %(to_at)s;

-- name: find_card
-- A card's number by its reference.
SELECT card_no FROM card WHERE agency_id = %(agency_id)s AND card_ref = %(card_ref)s;

-- name: exception_to_resolve
-- What a posting for it must know.
SELECT e.kind, e.code, e.owner, coalesce(e.business_date, t.service_date),
       e.tap_no IS NOT NULL OR e.card_no IS NOT NULL, a.timezone, e.journal_no
FROM ticketing_exception e
JOIN agency a USING (agency_id)
LEFT JOIN tap t USING (tap_no)
WHERE e.agency_id = %(agency_id)s AND e.exception_no = %(exception_no)s;

-- name: balances
-- Debits less credits of those of these accounts that have such a code.
SELECT code, owner, balance FROM account
WHERE account_no = ANY(%(account_no)s::bigint[]) AND code = ANY(%(codes)s::smallint[])
ORDER BY code, owner;

-- name: ruled_tap
-- How a tap of a city stands, and the newest word of a person on it.
SELECT t.status, t.code, t.charged_tiyn, t.sealed, t.ruling FROM tap t JOIN card c USING (card_no)
WHERE t.tap_no = %(tap_no)s AND c.agency_id = %(agency_id)s;

-- name: rulings_on_tap
-- What people said of a tap, the newest first.
SELECT ruling_no, ruled_at, actor, verdict, code, reason FROM tap_ruling
WHERE tap_no = %(tap_no)s AND agency_id = %(agency_id)s
ORDER BY ruled_at DESC, verdict DESC, ruling_no DESC;

-- name: sequence_of_tap
-- Where a tap of a city's card stands in its device's numbers.
SELECT t.device_no, t.epoch FROM tap t JOIN card c USING (card_no)
WHERE t.tap_no = %(tap_no)s AND c.agency_id = %(agency_id)s;

-- name: decided_by_ruling
-- Whether a word on an exception's tap decided what it is about: it is held for that no longer.
SELECT FROM ticketing_exception e JOIN tap t USING (tap_no)
WHERE e.exception_no = %(exception_no)s AND (t.status <> 'held' OR t.code IS DISTINCT FROM e.kind)
  AND EXISTS (SELECT FROM tap_ruling r WHERE r.tap_no = e.tap_no AND r.code = e.kind);

-- name: lock_ruling_key
-- Two requests with one key come one after the other.
SELECT pg_advisory_xact_lock(hashtextextended(%(agency_id)s || ' ' || %(source_key)s, 4));

-- name: outcome_of_ruling
-- What became of a key: what came of the word, or why it was refused.
SELECT after -> 'ruling' ->> 'hash', after -> 'ruling' -> 'came', NULL, NULL FROM exception_comment
WHERE exception_no = %(exception_no)s AND after -> 'ruling' ->> 'key' = %(source_key)s
UNION ALL
SELECT encode(content_hash, 'hex'), NULL, code, message FROM refused_operation
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s;

-- name: keep_refused_ruling
-- The key never works later.
INSERT INTO refused_operation (agency_id, source_key, kind, content_hash, code, message)
VALUES (%(agency_id)s, %(source_key)s, %(kind)s, %(content_hash)s, %(code)s, %(message)s);

-- name: report_ruling_key
-- The same key with other content: reported once, however often it is tried.
INSERT INTO key_conflict (agency_id, source_key, content_hash)
VALUES (%(agency_id)s, %(source_key)s, %(content_hash)s) ON CONFLICT DO NOTHING;

-- name: taps_about_ruling
-- All taps that a ruling on one may move: other contents of its number, others with its card counter,
-- and those of their cards from the fare day of each to the end of its month.
WITH ruled AS (
    SELECT tap_no, device_no, epoch, seq, card_no, counter, service_date FROM tap
    WHERE tap_no = %(tap_no)s
), rivals AS (
    SELECT o.tap_no, 'content' AS why, o.card_no, o.service_date
    FROM ruled r JOIN tap o USING (device_no, epoch, seq)
    WHERE o.tap_no <> r.tap_no AND o.sealed IS NULL
    UNION ALL
    SELECT o.tap_no, 'counter', o.card_no, o.service_date
    FROM ruled r JOIN tap o USING (card_no, counter)
    WHERE o.tap_no <> r.tap_no AND o.sealed IS NULL
), days AS (
    SELECT card_no, service_date AS first FROM ruled
    UNION SELECT card_no, service_date FROM rivals
), moving AS (
    SELECT tap_no FROM ruled
    UNION
    SELECT tap_no FROM rivals
    UNION
    SELECT t.tap_no FROM days x JOIN tap t ON t.card_no = x.card_no
        AND t.service_date BETWEEN x.first
                           AND (date_trunc('month', x.first) + interval '1 month - 1 day')::date
)
SELECT t.tap_no, (SELECT min(v.why) FROM rivals v WHERE v.tap_no = t.tap_no), t.card_no, c.card_ref,
       d.device_id, (extract(epoch FROM t.event_at) * 1000)::bigint, t.status, t.code, t.charged_tiyn
FROM moving JOIN tap t USING (tap_no) JOIN card c ON c.card_no = t.card_no
JOIN device d ON d.device_no = t.device_no
ORDER BY t.event_at, t.tap_no;

-- name: draw_journal_number
-- One that no journal gets; those that are posted after it have higher ones.
SELECT nextval('journal_number');

-- name: journals_of_ruling
-- The journals that the transaction it is asked in has posted, in order; it drew `after` before.
SELECT journal_no, tap_no FROM journal
WHERE journal_no > %(after)s AND xid = pg_current_xact_id()::text::bigint + xid_offset()
ORDER BY journal_no;

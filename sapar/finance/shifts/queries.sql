-- Shift reports of validators: what they say, what came, what never came.

-- name: zone_of_agency
-- Its time zone.
SELECT timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: open_subjects
-- What is open about shifts: subjects by kind.
SELECT kind, subject, device_no FROM ticketing_exception
WHERE agency_id = %(agency_id)s AND closed_at IS NULL
  AND kind IN ('shift_difference', 'shift_missing', 'shift_conflict');

-- name: shifts_to_compare
-- Reports that count: of shifts since a day, received since then, or named by an open exception;
-- each with the report before it, and the last number before the shift: of one in which nobody
-- tapped, the last that came and was tapped before it began.
SELECT r.report_no, r.device_no, d.device_id, r.epoch, r.shift_no, r.service_date, r.first_seq,
       r.last_seq, r.products, r.tap_counts, r.sums_tiyn, r.denied, r.total_taps, r.total_tiyn,
       coalesce(r.first_seq - 1,
                (SELECT max(t.seq) FROM tap t
                 WHERE t.device_no = r.device_no AND t.epoch = r.epoch
                     AND t.seq > CASE WHEN b.epoch = r.epoch THEN coalesce(b.last_seq, -1)
                                      ELSE -1 END
                     AND t.device_time <= r.opened_at), -1),
       b.epoch, b.shift_no, b.last_seq, b.total_taps, b.total_tiyn
FROM (SELECT report_no FROM shift_report
      WHERE counts AND agency_id = %(agency_id)s
        AND (service_date >= %(since)s OR received_at >= %(received_since)s)
      UNION
      SELECT s.report_no
      FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(shift_no)s::bigint[])
           AS n (device_no, epoch, shift_no)
      JOIN shift_report s USING (device_no, epoch, shift_no)
      WHERE s.counts AND s.agency_id = %(agency_id)s) c
JOIN shift_report r USING (report_no)
JOIN device d ON d.device_no = r.device_no
LEFT JOIN LATERAL (
    SELECT p.epoch, p.shift_no, p.total_taps, p.total_tiyn,
           (SELECT max(m.last_seq) FROM shift_report m
            WHERE m.counts AND m.device_no = p.device_no AND m.epoch = p.epoch
              AND m.shift_no <= p.shift_no) AS last_seq
    FROM shift_report p
    WHERE p.counts AND p.device_no = r.device_no AND (p.epoch, p.shift_no) < (r.epoch, r.shift_no)
    ORDER BY p.epoch DESC, p.shift_no DESC LIMIT 1) b ON true
ORDER BY d.device_id, r.epoch, r.shift_no;

-- name: received_of_shifts
-- What came of the numbers of shifts. Of several contents of a number the one that counts: under a
-- good seal before a bad one, as judged before what it was judged against.
SELECT r.report_no, t.product, t.allowed, count(*), sum(t.claimed_tiyn)::bigint
FROM unnest(%(report_no)s::bigint[]) AS n (report_no)
JOIN shift_report r USING (report_no)
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (seq) coalesce(claimed_product, '') AS product, allowed,
           coalesce(claimed_tiyn, 0) AS claimed_tiyn
    FROM tap
    WHERE device_no = r.device_no AND epoch = r.epoch AND seq BETWEEN r.first_seq AND r.last_seq
    ORDER BY seq, sealed IS NOT NULL, coalesce(code, '') IN ('identity_conflict', 'rejected'),
             device_time, digest) t
GROUP BY 1, 2, 3;

-- name: received_of_ranges
-- How many taps came of ranges that no report covers, what they claim, and their first fare day.
SELECT n.place, count(t.*), coalesce(sum(t.claimed_tiyn) FILTER (WHERE t.allowed), 0)::bigint,
       min(t.service_date)
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(from_seq)s::bigint[], %(to_seq)s::bigint[])
     WITH ORDINALITY AS n (device_no, epoch, from_seq, to_seq, place)
LEFT JOIN tap t ON t.device_no = n.device_no AND t.epoch = n.epoch
    AND t.seq BETWEEN n.from_seq AND n.to_seq AND t.sealed IS NULL
    AND t.code IS DISTINCT FROM 'identity_conflict'
GROUP BY n.place ORDER BY n.place;

-- name: conflicts_of_shifts
-- Shifts of which several contents came: how many others, and the largest difference of their sums
-- from the one that counts.
SELECT r.report_no, count(*), max(abs(o.sum_tiyn - r.sum_tiyn))::bigint
FROM unnest(%(report_no)s::bigint[]) AS n (report_no)
JOIN shift_report r USING (report_no)
JOIN shift_report o ON o.device_no = r.device_no AND o.epoch = r.epoch AND o.shift_no = r.shift_no
    AND NOT o.counts
GROUP BY r.report_no;

-- name: unreported_taps
-- Devices whose taps of a fare day stand in no report, nor between two: how many, what they claim.
SELECT d.device_id, t.device_no, count(*),
       coalesce(sum(t.claimed_tiyn) FILTER (WHERE t.allowed), 0)::bigint
FROM tap t
JOIN device d USING (device_no)
WHERE d.agency_id = %(agency_id)s AND t.service_date = %(day)s
  AND t.received_at >= %(received_since)s AND t.sealed IS NULL
  AND t.code IS DISTINCT FROM 'identity_conflict'
  AND NOT EXISTS (SELECT FROM shift_report r
                  WHERE r.counts AND r.device_no = t.device_no AND r.epoch = t.epoch
                    AND t.seq BETWEEN r.first_seq AND r.last_seq)
  AND NOT EXISTS (SELECT FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[],
                                     %(from_seq)s::bigint[], %(to_seq)s::bigint[])
                       AS n (device_no, epoch, from_seq, to_seq)
                  WHERE n.device_no = t.device_no AND n.epoch = t.epoch
                    AND t.seq BETWEEN n.from_seq AND n.to_seq)
GROUP BY d.device_id, t.device_no ORDER BY d.device_id;

-- name: list_shifts
-- Reports, the newest first, with what is open about each.
SELECT r.report_no, d.device_id, r.epoch, r.shift_no, r.service_date, r.opened_at, r.closed_at,
       r.first_seq, r.last_seq, r.taps, r.sum_tiyn, r.denied, r.total_taps, r.total_tiyn, r.counts,
       r.received_at, e.exception_no, coalesce(e.value_tiyn, 0), coalesce(e.detail, '')
FROM shift_report r
JOIN device d USING (device_no)
LEFT JOIN ticketing_exception e ON e.agency_id = r.agency_id AND e.kind = 'shift_difference'
    AND e.closed_at IS NULL
    AND e.subject = 'shift ' || d.device_id || ' ' || r.epoch || '/' || r.shift_no
WHERE r.agency_id = %(agency_id)s
  AND (%(device)s::text IS NULL OR d.device_id = %(device)s)
  AND (%(day)s::date IS NULL OR r.service_date = %(day)s)
  AND (NOT %(differing)s OR e.exception_no IS NOT NULL)
  AND (%(below)s::bigint IS NULL OR r.report_no < %(below)s)
ORDER BY r.report_no DESC
LIMIT %(most)s;

-- name: find_shift
-- The device and the epoch of a shift; the newest epoch that has it, if none is given.
SELECT r.device_no, r.epoch
FROM shift_report r JOIN device d USING (device_no)
WHERE d.agency_id = %(agency_id)s AND d.device_id = %(device)s AND r.shift_no = %(shift_no)s
  AND r.counts AND (%(epoch)s::bigint IS NULL OR r.epoch = %(epoch)s)
ORDER BY r.epoch DESC LIMIT 1;

-- name: contents_of_shift
-- All contents that came under a number, the one that counts first.
SELECT report_no, counts, encode(digest, 'hex'), device_time, taps, sum_tiyn, received_at, data
FROM shift_report
WHERE device_no = %(device_no)s AND epoch = %(epoch)s AND shift_no = %(shift_no)s
ORDER BY counts DESC, device_time, digest;

-- name: try_watch
-- One process looks at a time; held until its connection ends.
SELECT pg_try_advisory_lock(hashtextextended('watch shifts', 0));

-- name: agencies_with_taps
-- Agencies any of whose devices ever tapped.
SELECT DISTINCT d.agency_id FROM tap_sequence s JOIN device d USING (device_no) ORDER BY 1;

-- Evidence: keys of devices, and what is stored already.

-- name: list_device_keys
-- Every key with its device's name; times in Unix milliseconds.
SELECT k.device_no, d.agency_id, d.device_id, k.key_id, k.algorithm, k.public_key,
       floor(extract(epoch FROM k.valid_from) * 1000)::bigint,
       floor(extract(epoch FROM k.revoked_at) * 1000)::bigint
FROM device_key AS k
JOIN device AS d USING (device_no)
ORDER BY k.device_no, k.key_id;

-- name: list_key_rows
-- Keys of one agency's devices, or of one device.
SELECT d.agency_id, d.device_id, k.key_id, k.algorithm, k.public_key, k.valid_from, k.revoked_at,
       k.created_at
FROM device_key AS k
JOIN device AS d USING (device_no)
WHERE d.agency_id = %(agency_id)s
  AND (%(device_id)s::text IS NULL OR d.device_id = %(device_id)s)
ORDER BY d.device_id, k.key_id;

-- name: lock_device
-- One change of a device's keys at a time.
SELECT device_no FROM device
WHERE agency_id = %(agency_id)s AND device_id = %(device_id)s
FOR NO KEY UPDATE;

-- name: insert_device_key
-- A key's number is given once and never to another key.
INSERT INTO device_key (device_no, key_id, algorithm, public_key, valid_from)
VALUES (%(device_no)s, %(key_id)s, %(algorithm)s, %(public_key)s, %(valid_from)s);

-- name: count_key_from
-- A key counts from an earlier time on.
UPDATE device_key SET valid_from = %(valid_from)s
WHERE device_no = %(device_no)s AND key_id = %(key_id)s AND valid_from > %(valid_from)s;

-- name: revoke_device_keys
-- Revoke one key of a device, or all but one; what was revoked earlier stays so.
UPDATE device_key SET revoked_at = %(at)s
WHERE device_no = %(device_no)s
  AND (key_id = %(key_id)s OR key_id <> %(all_but)s)
  AND (revoked_at IS NULL OR revoked_at > %(at)s)
RETURNING key_id;

-- name: new_device_voids
-- Signed voids that devices sent as events and that were not judged yet; time in Unix milliseconds.
SELECT e.device_no, e.epoch, e.seq, e.digest, (extract(epoch FROM e.time) * 1000)::bigint, e.data
FROM event AS e
WHERE e.kind = 'tap_void'
  AND NOT EXISTS (SELECT FROM device_void AS v
                  WHERE v.device_no = e.device_no AND v.epoch = e.epoch AND v.seq = e.seq
                    AND v.digest = e.digest)
ORDER BY e.device_no, e.epoch, e.seq
LIMIT 500;

-- name: insert_device_void
-- Gives a row to the one worker that judges it.
INSERT INTO device_void (device_no, epoch, seq, digest, judged_at, code)
VALUES (%(device_no)s, %(epoch)s, %(seq)s, %(digest)s, %(now)s, %(code)s)
ON CONFLICT DO NOTHING
RETURNING device_no;

-- name: open_void_exception
-- A void that does not count: a person looks at it.
INSERT INTO ticketing_exception (agency_id, kind, subject, device_no, detail, opened_at)
VALUES (%(agency_id)s, 'void_refused', %(subject)s, %(device_no)s, %(code)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: new_device_shifts
-- Shift reports that devices sent as events and that were not judged yet, the first received first;
-- time in Unix milliseconds. Those received a week before the last that was judged are not asked
-- for again: none of them waits.
SELECT e.device_no, e.epoch, e.seq, e.digest, (extract(epoch FROM e.time) * 1000)::bigint, e.data,
       e.received_at
FROM event AS e
WHERE e.kind = 'shift_report'
  AND e.received_at >= coalesce((SELECT max(received_at) FROM device_shift),
                                '-infinity') - interval '7 days'
  AND NOT EXISTS (SELECT FROM device_shift AS s
                  WHERE s.device_no = e.device_no AND s.epoch = e.epoch AND s.seq = e.seq
                    AND s.digest = e.digest)
ORDER BY e.received_at, e.device_no, e.epoch, e.seq
LIMIT 500;

-- name: insert_device_shift
-- Gives a row to the one worker that judges it.
INSERT INTO device_shift (device_no, epoch, seq, digest, received_at, judged_at, code)
VALUES (%(device_no)s, %(epoch)s, %(seq)s, %(digest)s, %(received_at)s, %(now)s, %(code)s)
ON CONFLICT DO NOTHING
RETURNING device_no;

-- name: open_shift_exception
-- A shift report that does not count: a person looks at it.
INSERT INTO ticketing_exception (agency_id, kind, subject, device_no, detail, opened_at)
VALUES (%(agency_id)s, 'shift_refused', %(subject)s, %(device_no)s, %(code)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: lock_shifts
-- One writer of a device's shift reports at a time.
SELECT pg_advisory_xact_lock(hashtextextended('shift reports', %(device_no)s));

-- name: insert_shift_report
-- Once: the same content again changes nothing.
INSERT INTO shift_report (agency_id, device_no, epoch, shift_no, digest, counts, event_epoch,
                          event_seq, device_time, opened_at, closed_at, service_date, first_seq,
                          last_seq, denied, products, tap_counts, sums_tiyn, taps, sum_tiyn,
                          total_taps, total_tiyn, data, received_at)
VALUES (%(agency_id)s, %(device_no)s, %(shift_epoch)s, %(shift_no)s, %(content)s, false, %(epoch)s,
        %(seq)s, %(device_time)s, %(opened_at)s, %(closed_at)s, %(service_date)s, %(first_seq)s,
        %(last_seq)s, %(denied)s, %(products)s, %(tap_counts)s, %(sums_tiyn)s, %(taps)s, %(sum_tiyn)s,
        %(total_taps)s, %(total_tiyn)s, %(data)s, %(received_at)s)
ON CONFLICT DO NOTHING
RETURNING report_no;

-- name: uncount_shift_reports
-- Of several contents under one number ...
UPDATE shift_report SET counts = false
WHERE device_no = %(device_no)s AND epoch = %(shift_epoch)s AND shift_no = %(shift_no)s AND counts;

-- name: count_shift_report
-- ... the one with the earliest device time counts, of equal ones that with the smaller digest.
UPDATE shift_report SET counts = true
WHERE report_no = (SELECT report_no FROM shift_report
                   WHERE device_no = %(device_no)s AND epoch = %(shift_epoch)s
                     AND shift_no = %(shift_no)s
                   ORDER BY device_time, digest LIMIT 1);

-- name: keys_of_devices
-- Every key of some devices, as `list_device_keys` gives them.
SELECT k.device_no, d.agency_id, d.device_id, k.key_id, k.algorithm, k.public_key,
       floor(extract(epoch FROM k.valid_from) * 1000)::bigint,
       floor(extract(epoch FROM k.revoked_at) * 1000)::bigint
FROM device_key AS k
JOIN device AS d USING (device_no)
WHERE k.device_no = ANY(%(device_no)s)
ORDER BY k.device_no, k.key_id;

-- name: provable_taps
-- Taps of a city, or of one of its devices, that are held for want of a key. Each has, or had, an
-- exception of that kind, which is how they are found. What a posting has resolved is not to be
-- posted once more: it waits until somebody undoes the resolution.
SELECT DISTINCT t.device_no, t.epoch, t.seq, t.tap_no, d.device_id
FROM ticketing_exception AS e
JOIN tap AS t ON t.tap_no = e.tap_no AND t.sealed = e.kind
JOIN device AS d ON d.device_no = t.device_no
WHERE e.agency_id = %(agency_id)s AND e.kind = ANY(%(codes)s)
  AND (%(device_id)s::text IS NULL OR d.device_id = %(device_id)s)
  AND NOT EXISTS (SELECT FROM ticketing_exception AS r
                  WHERE r.tap_no = t.tap_no AND r.kind = t.sealed AND r.journal_no IS NOT NULL)
ORDER BY t.device_no, t.epoch, t.seq, t.tap_no;

-- name: hold_exceptions
-- The exceptions of taps that are about to be proved, with what a posting has resolved since they
-- were found; held, so that none is resolved until the commit. To be asked with the taps' cards
-- locked: whoever resolves an exception locks it after the cards, too.
SELECT tap_no, journal_no FROM ticketing_exception
WHERE tap_no = ANY(%(tap_no)s::bigint[]) AND kind = ANY(%(codes)s)
ORDER BY exception_no FOR NO KEY UPDATE;

-- name: newly_provable
-- Devices with taps held for want of a key, that got a key within the last hour. Of several
-- processes one looks at a time, until its connection ends.
SELECT DISTINCT d.agency_id, d.device_id
FROM (SELECT pg_try_advisory_lock(1935765857, hashtext('prove')) AS mine) AS l
JOIN device_key AS k ON l.mine AND k.created_at > now() - interval '1 hour'
JOIN device AS d ON d.device_no = k.device_no
WHERE EXISTS (SELECT FROM ticketing_exception AS e
              WHERE e.agency_id = d.agency_id AND e.kind = ANY(%(codes)s) AND e.closed_at IS NULL
                AND e.device_no = d.device_no)
ORDER BY d.agency_id, d.device_id;

-- name: sealed_records
-- Records as they were received, of those that are still held for want of a key.
SELECT tap_no, device_no, epoch, seq, digest, payload, sealed FROM tap
WHERE tap_no = ANY(%(tap_no)s) AND sealed = ANY(%(codes)s)
ORDER BY tap_no;

-- name: find_tap
-- Where a tap of a city's card stands in its device's numbers.
SELECT t.device_no, t.epoch, t.seq FROM tap AS t JOIN card AS c USING (card_no)
WHERE t.tap_no = %(tap_no)s AND c.agency_id = %(agency_id)s;

-- name: add_ruling
-- What a person said of a tap.
INSERT INTO tap_ruling (agency_id, tap_no, verdict, code, reason, actor, user_id, ruled_at)
VALUES (%(agency_id)s, %(tap_no)s, %(verdict)s, %(code)s, %(reason)s, %(actor)s, %(user_id)s,
        %(ruled_at)s);

-- name: show_ruling
-- The newest ruling stands on the tap; of two of one moment that which rejects it.
UPDATE tap AS t SET ruling = n.verdict, ruled_at = n.ruled_at
FROM (SELECT verdict, ruled_at FROM tap_ruling WHERE tap_no = %(tap_no)s
      ORDER BY ruled_at DESC, verdict DESC LIMIT 1) AS n
WHERE t.tap_no = %(tap_no)s;

-- name: find_resolution
-- A posting that has resolved something about one of these taps, and is not undone.
SELECT exception_no, journal_no, tap_no FROM ticketing_exception
WHERE tap_no = ANY(%(tap_nos)s::bigint[]) AND journal_no IS NOT NULL
ORDER BY exception_no LIMIT 1;

-- name: find_given_back
-- One of these taps whose fare, or a part of it, was given back.
SELECT tap_no, journal_no FROM tap_refund
WHERE tap_no = ANY(%(tap_nos)s::bigint[])
ORDER BY journal_no LIMIT 1;

-- name: hold_ruled
-- The exceptions of a tap, closed ones too, so that none is opened again or resolved meanwhile. To
-- be asked with the tap's cards locked.
SELECT FROM ticketing_exception WHERE tap_no = %(tap_no)s
ORDER BY exception_no FOR NO KEY UPDATE;

-- name: close_ruled
-- The exception of a tap that a person has ruled on, closed by that person, with its history.
WITH closed AS (
    UPDATE ticketing_exception
    SET closed_at = %(now)s, closed_by = %(actor)s, resolution = %(reason)s
    WHERE tap_no = %(tap_no)s AND kind = %(code)s AND closed_at IS NULL
    RETURNING exception_no, value_tiyn
)
INSERT INTO exception_comment (exception_no, at, actor, action, note, before, after)
SELECT exception_no, %(now)s, %(actor)s, 'close', %(reason)s,
       jsonb_build_object('value_tiyn', value_tiyn), jsonb_build_object('closed', true)
FROM closed RETURNING exception_no;

-- name: open_undecided
-- An exception that a ruling closed and did not decide: somebody must look at it still.
WITH opened AS (
    UPDATE ticketing_exception SET closed_at = NULL, closed_by = NULL, resolution = NULL
    WHERE exception_no = %(exception_no)s
    RETURNING exception_no
)
INSERT INTO exception_comment (exception_no, at, actor, action, note, before, after)
SELECT exception_no, %(now)s, %(actor)s, 'reopen', 'another record was accepted later',
       jsonb_build_object('closed', true), jsonb_build_object('closed', false)
FROM opened;

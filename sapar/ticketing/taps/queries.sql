-- Storing taps. Lock order, everywhere in ticketing: tap_sequence, card, account.

-- name: missing_sequences
-- Those that nobody has begun. To add one that exists would wait for whoever changes it.
SELECT n.device_no, n.epoch
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[]) AS n (device_no, epoch)
WHERE NOT EXISTS (SELECT FROM tap_sequence s
                  WHERE s.device_no = n.device_no AND s.epoch = n.epoch);

-- name: add_sequences
-- In key order, so that two workers cannot wait for each other in a circle.
INSERT INTO tap_sequence (device_no, epoch)
SELECT device_no, epoch FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[]) AS n (device_no, epoch)
ORDER BY device_no, epoch
ON CONFLICT DO NOTHING;

-- name: lock_sequences
-- From here to the commit nobody else stores taps of these devices and epochs.
SELECT s.device_no, s.epoch, s.first_seq, s.last_seq, s.received, s.voided
FROM tap_sequence s
JOIN unnest(%(device_no)s::int[], %(epoch)s::bigint[]) AS n (device_no, epoch)
    ON s.device_no = n.device_no AND s.epoch = n.epoch
ORDER BY s.device_no, s.epoch
FOR NO KEY UPDATE OF s;

-- name: lock_free_sequences
-- The same, but for those that another transaction holds: nobody waits here.
SELECT s.device_no, s.epoch, s.first_seq, s.last_seq, s.received, s.voided
FROM tap_sequence s
JOIN unnest(%(device_no)s::int[], %(epoch)s::bigint[]) AS n (device_no, epoch)
    ON s.device_no = n.device_no AND s.epoch = n.epoch
ORDER BY s.device_no, s.epoch
FOR NO KEY UPDATE OF s SKIP LOCKED;

-- name: stored_taps
-- What is stored under these identities, in short: enough to tell a repeat.
SELECT t.device_no, t.epoch, t.seq, t.digest, t.sealed, t.status, t.code
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(seq)s::bigint[]) AS n (device_no, epoch, seq)
JOIN tap t ON t.device_no = n.device_no AND t.epoch = n.epoch AND t.seq = n.seq;

-- name: taps_of_identities
-- Every stored version of these identities, as evidence.py reads a row.
SELECT t.*
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(seq)s::bigint[]) AS n (device_no, epoch, seq)
JOIN tap_evidence t ON t.device_no = n.device_no AND t.epoch = n.epoch AND t.seq = n.seq;

-- name: taps_of_counters
-- Every stored tap with these card counters; columns as above.
SELECT t.*
FROM unnest(%(card_no)s::bigint[], %(counter)s::bigint[]) AS n (card_no, counter)
JOIN tap_evidence t ON t.card_no = n.card_no AND t.counter = n.counter;

-- name: taps_of_days
-- Every stored tap of these cards from a fare day to another; columns as above.
SELECT t.*
FROM unnest(%(card_no)s::bigint[], %(first)s::date[], %(last)s::date[]) AS n (card_no, first, last)
JOIN tap_evidence t ON t.card_no = n.card_no AND t.service_date BETWEEN n.first AND n.last;

-- name: charged_before
-- What each card was charged from the first of the month up to, not including, a fare day; rides of
-- groups are outside the month's cap.
SELECT n.card_no, n.day, coalesce(sum(t.charged_tiyn), 0)::bigint
FROM unnest(%(card_no)s::bigint[], %(day)s::date[]) AS n (card_no, day)
LEFT JOIN tap t ON t.card_no = n.card_no AND t.service_date >= date_trunc('month', n.day)::date
    AND t.service_date < n.day AND t.status = 'posted' AND t.num_riders = 1
GROUP BY n.card_no, n.day;

-- name: lock_known_cards
-- Found and locked in one pass, by number; columns as the ledger's `lock_cards`.
SELECT c.card_no, c.agency_id, c.card_ref, c.status, c.category,
       (extract(epoch FROM c.category_from) * 1000)::bigint, c.has_pass, c.has_pending, c.has_block,
       c.purse_tiyn, c.debt_tiyn, c.deposit_tiyn, c.pending_tiyn
FROM card c
JOIN unnest(%(agency_id)s::text[], %(card_ref)s::text[]) AS n (agency_id, card_ref)
    ON c.agency_id = n.agency_id AND c.card_ref = n.card_ref
ORDER BY c.card_no
FOR NO KEY UPDATE OF c;

-- name: lock_free_cards
-- The same, but for those that another transaction holds: nobody waits here.
SELECT c.card_no, c.agency_id, c.card_ref, c.status, c.category,
       (extract(epoch FROM c.category_from) * 1000)::bigint, c.has_pass, c.has_pending, c.has_block,
       c.purse_tiyn, c.debt_tiyn, c.deposit_tiyn, c.pending_tiyn
FROM card c
JOIN unnest(%(agency_id)s::text[], %(card_ref)s::text[]) AS n (agency_id, card_ref)
    ON c.agency_id = n.agency_id AND c.card_ref = n.card_ref
ORDER BY c.card_no
FOR NO KEY UPDATE OF c SKIP LOCKED;

-- name: find_cards
-- Card numbers by reference.
SELECT c.card_ref, c.card_no
FROM unnest(%(card_ref)s::text[]) AS n (card_ref)
JOIN card c ON c.agency_id = %(agency_id)s AND c.card_ref = n.card_ref;

-- name: add_unknown_cards
-- Cards that nobody issued: their taps need a place to attach to until somebody does.
INSERT INTO card (agency_id, card_ref, status, category, category_from)
SELECT %(agency_id)s, card_ref, 'unknown', %(category)s, timestamptz 'epoch'
FROM unnest(%(card_ref)s::text[]) AS n (card_ref)
ORDER BY card_ref
ON CONFLICT DO NOTHING;

-- name: agencies_of_cards
-- Whose cards these are.
SELECT DISTINCT agency_id FROM card WHERE card_no = ANY(%(card_no)s::bigint[]) ORDER BY agency_id;

-- name: categories_of_cards
-- Every category that these cards ever had, from when.
SELECT card_no, (extract(epoch FROM valid_from) * 1000)::bigint, category
FROM card_category WHERE card_no = ANY(%(card_no)s) ORDER BY card_no, valid_from;

-- name: passes_of_cards
-- Every pass that these cards ever had.
SELECT card_no, product_id, (extract(epoch FROM lower(valid)) * 1000)::bigint,
       (extract(epoch FROM upper(valid)) * 1000)::bigint
FROM card_pass WHERE card_no = ANY(%(card_no)s) ORDER BY card_no, lower(valid), journal_no;

-- name: next_tap_numbers
-- Numbers for new taps.
SELECT nextval('tap_number') FROM generate_series(1, %(count)s);

-- name: copy_taps
-- Rows as write.py makes them.
COPY tap (tap_no, device_no, epoch, seq, card_no, device_time, received_at, event_at, service_date,
          revision, num_riders, allowed, synchronized, digest, counter, denylist_version,
          claimed_tiyn, balance_tiyn, boot_no, uptime_ms, previous_digest, payload, vehicle_id,
          route_id, trip_id, medium, sealed, status, code, carrier_no, product_id, rider_category,
          tariff_version, nominal_tiyn, charged_tiyn, adjustments, rule, claimed_product)
FROM STDIN (FORMAT binary);

-- name: update_taps
-- The new judgement of stored taps.
UPDATE tap t
SET status = n.status, code = n.code, event_at = n.event_at, service_date = n.service_date,
    carrier_no = n.carrier_no, product_id = n.product_id, rider_category = n.rider_category,
    tariff_version = n.tariff_version, nominal_tiyn = n.nominal_tiyn,
    charged_tiyn = n.charged_tiyn, adjustments = n.adjustments, rule = n.rule,
    revision = n.revision
FROM unnest(%(tap_no)s::bigint[], %(status)s::text[], %(code)s::text[],
            %(event_at)s::timestamptz[], %(service_date)s::date[], %(carrier_no)s::int[],
            %(product_id)s::text[], %(rider_category)s::text[], %(tariff_version)s::int[],
            %(nominal_tiyn)s::bigint[], %(charged_tiyn)s::bigint[], %(adjustments)s::text[],
            %(rule)s::text[], %(revision)s::smallint[])
     AS n (tap_no, status, code, event_at, service_date, carrier_no, product_id, rider_category,
           tariff_version, nominal_tiyn, charged_tiyn, adjustments, rule, revision)
WHERE t.tap_no = n.tap_no;

-- name: update_seals
-- What came of seals that were judged again.
UPDATE tap t SET sealed = n.sealed
FROM unnest(%(tap_no)s::bigint[], %(sealed)s::text[]) AS n (tap_no, sealed)
WHERE t.tap_no = n.tap_no;

-- name: posted_entries
-- What is posted for these taps, net per account, and whose clearing account it is, if one.
SELECT j.tap_no, e.account_no, sum(e.amount)::bigint, a.owner
FROM journal j
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
LEFT JOIN account a ON a.account_no = e.account_no AND a.code IN (2210, 2220)
WHERE j.tap_no = ANY(%(tap_no)s)
GROUP BY j.tap_no, e.account_no, a.owner HAVING sum(e.amount) <> 0;

-- name: open_exceptions
-- One open exception a kind and subject.
INSERT INTO ticketing_exception (agency_id, kind, subject, tap_no, card_no, device_no, value_tiyn,
                                 detail, opened_at)
SELECT agency_id, kind, 'tap ' || tap_no, tap_no, card_no, device_no, value_tiyn, detail, %(now)s
FROM unnest(%(agency_id)s::text[], %(kind)s::text[], %(tap_no)s::bigint[], %(card_no)s::bigint[],
            %(device_no)s::int[], %(value_tiyn)s::bigint[], %(detail)s::text[])
     AS n (agency_id, kind, tap_no, card_no, device_no, value_tiyn, detail)
ON CONFLICT DO NOTHING;

-- name: close_exceptions
-- Those of taps whose judgement changed.
UPDATE ticketing_exception e
SET closed_at = %(now)s, closed_by = 'sapar', resolution = 'another record decided it'
FROM unnest(%(tap_no)s::bigint[], %(kind)s::text[]) AS n (tap_no, kind)
WHERE e.tap_no = n.tap_no AND e.kind = n.kind AND e.closed_at IS NULL;

-- name: gaps_of_sequences
-- The open gaps of devices and epochs, in order.
SELECT g.device_no, g.epoch, g.from_seq, g.to_seq
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[]) AS n (device_no, epoch)
JOIN tap_gap g ON g.device_no = n.device_no AND g.epoch = n.epoch
ORDER BY g.device_no, g.epoch, g.from_seq;

-- name: update_sequences
-- How far sequences are known; the rows are locked.
UPDATE tap_sequence s
SET first_seq = n.first_seq, last_seq = n.last_seq, received = n.received, voided = n.voided
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(first_seq)s::bigint[],
            %(last_seq)s::bigint[], %(received)s::bigint[], %(voided)s::bigint[])
     AS n (device_no, epoch, first_seq, last_seq, received, voided)
WHERE s.device_no = n.device_no AND s.epoch = n.epoch;

-- name: delete_gaps
-- Gaps that closed or changed.
DELETE FROM tap_gap g
USING unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(from_seq)s::bigint[])
      AS n (device_no, epoch, from_seq)
WHERE g.device_no = n.device_no AND g.epoch = n.epoch AND g.from_seq = n.from_seq;

-- name: add_gaps
-- Gaps that opened or changed.
INSERT INTO tap_gap (device_no, epoch, from_seq, to_seq, opened_at)
SELECT device_no, epoch, from_seq, to_seq, %(now)s
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(from_seq)s::bigint[],
            %(to_seq)s::bigint[]) AS n (device_no, epoch, from_seq, to_seq)
ON CONFLICT (device_no, epoch, from_seq) DO UPDATE SET to_seq = excluded.to_seq;

-- name: voids_of_sequences
-- What was voided of devices and epochs, in order.
SELECT v.device_no, v.epoch, v.from_seq, v.to_seq
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[]) AS n (device_no, epoch)
JOIN tap_void v ON v.device_no = n.device_no AND v.epoch = n.epoch
ORDER BY v.device_no, v.epoch, v.from_seq;

-- name: add_void
-- A range that will never come, and who says so.
INSERT INTO tap_void (device_no, epoch, from_seq, to_seq, how, reason, actor, voided_at)
VALUES (%(device_no)s, %(epoch)s, %(from_seq)s, %(to_seq)s, %(how)s, %(reason)s, %(actor)s, %(now)s);

-- name: list_carriers
-- All carriers.
SELECT carrier_no, carrier_id FROM carrier;

-- name: list_carrier_services
-- An open end lies beyond every tap.
SELECT c.agency_id, s.carrier_no, s.vehicle_id, s.route_id,
       coalesce((extract(epoch FROM lower(s.valid)) * 1000)::bigint, -9000000000000000),
       coalesce((extract(epoch FROM upper(s.valid)) * 1000)::bigint, 9000000000000000)
FROM carrier_service s JOIN carrier c USING (carrier_no)
ORDER BY s.carrier_no, lower(s.valid) NULLS FIRST;

-- name: unsynchronized_taps
-- Stored taps of these boots whose clock nobody had set; columns as above.
SELECT t.*
FROM unnest(%(device_no)s::int[], %(epoch)s::bigint[], %(boot_no)s::bigint[])
     AS n (device_no, epoch, boot_no)
JOIN tap_evidence t ON t.device_no = n.device_no AND t.epoch = n.epoch AND t.boot_no = n.boot_no
    AND NOT t.synchronized;

-- name: neighbours_in_time
-- The nearest taps before and after whose clock was set, of the same boot; of several versions of
-- one the same as clocks.py chooses.
SELECT n.tap_no, t.seq, (extract(epoch FROM t.device_time) * 1000)::bigint, t.uptime_ms
FROM unnest(%(tap_no)s::bigint[], %(device_no)s::int[], %(epoch)s::bigint[], %(boot_no)s::bigint[],
            %(seq)s::bigint[]) AS n (tap_no, device_no, epoch, boot_no, seq)
CROSS JOIN LATERAL (
    (SELECT * FROM tap WHERE device_no = n.device_no AND epoch = n.epoch AND boot_no = n.boot_no
         AND synchronized AND sealed IS NULL AND uptime_ms <= %(uptime_max_ms)s AND seq <= n.seq
     ORDER BY seq DESC, device_time, uptime_ms LIMIT 1)
    UNION ALL
    (SELECT * FROM tap WHERE device_no = n.device_no AND epoch = n.epoch AND boot_no = n.boot_no
         AND synchronized AND sealed IS NULL AND uptime_ms <= %(uptime_max_ms)s AND seq >= n.seq
     ORDER BY seq, device_time, uptime_ms LIMIT 1)
) t;

-- name: days_between
-- Cards and fare days with a tap in a span of time.
SELECT DISTINCT t.card_no, t.service_date
FROM tap t JOIN card c USING (card_no)
WHERE c.agency_id = %(agency_id)s AND t.event_at >= %(since)s
  AND (%(until)s::timestamptz IS NULL OR t.event_at < %(until)s)
ORDER BY t.card_no, t.service_date;

-- Contracts, what is not settled, statements, disputes, payment orders. Whoever settles takes
-- `lock_settling` first, then ticketing's locks.

-- name: lock_settling
SELECT pg_advisory_xact_lock(hashtextextended('settle ' || %(agency_id)s::text, 4));

-- name: find_carrier
-- With the last service date that was settled by a contract.
SELECT c.carrier_no, c.name,
       (SELECT max(l.service_date) FROM settlement_line l
        JOIN settlement_statement s USING (statement_no)
        WHERE s.carrier_no = c.carrier_no AND l.contract_no IS NOT NULL)
FROM carrier c
WHERE c.agency_id = %(agency_id)s AND c.carrier_id = %(carrier_id)s;

-- name: insert_contract
-- A version; used ones cannot be changed any more.
INSERT INTO carrier_contract (agency_id, carrier_no, valid_from, kind, commission_bp, rate_tiyn, city,
                              funder, title, payee_name, payee_bin, payee_iban, payee_bic,
                              created_at, created_by)
VALUES (%(agency_id)s, %(carrier_no)s, %(valid_from)s, %(kind)s, %(commission_bp)s, %(rate_tiyn)s,
        %(city)s, %(funder)s, %(title)s, %(payee_name)s, %(payee_bin)s, %(payee_iban)s,
        %(payee_bic)s, %(now)s, %(actor)s);

-- name: delete_contract
DELETE FROM carrier_contract WHERE contract_no = %(contract_no)s;

-- name: list_contracts
-- In order of carriers and days.
SELECT k.contract_no, c.carrier_id, c.name, k.valid_from,
       lead(k.valid_from) OVER (PARTITION BY k.carrier_no ORDER BY k.valid_from) - 1, k.kind,
       k.commission_bp, k.rate_tiyn, k.city, k.funder, k.title, k.payee_name, k.payee_bin,
       k.payee_iban, k.payee_bic, k.created_at, k.created_by,
       EXISTS (SELECT FROM settlement_line l WHERE l.contract_no = k.contract_no)
           OR EXISTS (SELECT FROM payment_order o WHERE o.contract_no = k.contract_no)
FROM carrier_contract k JOIN carrier c USING (carrier_no)
WHERE k.agency_id = %(agency_id)s
  AND (%(carrier_id)s::text IS NULL OR c.carrier_id = %(carrier_id)s)
ORDER BY c.carrier_id COLLATE "C", k.valid_from;

-- name: list_closed_stamps
-- The closed days of a period, and when each was closed; not those that were reopened and not closed
-- again since: nobody has signed what was posted there, and some of it may be on its way.
SELECT business_date, closed_at FROM business_day b
WHERE agency_id = %(agency_id)s AND business_date BETWEEN %(from_date)s AND %(to_date)s
  AND NOT EXISTS (SELECT FROM day_reopening r
                  WHERE (r.agency_id, r.business_date, r.revision)
                      = (b.agency_id, b.business_date, b.revision))
ORDER BY business_date;

-- name: list_marks
-- Up to which journal each carrier's days are settled.
SELECT c.carrier_id, l.business_date, max(l.through_journal_no)
FROM settlement_line l
JOIN settlement_statement s USING (statement_no)
JOIN carrier c USING (carrier_no)
WHERE s.agency_id = %(agency_id)s AND l.business_date = ANY(%(days)s) AND l.through_journal_no > 0
GROUP BY 1, 2;

-- name: list_ends
-- The last journal of each day.
SELECT business_date, max(journal_no) FROM journal
WHERE agency_id = %(agency_id)s AND business_date = ANY(%(days)s)
GROUP BY 1;

-- name: sum_days
-- What clearing accounts and boardings moved by journals beyond the marks.
SELECT a.owner, a.code, j.tap_no IS NOT NULL, j.business_date, j.service_date, sum(e.amount)::bigint
FROM journal j
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no AND a.code IN (2210, 2220, 9110)
LEFT JOIN unnest(%(owners)s::text[], %(marked)s::date[], %(marks)s::bigint[])
    AS m (owner, business_date, journal_no)
    ON m.owner = a.owner AND m.business_date = j.business_date
WHERE j.agency_id = %(agency_id)s AND j.business_date = ANY(%(days)s)
  AND j.kind <> ALL(%(own)s) AND j.journal_no > coalesce(m.journal_no, 0)
GROUP BY 1, 2, 3, 4, 5;

-- name: list_moved
-- Rides of these days whose tap stands on another fare day now than they are counted on: that of
-- their journal, or of the line that they came to last. Settled ones, and those beyond the marks.
SELECT a.owner, a.code, j.business_date, j.service_date, j.journal_no,
       coalesce(p.service_date, j.service_date), t.service_date, sum(e.amount)::bigint
FROM journal j
JOIN tap t ON t.tap_no = j.tap_no
LEFT JOIN LATERAL (
    SELECT l.service_date FROM settlement_part sp JOIN settlement_line l USING (line_no)
    WHERE sp.journal_no = j.journal_no AND sp.arrives AND l.block IN ('fares', 'late')
    ORDER BY sp.line_no DESC LIMIT 1
) p ON true
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no AND a.code IN (2210, 2220, 9110)
WHERE j.agency_id = %(agency_id)s AND j.business_date = ANY(%(days)s)
  AND t.service_date <> coalesce(p.service_date, j.service_date)
GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- name: list_runs
-- What each run counts, as people corrected it: metres of the whole, or as far as it was driven.
SELECT p.service_date, p.trip_id, p.start_s, p.route_id, p.vehicle_ids[1],
       (extract(epoch FROM p.scheduled_start_at) * 1000)::bigint, coalesce(c.status, p.status),
       CASE coalesce(c.status, p.status) WHEN 'done' THEN round(p.planned_m::numeric)
            WHEN 'partly' THEN round(p.driven_m::numeric) ELSE 0 END::bigint
FROM run_proof p
LEFT JOIN LATERAL (
    SELECT status FROM run_correction rc
    WHERE (rc.agency_id, rc.service_date, rc.trip_id, rc.start_s)
        = (p.agency_id, p.service_date, p.trip_id, p.start_s)
    ORDER BY corrected_at DESC LIMIT 1
) c ON true
WHERE p.agency_id = %(agency_id)s AND p.service_date = ANY(%(days)s);

-- name: list_paid_runs
-- Metres that stand in lines of statements.
SELECT c.carrier_id, r.service_date, r.trip_id, r.start_s, sum(r.metres)::bigint
FROM settlement_run_part r
JOIN settlement_line l USING (line_no)
JOIN settlement_statement s USING (statement_no)
JOIN carrier c USING (carrier_no)
WHERE s.agency_id = %(agency_id)s AND r.service_date = ANY(%(days)s)
GROUP BY 1, 2, 3, 4;

-- name: list_pools
-- Unearned pass money by closed days up to a date: the balance less what came after it.
SELECT a.owner, (-a.balance + coalesce(later.amount, 0))::bigint,
       (SELECT count(*) FROM pass_release r WHERE r.agency_id = a.agency_id AND r.pool = a.owner)
FROM account a
LEFT JOIN LATERAL (
    SELECT sum(e.amount) AS amount FROM journal j
    CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
    WHERE j.agency_id = a.agency_id AND j.business_date > %(to_date)s AND j.kind <> ALL(%(own)s)
      AND e.account_no = a.account_no
) later ON true
WHERE a.agency_id = %(agency_id)s AND a.code = 2140
  AND a.owner ~ ' [0-9]{4}-(0[1-9]|1[0-2])$'
  AND -a.balance + coalesce(later.amount, 0) <> 0
ORDER BY a.owner COLLATE "C";

-- name: count_closed
-- Days that are closed, as `list_closed_stamps` has them.
SELECT count(*) FROM business_day b
WHERE agency_id = %(agency_id)s AND business_date BETWEEN %(first)s AND %(last)s
  AND NOT EXISTS (SELECT FROM day_reopening r
                  WHERE (r.agency_id, r.business_date, r.revision)
                      = (b.agency_id, b.business_date, b.revision));

-- name: count_pass_boardings
-- Rides of a month on a pass, by carrier; whoever rides along on the tap has paid.
SELECT c.carrier_id, count(*)
FROM tap t JOIN carrier c USING (carrier_no)
WHERE c.agency_id = %(agency_id)s AND t.status = 'posted'
  AND t.received_at >= %(first)s::timestamp - interval '2 days'
  AND t.service_date BETWEEN %(first)s AND %(last)s
  AND t.adjustments LIKE '%%"pass"%%'
  AND EXISTS (SELECT FROM jsonb_array_elements(t.adjustments::jsonb) part
              WHERE part ->> 0 = 'pass' AND part ->> 1 = %(product_id)s)
GROUP BY 1;

-- name: list_refunds
-- Of refunds that carriers owe: what no statement took back yet.
SELECT a.owner, r.journal_no, j.business_date, j.service_date,
       (sum(e.amount) - coalesce(max(taken.amount), 0))::bigint
FROM tap_refund r
JOIN journal j USING (journal_no)
JOIN business_day b ON b.agency_id = j.agency_id AND b.business_date = j.business_date
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no AND a.code = 1230
LEFT JOIN LATERAL (
    SELECT sum(p.amount_tiyn) AS amount FROM settlement_part p JOIN settlement_line l USING (line_no)
    WHERE p.journal_no = r.journal_no AND l.block = 'clawback'
) taken ON true
WHERE j.agency_id = %(agency_id)s AND j.business_date <= %(to_date)s
GROUP BY 1, 2, 3, 4
HAVING sum(e.amount) - coalesce(max(taken.amount), 0) > 0
ORDER BY j.business_date, r.journal_no;

-- name: list_waiting_steps
-- Holds and releases of statements that are paid, in no statement and no payment yet.
SELECT c.carrier_id, p.step_no, p.payable_tiyn, p.journal_no
FROM carrier_dispute_step p
JOIN carrier_dispute d USING (dispute_no)
JOIN settlement_statement s USING (statement_no)
JOIN carrier c USING (carrier_no)
WHERE s.agency_id = %(agency_id)s AND s.status = 'paid' AND p.order_no IS NULL
  AND NOT EXISTS (SELECT FROM settlement_line l WHERE l.step_no = p.step_no)
ORDER BY p.step_no;

-- name: find_period_statement
-- The newest part of a carrier's statements of a period, with what it comes to.
SELECT s.statement_no, s.part, s.status,
       (SELECT coalesce(sum(payable_tiyn), 0)::bigint FROM settlement_line l
        WHERE l.statement_no = s.statement_no)
FROM settlement_statement s JOIN carrier c USING (carrier_no)
WHERE s.agency_id = %(agency_id)s AND c.carrier_id = %(carrier_id)s
  AND s.from_date = %(from_date)s AND s.to_date = %(to_date)s
ORDER BY s.part DESC LIMIT 1;

-- name: insert_statement
-- A draft.
INSERT INTO settlement_statement (agency_id, carrier_no, from_date, to_date, part, status, made_at,
                                  made_by)
SELECT %(agency_id)s, carrier_no, %(from_date)s, %(to_date)s, %(part)s, 'draft', %(now)s, %(actor)s
FROM carrier WHERE agency_id = %(agency_id)s AND carrier_id = %(carrier_id)s
RETURNING statement_no;

-- name: draw_line_numbers
SELECT nextval('settlement_line_number') FROM generate_series(1, %(count)s);

-- name: insert_line
-- Only a draft takes one.
INSERT INTO settlement_line (line_no, statement_no, block, contract_no, code, business_date,
    service_date, boardings, metres, gross_tiyn, funder_tiyn, commission_tiyn, city_tiyn,
    payable_tiyn, clawed_tiyn, held_tiyn, from_journal_no, through_journal_no, journal_no, step_no,
    release_no, added_at)
VALUES (%(line_no)s, %(statement_no)s, %(block)s, %(contract_no)s, %(code)s, %(business_date)s,
    %(service_date)s, %(boardings)s, %(metres)s, %(gross_tiyn)s, %(funder_tiyn)s,
    %(commission_tiyn)s, %(city_tiyn)s, %(payable_tiyn)s, %(clawed_tiyn)s, %(held_tiyn)s,
    %(from_journal_no)s, %(through_journal_no)s, %(journal_no)s, %(step_no)s, %(release_no)s,
    %(now)s);

-- name: insert_part
INSERT INTO settlement_part (line_no, journal_no, amount_tiyn, boardings, arrives)
VALUES (%(line_no)s, %(journal_no)s, %(amount_tiyn)s, %(boardings)s, %(arrives)s);

-- name: insert_run_parts
-- All of a line.
INSERT INTO settlement_run_part (line_no, service_date, trip_id, start_s, status, metres)
SELECT %(line_no)s, %(service_date)s, run.*
FROM unnest(%(trips)s::text[], %(starts)s::int[], %(statuses)s::text[], %(metres)s::bigint[])
     AS run (trip_id, start_s, status, metres);

-- name: insert_release
INSERT INTO pass_release (agency_id, pool, amount_tiyn, journal_no, released_at)
VALUES (%(agency_id)s, %(pool)s, %(amount_tiyn)s, %(journal_no)s, %(now)s)
RETURNING release_no;

-- name: insert_release_share
INSERT INTO pass_release_share (release_no, carrier_no, boardings, amount_tiyn)
SELECT %(release_no)s, carrier_no, %(boardings)s, %(amount_tiyn)s
FROM carrier WHERE agency_id = %(agency_id)s AND carrier_id = %(carrier_id)s;

-- name: list_statements
-- Newest first, with sums of their lines, what is held back of them, and their orders.
SELECT s.statement_no, c.carrier_id, c.name, s.from_date, s.to_date, s.part, s.status,
       CASE WHEN s.number_year IS NOT NULL
            THEN s.number_year || '-' || lpad(s.number_in_year::text, 4, '0') END,
       coalesce(l.boardings, 0)::bigint, coalesce(l.gross, 0)::bigint,
       coalesce(l.commission, 0)::bigint, coalesce(l.payable, 0)::bigint,
       coalesce(w.payable, 0)::bigint, encode(s.digest, 'hex'), s.made_at, s.made_by, s.issued_at,
       s.issued_by, o.number_in_agency, o.amount_tiyn, o.made_at,
       EXISTS (SELECT FROM bank_match_item mi WHERE mi.item_no = o.item_no AND mi.active)
FROM settlement_statement s
JOIN carrier c USING (carrier_no)
LEFT JOIN payment_order o USING (order_no)
LEFT JOIN LATERAL (
    SELECT sum(boardings) FILTER (WHERE block IN ('fares', 'late', 'refunds')) AS boardings,
           sum(gross_tiyn) AS gross, sum(commission_tiyn) AS commission,
           sum(payable_tiyn) AS payable
    FROM settlement_line WHERE statement_no = s.statement_no
) l ON true
LEFT JOIN LATERAL (
    SELECT sum(p.payable_tiyn) AS payable
    FROM carrier_dispute_step p JOIN carrier_dispute d USING (dispute_no)
    WHERE d.statement_no = s.statement_no AND s.status <> 'paid' AND p.order_no IS NULL
      AND NOT EXISTS (SELECT FROM settlement_line x WHERE x.step_no = p.step_no)
) w ON true
WHERE s.agency_id = %(agency_id)s
  AND (%(carrier_id)s::text IS NULL OR c.carrier_id = %(carrier_id)s)
  AND (%(statement_no)s::bigint IS NULL OR s.statement_no = %(statement_no)s)
  AND (%(status)s::text IS NULL OR s.status = %(status)s)
ORDER BY s.to_date DESC, s.statement_no DESC
LIMIT %(most)s;

-- name: list_lines
-- In the order in which they are printed.
SELECT l.line_no, l.statement_no, l.block, l.contract_no, l.code, l.business_date, l.service_date,
       l.boardings, l.metres, l.gross_tiyn, l.funder_tiyn, l.commission_tiyn, l.city_tiyn,
       l.payable_tiyn, l.clawed_tiyn, l.held_tiyn, l.journal_no, p.dispute_no, r.pool
FROM settlement_line l
LEFT JOIN carrier_dispute_step p USING (step_no)
LEFT JOIN pass_release r USING (release_no)
WHERE l.statement_no = %(statement_no)s
ORDER BY array_position(ARRAY['fares', 'late', 'refunds', 'pass_pool', 'production', 'boardings',
                              'clawback', 'hold', 'release'], l.block),
         l.business_date, l.service_date, l.line_no;

-- name: find_line
-- A line of an agency, with its carrier.
SELECT l.block, c.carrier_no, c.carrier_id, l.service_date, l.release_no, l.journal_no
FROM settlement_line l
JOIN settlement_statement s USING (statement_no)
JOIN carrier c USING (carrier_no)
WHERE s.agency_id = %(agency_id)s AND l.line_no = %(line_no)s;

-- name: list_parts
-- The journals of a line with what each brings: those of its range, and the parts that it names.
-- A named part may cancel a journal of the range, so as many more are looked at as are named.
WITH line AS (
    SELECT l.*, s.agency_id, c.carrier_id
    FROM settlement_line l
    JOIN settlement_statement s USING (statement_no)
    JOIN carrier c USING (carrier_no)
    WHERE l.line_no = %(line_no)s AND s.agency_id = %(agency_id)s
), counted AS (
    SELECT a.account_no, a.code FROM line l JOIN account a ON a.agency_id = l.agency_id
        AND a.owner = l.carrier_id
        AND (a.code = l.code OR a.code = 9110 AND (l.block <> 'refunds' OR l.code = 2210))
), page AS (
    SELECT j.journal_no, j.accounts, j.amounts
    FROM line l
    JOIN journal j ON j.agency_id = l.agency_id AND j.business_date = l.business_date
        AND j.service_date = l.service_date
        AND j.journal_no > greatest(l.from_journal_no, %(after)s)
        AND j.journal_no <= l.through_journal_no AND j.kind <> ALL(%(own)s)
        AND CASE l.block WHEN 'fares' THEN j.tap_no IS NOT NULL AND j.service_date = j.business_date
                         WHEN 'late' THEN j.tap_no IS NOT NULL AND j.service_date < j.business_date
                         WHEN 'refunds' THEN j.tap_no IS NULL
                         ELSE l.block = 'boardings' END
    WHERE j.accounts && (SELECT array_agg(account_no) FROM counted)
    ORDER BY j.journal_no
    LIMIT %(most)s + (SELECT count(*) FROM settlement_part WHERE line_no = %(line_no)s)
), parts AS (
    SELECT journal_no, sum(amount)::bigint AS amount, sum(boardings)::bigint AS boardings
    FROM (SELECT j.journal_no, CASE WHEN c.code = 9110 THEN 0 ELSE -e.amount END AS amount,
                 CASE WHEN c.code = 9110 THEN e.amount ELSE 0 END AS boardings
          FROM page j
          CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
          JOIN counted c ON c.account_no = e.account_no
          UNION ALL
          SELECT p.journal_no, p.amount_tiyn, p.boardings
          FROM settlement_part p JOIN line USING (line_no)
          WHERE p.journal_no > %(after)s) every
    GROUP BY journal_no
    HAVING sum(amount) <> 0 OR sum(boardings) <> 0
    ORDER BY journal_no
    LIMIT %(most)s
)
SELECT p.journal_no, j.kind, j.tap_no, c.card_ref, d.device_id, t.seq, t.route_id, t.vehicle_id,
       j.event_at, j.rule, p.amount, p.boardings
FROM parts p
JOIN journal j USING (journal_no)
LEFT JOIN tap t ON t.tap_no = j.tap_no
LEFT JOIN device d ON d.device_no = t.device_no
LEFT JOIN card c ON c.card_no = j.card_no
ORDER BY p.journal_no;

-- name: list_pass_parts
-- The rides on passes that a carrier's share of a pool was made by, as they are judged now, each by
-- its first journal.
SELECT j.journal_no, 'pass', t.tap_no, c.card_ref, d.device_id, t.seq, t.route_id, t.vehicle_id,
       t.event_at, t.rule, 0, 1
FROM pass_release r
JOIN tap t ON t.status = 'posted' AND t.carrier_no = %(carrier_no)s AND t.received_at <= r.released_at
    AND to_char(t.service_date, 'YYYY-MM') = right(r.pool, 7)
    AND EXISTS (SELECT FROM jsonb_array_elements(t.adjustments::jsonb) part
                WHERE part ->> 0 = 'pass' AND part ->> 1 = left(r.pool, -8))
JOIN journal j ON j.tap_no = t.tap_no AND j.revision = 1
JOIN device d USING (device_no)
JOIN card c ON c.card_no = t.card_no
WHERE r.release_no = %(release_no)s AND j.journal_no > %(after)s
ORDER BY j.journal_no
LIMIT %(most)s;

-- name: list_run_parts
-- The runs of a line, numbered in their order.
SELECT place, service_date, trip_id, start_s, status, metres
FROM (SELECT row_number() OVER (ORDER BY trip_id COLLATE "C", start_s) AS place, *
      FROM settlement_run_part WHERE line_no = %(line_no)s) run
WHERE place > %(after)s
ORDER BY place
LIMIT %(most)s;

-- name: lock_statement
-- With its carrier, and what its lines come to.
SELECT s.status, c.carrier_id, s.from_date, s.to_date, s.part, s.order_no, s.carrier_no,
       (SELECT coalesce(sum(payable_tiyn), 0)::bigint FROM settlement_line l
        WHERE l.statement_no = s.statement_no),
       (SELECT count(*) FROM settlement_line l WHERE l.statement_no = s.statement_no), s.issued_by
FROM settlement_statement s JOIN carrier c USING (carrier_no)
WHERE s.agency_id = %(agency_id)s AND s.statement_no = %(statement_no)s
FOR UPDATE OF s;

-- name: issue_statement
-- From now on it takes no line.
UPDATE settlement_statement
SET status = 'issued', number_year = %(year)s, number_in_year = %(number)s, digest = %(digest)s,
    total_tiyn = %(total_tiyn)s, issued_at = %(now)s, issued_by = %(actor)s
WHERE statement_no = %(statement_no)s;

-- name: end_statement
-- An issued one that comes to nothing, and of which nothing is on hold.
UPDATE settlement_statement s SET status = 'ended'
WHERE s.agency_id = %(agency_id)s AND s.statement_no = %(statement_no)s AND s.status = 'issued'
  AND s.total_tiyn + statement_waits(s.statement_no) = 0
  AND NOT EXISTS (SELECT FROM carrier_dispute d
                  WHERE d.statement_no = s.statement_no AND d.status = 'open')
RETURNING s.statement_no;

-- name: next_number
SELECT coalesce(max(number_in_year), 0) + 1 FROM settlement_statement
WHERE agency_id = %(agency_id)s AND number_year = %(year)s;

-- name: list_carriers
-- With what stands on each of a carrier's accounts, in its natural sign.
SELECT c.carrier_id, c.name,
       coalesce(-sum(a.balance) FILTER (WHERE a.code = 2210), 0)::bigint,
       coalesce(-sum(a.balance) FILTER (WHERE a.code = 2220), 0)::bigint,
       coalesce(-sum(a.balance) FILTER (WHERE a.code = 2310), 0)::bigint,
       coalesce(-sum(a.balance) FILTER (WHERE a.code = 2320), 0)::bigint,
       coalesce(sum(a.balance) FILTER (WHERE a.code = 1230), 0)::bigint,
       (SELECT max(s.to_date) FROM settlement_statement s WHERE s.carrier_no = c.carrier_no)
FROM carrier c
LEFT JOIN account a ON a.agency_id = c.agency_id AND a.owner = c.carrier_id
    AND a.code IN (1230, 2210, 2220, 2310, 2320)
WHERE c.agency_id = %(agency_id)s
GROUP BY c.carrier_no, c.carrier_id, c.name
ORDER BY c.carrier_id COLLATE "C";

-- name: find_paper
SELECT content FROM finance_paper
WHERE agency_id = %(agency_id)s AND subject = %(subject)s AND format = %(format)s
  AND language = %(language)s;

-- name: insert_paper
-- Whoever comes second takes what the first has kept.
INSERT INTO finance_paper (agency_id, subject, format, language, digest, content)
VALUES (%(agency_id)s, %(subject)s, %(format)s, %(language)s, %(digest)s, %(content)s)
ON CONFLICT DO NOTHING;

-- name: find_agency
SELECT name, timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: list_disputes
-- Newest first.
SELECT d.dispute_no, d.statement_no, c.carrier_id, d.amount_tiyn, d.reason, d.status, d.opened_at,
       d.opened_by, d.decided_at, d.decided_by, d.decision,
       ARRAY(SELECT tap_no FROM carrier_dispute_tap t WHERE t.dispute_no = d.dispute_no ORDER BY 1)
FROM carrier_dispute d
JOIN settlement_statement s USING (statement_no)
JOIN carrier c USING (carrier_no)
WHERE d.agency_id = %(agency_id)s
  AND (%(statement_no)s::bigint IS NULL OR d.statement_no = %(statement_no)s)
  AND (%(status)s::text IS NULL OR d.status = %(status)s)
  AND (%(no)s::bigint IS NULL OR d.dispute_no = %(no)s)
ORDER BY d.dispute_no DESC;

-- name: sum_waiting
-- What holds and releases change of a statement beyond its own lines: those that wait, those that
-- were in its payment, and those that came into a later statement.
SELECT coalesce(sum(p.payable_tiyn), 0)::bigint
FROM carrier_dispute_step p JOIN carrier_dispute d USING (dispute_no)
WHERE d.statement_no = %(statement_no)s
  AND NOT EXISTS (SELECT FROM settlement_line l
                  WHERE l.step_no = p.step_no AND l.statement_no = d.statement_no);

-- name: insert_dispute
-- An open one.
INSERT INTO carrier_dispute (agency_id, statement_no, amount_tiyn, reason, status, opened_at,
                             opened_by)
VALUES (%(agency_id)s, %(statement_no)s, %(amount_tiyn)s, %(reason)s, 'open', %(now)s, %(actor)s)
RETURNING dispute_no;

-- name: insert_dispute_tap
INSERT INTO carrier_dispute_tap (dispute_no, tap_no, fare_tiyn)
VALUES (%(dispute_no)s, %(tap_no)s, %(fare_tiyn)s);

-- name: insert_step
INSERT INTO carrier_dispute_step (dispute_no, payable_tiyn, journal_no)
VALUES (%(dispute_no)s, %(payable_tiyn)s, %(journal_no)s)
RETURNING step_no;

-- name: find_dispute_of
SELECT dispute_no FROM carrier_dispute_step WHERE journal_no = %(journal_no)s;

-- name: decide_dispute
-- Once.
UPDATE carrier_dispute
SET status = %(status)s, decided_at = %(now)s, decided_by = %(actor)s, decision = %(reason)s
WHERE dispute_no = %(dispute_no)s AND status = 'open'
RETURNING dispute_no;

-- name: list_tap_fares
-- Of rides that are settled for a carrier: what they brought to its clearing, their boardings,
-- whether they are on hold or were rejected, and their day.
SELECT j.tap_no, coalesce(-sum(e.amount) FILTER (WHERE a.code IN (2210, 2220)), 0)::bigint,
       coalesce(sum(e.amount) FILTER (WHERE a.code = 9110), 0)::bigint,
       EXISTS (SELECT FROM carrier_dispute_tap x JOIN carrier_dispute d USING (dispute_no)
               WHERE x.tap_no = j.tap_no AND d.status <> 'released'),
       max(t.service_date)
FROM journal j
JOIN tap t ON t.tap_no = j.tap_no
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no AND a.agency_id = %(agency_id)s
    AND a.owner = %(carrier_id)s AND a.code IN (2210, 2220, 9110)
WHERE j.agency_id = %(agency_id)s AND j.tap_no = ANY(%(taps)s)
  AND EXISTS (SELECT FROM settlement_line l JOIN settlement_statement s USING (statement_no)
              JOIN carrier c USING (carrier_no)
              WHERE c.agency_id = %(agency_id)s AND c.carrier_id = %(carrier_id)s
                  AND l.business_date = j.business_date AND l.through_journal_no >= j.journal_no
                  AND l.from_journal_no < j.journal_no)
GROUP BY j.tap_no;

-- name: find_bank_account
SELECT bank_account_no FROM bank_account
WHERE agency_id = %(agency_id)s AND bank_account_id = %(bank_account)s;

-- name: next_order_number
SELECT coalesce(max(number_in_agency), 0) + 1 FROM payment_order WHERE agency_id = %(agency_id)s;

-- name: list_payable
-- A statement that is to be paid, and the carrier's others that come to less than nothing, with
-- what waits since their issue.
SELECT statement_no, amount FROM (
    SELECT s.statement_no, s.total_tiyn + coalesce((
               SELECT sum(p.payable_tiyn)
               FROM carrier_dispute_step p JOIN carrier_dispute d USING (dispute_no)
               WHERE d.statement_no = s.statement_no AND p.order_no IS NULL
                 AND NOT EXISTS (SELECT FROM settlement_line l WHERE l.step_no = p.step_no)
           ), 0)::bigint AS amount
    FROM settlement_statement s
    WHERE s.carrier_no = %(carrier_no)s AND s.status = 'issued'
) issued
WHERE statement_no = %(statement_no)s OR amount < 0
ORDER BY statement_no;

-- name: insert_order
-- With who is paid, and what the bank will show.
INSERT INTO payment_order (agency_id, number_in_agency, bank_account_no, carrier_no, contract_no,
                           amount_tiyn, order_date, purpose, journal_no, item_no, made_at, made_by)
VALUES (%(agency_id)s, %(number)s, %(bank_account_no)s, %(carrier_no)s, %(contract_no)s,
        %(amount_tiyn)s, %(order_date)s, %(purpose)s, %(journal_no)s, %(item_no)s, %(now)s,
        %(actor)s)
RETURNING order_no;

-- name: mark_paid
UPDATE settlement_statement SET status = 'paid', order_no = %(order_no)s
WHERE statement_no = ANY(%(statements)s);

-- name: mark_paid_steps
-- What waited is in the payment now.
UPDATE carrier_dispute_step p SET order_no = %(order_no)s
FROM carrier_dispute d
WHERE d.dispute_no = p.dispute_no AND d.statement_no = ANY(%(statements)s) AND p.order_no IS NULL
  AND NOT EXISTS (SELECT FROM settlement_line l WHERE l.step_no = p.step_no);

-- name: list_orders
-- By number, with payer, payee and the documents that are paid.
SELECT o.order_no, o.number_in_agency, o.order_date, o.amount_tiyn, o.purpose, c.carrier_id,
       k.payee_name, k.payee_bin, k.payee_iban, k.payee_bic, b.name, b.bank_account_id, b.iban,
       ARRAY(SELECT s.number_year || '-' || lpad(s.number_in_year::text, 4, '0')
             FROM settlement_statement s WHERE s.order_no = o.order_no ORDER BY s.statement_no),
       o.made_at, o.made_by,
       EXISTS (SELECT FROM bank_match_item m WHERE m.item_no = o.item_no AND m.active)
FROM payment_order o
JOIN carrier c USING (carrier_no)
JOIN carrier_contract k USING (contract_no)
JOIN bank_account b USING (bank_account_no)
WHERE o.agency_id = %(agency_id)s
  AND (%(order_no)s::bigint IS NULL OR o.order_no = %(order_no)s)
  AND (%(from_date)s::date IS NULL OR o.order_date >= %(from_date)s)
  AND (%(to_date)s::date IS NULL OR o.order_date <= %(to_date)s)
ORDER BY o.number_in_agency;

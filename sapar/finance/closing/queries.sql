-- The close of business days: stages, signatures, reports, reopening, totals and what is behind them.

-- name: hold_posting
-- Waits until nobody of the agency is half-way through posting; for the session, not a transaction.
SELECT pg_advisory_lock(1935765857, hashtext(%(agency_id)s));

-- name: release_posting
SELECT pg_advisory_unlock(1935765857, hashtext(%(agency_id)s));

-- name: see_one_moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: expect_few_groups
-- A day's journals come to a few thousand groups, which the planner cannot know: it would sort a
-- million rows by nine columns. For the transaction alone.
SELECT set_config('enable_sort', 'off', true), set_config('work_mem', '32MB', true);

-- name: find_last_journal
-- The highest number that was posted.
SELECT coalesce(max(journal_no), 0) FROM journal;

-- name: find_agency
-- Its time zone.
SELECT timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: find_day
-- The day's close, its newest reopening of that revision, and whether it may be posted to for now.
SELECT b.revision, b.digest, b.closed_at, b.closed_by, r.reopening_no, r.ends_at,
       day_is_reopened(b.agency_id, b.business_date)
FROM business_day b
LEFT JOIN LATERAL (SELECT reopening_no, ends_at FROM day_reopening
                   WHERE agency_id = b.agency_id AND business_date = b.business_date
                       AND revision = b.revision ORDER BY reopening_no DESC LIMIT 1) r ON true
WHERE b.agency_id = %(agency_id)s AND b.business_date = %(day)s;

-- name: find_reopening
-- The newest of a revision, with who did it.
SELECT r.reopening_no, p.name, r.reason, r.ends_at
FROM day_reopening r JOIN person p USING (user_id)
WHERE r.agency_id = %(agency_id)s AND r.business_date = %(day)s AND r.revision = %(revision)s
ORDER BY r.reopening_no DESC LIMIT 1;

-- name: list_days
-- Days that anything is known of, the newest first: closed ones, begun ones and those with rides.
SELECT d.business_date, b.revision, b.closed_at, b.closed_by,
       coalesce(day_is_reopened(%(agency_id)s, d.business_date), false),
       NOT day_is_reopened(%(agency_id)s, d.business_date)
           AND EXISTS (SELECT FROM day_reopening r
                       WHERE (r.agency_id, r.business_date, r.revision)
                           = (b.agency_id, b.business_date, b.revision))
FROM (SELECT business_date FROM business_day WHERE agency_id = %(agency_id)s
      UNION SELECT business_date FROM day_stage WHERE agency_id = %(agency_id)s
      UNION SELECT business_date FROM day_count WHERE agency_id = %(agency_id)s) d
LEFT JOIN business_day b ON b.agency_id = %(agency_id)s AND b.business_date = d.business_date
WHERE %(before)s::date IS NULL OR d.business_date < %(before)s
ORDER BY d.business_date DESC LIMIT %(limit)s;

-- name: list_stages
-- The newest run of each stage.
SELECT DISTINCT ON (stage) stage, run_no, passed, findings, exceptions, evidence, digest,
       last_journal_no, ran_at, ran_by
FROM day_stage
WHERE agency_id = %(agency_id)s AND business_date = %(day)s AND revision = %(revision)s
ORDER BY stage, run_no DESC;

-- name: insert_stage
-- A run of a stage. Kept for ever.
INSERT INTO day_stage (agency_id, business_date, revision, stage, passed, findings, exceptions,
                       evidence, digest, last_journal_no, ran_at, ran_by)
VALUES (%(agency_id)s, %(day)s, %(revision)s, %(stage)s, %(passed)s, %(findings)s, %(exceptions)s,
        %(evidence)s, %(digest)s, %(last_journal_no)s, %(now)s, %(actor)s)
RETURNING run_no;

-- name: list_day_exceptions
-- Open ones that stand in the way of a day: by its date, or about a tap of it.
SELECT e.exception_no, e.kind, e.subject, e.value_tiyn, e.detail, e.accepted_at, e.accepted_by,
       e.accepted_reason
FROM ticketing_exception e
WHERE e.agency_id = %(agency_id)s AND e.closed_at IS NULL
  AND e.kind = ANY(%(kinds)s::text[]) AND e.business_date = %(day)s
UNION
SELECT e.exception_no, e.kind, e.subject, e.value_tiyn, e.detail, e.accepted_at, e.accepted_by,
       e.accepted_reason
FROM ticketing_exception e JOIN tap t USING (tap_no)
WHERE %(of_taps)s AND e.agency_id = %(agency_id)s AND e.closed_at IS NULL
  AND e.business_date IS NULL AND t.service_date = %(day)s
ORDER BY 1;

-- name: count_taps
-- Taps of a day of service by status; they come after the day began.
SELECT t.status, count(*), coalesce(sum(t.num_riders), 0)::bigint,
       coalesce(sum(t.charged_tiyn), 0)::bigint
FROM tap t JOIN device d USING (device_no)
WHERE d.agency_id = %(agency_id)s AND t.service_date = %(day)s AND t.received_at >= %(since)s
GROUP BY t.status ORDER BY t.status;

-- name: list_late
-- Taps of earlier days of service that post on the day, and what carriers earn by them.
SELECT j.service_date, count(DISTINCT j.tap_no) FILTER (WHERE j.revision = 1),
       -coalesce(sum(e.amount) FILTER (WHERE a.code IN (2210, 2220, 2320)), 0)::bigint
FROM journal j
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no AND a.code IN (2210, 2220, 2320, 9110)
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s AND j.service_date < %(day)s
  AND j.tap_no IS NOT NULL
GROUP BY j.service_date ORDER BY j.service_date;

-- name: group_taps
-- The day's journals of taps that differ in nothing that a report shows: a few thousand groups.
SELECT j.service_date, j.kind, j.revision = 1, coalesce(t.route_id, ''), t.medium,
       coalesce(j.product_id, ''), coalesce(j.rider_category, ''), posting_form(j.accounts),
       j.amounts, count(*)
FROM journal j
LEFT JOIN tap t ON t.tap_no = j.tap_no
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s AND j.tap_no IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;

-- name: sum_others
-- What all other journals of the day moved, by kind and account; a card's account by its place.
SELECT j.kind, CASE WHEN e.account_no >= 0 THEN e.account_no & 7 ELSE e.account_no END,
       coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)::bigint,
       -coalesce(sum(e.amount) FILTER (WHERE e.amount < 0), 0)::bigint, count(*)
FROM journal j CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s AND j.tap_no IS NULL
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: count_kinds
-- The day's journals by kind.
SELECT kind, count(*) FROM journal
WHERE agency_id = %(agency_id)s AND business_date = %(day)s GROUP BY kind ORDER BY kind;

-- name: list_accounts
-- Accounts with a row of their own.
SELECT account_no, code, owner, balance FROM account WHERE agency_id = %(agency_id)s;

-- name: sum_cards
-- The four balances of all cards in the sign of the ledger, by place.
SELECT -coalesce(sum(purse_tiyn), 0)::bigint, coalesce(sum(debt_tiyn), 0)::bigint,
       -coalesce(sum(deposit_tiyn), 0)::bigint, -coalesce(sum(pending_tiyn), 0)::bigint
FROM card WHERE agency_id = %(agency_id)s;

-- name: find_anchor
-- The newest signed balances: those of the newest close.
SELECT t.last_journal_no, t.balances
FROM business_day b JOIN day_totals t USING (agency_id, business_date, revision)
WHERE b.agency_id = %(agency_id)s
ORDER BY t.totals_no DESC LIMIT 1;

-- name: group_moved
-- All journals after a number, grouped as `group_taps` does.
SELECT posting_form(accounts), amounts, count(*)
FROM journal WHERE agency_id = %(agency_id)s AND journal_no > %(after)s
GROUP BY 1, 2;

-- name: list_bank_balances
-- 1010 of each bank account against its newest statement.
SELECT b.bank_account_id, coalesce(a.balance, 0), s.closing_tiyn, s.to_date
FROM bank_account b
JOIN LATERAL (SELECT closing_tiyn, to_date FROM bank_statement
              WHERE bank_account_no = b.bank_account_no
              ORDER BY to_date DESC, statement_no DESC LIMIT 1) s ON true
LEFT JOIN account a ON a.agency_id = b.agency_id AND a.code = 1010 AND a.owner = b.bank_account_id
WHERE b.agency_id = %(agency_id)s
ORDER BY b.bank_account_id;

-- name: insert_totals
-- The totals that are to be signed.
INSERT INTO day_totals (agency_id, business_date, revision, body, digest, journals, last_journal_no,
                        balances, made_at)
VALUES (%(agency_id)s, %(day)s, %(revision)s, %(body)s, %(digest)s, %(journals)s,
        %(last_journal_no)s, %(balances)s, %(now)s);

-- name: find_totals
-- The newest of a revision.
SELECT body, digest, journals, last_journal_no, made_at FROM day_totals
WHERE agency_id = %(agency_id)s AND business_date = %(day)s AND revision = %(revision)s
ORDER BY totals_no DESC LIMIT 1;

-- name: find_digest
-- What is to be signed now, or was.
SELECT day_digest(%(agency_id)s, %(day)s, %(revision)s);

-- name: find_obstacle
-- Why it may not be closed now.
SELECT day_obstacle(%(agency_id)s, %(day)s, %(revision)s);

-- name: list_signatures
-- Of a revision, in the order in which they were made.
SELECT s.act, s.user_id, p.name, p.full_name, s.digest, s.signed_at
FROM day_signature s JOIN person p USING (user_id)
WHERE s.agency_id = %(agency_id)s AND s.business_date = %(day)s AND s.revision = %(revision)s
ORDER BY s.signature_no;

-- name: insert_signature
-- The database holds it against the person's role and what the stages came to.
INSERT INTO day_signature (agency_id, business_date, revision, act, user_id, digest, signed_at)
VALUES (%(agency_id)s, %(day)s, %(revision)s, %(act)s, %(user_id)s, %(digest)s, %(now)s);

-- name: has_role
-- Whether a person who has not left has a role in the agency or in all.
SELECT EXISTS (SELECT FROM person p JOIN person_role r USING (user_id)
               WHERE p.user_id = %(user_id)s AND p.ended_at IS NULL AND r.role = %(role)s
                   AND (r.agency_id IS NULL OR r.agency_id = %(agency_id)s));

-- name: close_day
-- The database holds it against the signatures, the stages and the ledger.
INSERT INTO business_day (agency_id, business_date, closed_at, closed_by, revision, digest)
VALUES (%(agency_id)s, %(day)s, clock_timestamp(), %(closed_by)s, 1, %(digest)s);

-- name: close_day_again
-- After a reopening, as the next revision; held as the first close is.
UPDATE business_day
SET revision = %(revision)s, digest = %(digest)s, closed_at = clock_timestamp(),
    closed_by = %(closed_by)s
WHERE agency_id = %(agency_id)s AND business_date = %(day)s;

-- name: insert_report
-- For ever.
INSERT INTO day_report (agency_id, business_date, revision, form, body, digest, made_at)
VALUES (%(agency_id)s, %(day)s, %(revision)s, %(form)s, %(body)s, %(digest)s, %(now)s);

-- name: find_report
-- The newest revision that was closed, or a named one.
SELECT r.revision, r.body, r.digest, r.made_at
FROM day_report r JOIN business_day b USING (agency_id, business_date)
WHERE r.agency_id = %(agency_id)s AND r.business_date = %(day)s AND r.form = %(form)s
  AND r.revision = coalesce(%(revision)s, r.revision) AND r.revision <= b.revision
ORDER BY r.revision DESC LIMIT 1;

-- name: list_reports
-- All that were made of a day when it was closed.
SELECT r.revision, r.form, octet_length(r.body), r.digest, r.made_at
FROM day_report r JOIN business_day b USING (agency_id, business_date)
WHERE r.agency_id = %(agency_id)s AND r.business_date = %(day)s AND r.revision <= b.revision
ORDER BY r.revision, r.form;

-- name: insert_reopening
-- By the database's clock, for so long.
INSERT INTO day_reopening (agency_id, business_date, revision, user_id, second_user_id, reason,
                           ends_at)
VALUES (%(agency_id)s, %(day)s, %(revision)s, %(user_id)s, %(second_user_id)s, %(reason)s,
        now() + %(lasts)s)
RETURNING reopening_no, reopened_at, ends_at;

-- name: list_reopenings
-- With the names of who did it and who agreed.
SELECT r.reopening_no, r.revision, r.user_id, p.name, r.second_user_id, s.name, r.reason,
       r.reopened_at, r.ends_at
FROM day_reopening r
JOIN person p ON p.user_id = r.user_id
LEFT JOIN person s ON s.user_id = r.second_user_id
WHERE r.agency_id = %(agency_id)s AND r.business_date = %(day)s
ORDER BY r.reopening_no;

-- name: list_posted_since
-- What was posted with the day's date after a revision of it was closed.
SELECT j.journal_no, j.kind, j.service_date, j.business_date, j.posted_at, j.tap_no, j.source_key,
       j.actor, j.rule, j.accounts, j.amounts
FROM journal j
JOIN day_totals t ON t.totals_no = (
    SELECT max(totals_no) FROM day_totals
    WHERE agency_id = %(agency_id)s AND business_date = %(day)s AND revision = %(revision)s)
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s
  AND j.journal_no > greatest(t.last_journal_no, %(after)s)
ORDER BY j.journal_no LIMIT %(limit)s;

-- name: find_account_numbers
-- Accounts of a code, of one owner or all.
SELECT account_no FROM account
WHERE agency_id = %(agency_id)s AND code = %(code)s AND owner = coalesce(%(owner)s, owner);

-- name: find_first_journal
-- Where the day's journals begin.
SELECT min(journal_no) FROM journal WHERE agency_id = %(agency_id)s AND business_date = %(day)s;

-- name: list_parts
-- Journals behind a total, in the order of their numbers. A filter that is null takes all.
SELECT j.journal_no, j.kind, j.service_date, j.business_date, j.posted_at, j.tap_no, j.source_key,
       j.actor, j.rule, j.accounts, j.amounts, t.route_id, t.medium, j.product_id, j.rider_category
FROM journal j
LEFT JOIN tap t ON t.tap_no = j.tap_no
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s AND j.journal_no > %(after)s
  AND (%(numbers)s::bigint[] IS NULL OR j.accounts && %(numbers)s::bigint[])
  AND (%(place)s::int IS NULL OR EXISTS (SELECT FROM unnest(j.accounts) AS a (one)
                                         WHERE one >= 0 AND one & 7 = %(place)s))
  AND (%(kind)s::text IS NULL OR j.kind = %(kind)s)
  AND (%(service_date)s::date IS NULL OR j.service_date = %(service_date)s)
  AND (%(late)s::boolean IS NULL OR (j.service_date < j.business_date) = %(late)s)
  AND (%(taps_only)s::boolean IS NULL OR (j.tap_no IS NOT NULL) = %(taps_only)s)
  AND (%(route)s::text IS NULL OR coalesce(t.route_id, '') = %(route)s)
  AND (%(channel)s::text IS NULL OR t.medium = %(channel)s)
  AND (%(product)s::text IS NULL OR coalesce(j.product_id, '') = %(product)s)
  AND (%(rider_category)s::text IS NULL OR coalesce(j.rider_category, '') = %(rider_category)s)
ORDER BY j.journal_no LIMIT %(limit)s;

-- name: begin_folding
-- One at a time. A statement of its own: the horizon is then what the one before has left.
SELECT pg_try_advisory_xact_lock(1935765859, 0);

-- name: read_horizon
-- Folded up to here, and the lowest transaction still running: all below it are over.
SELECT to_xid, pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset()
FROM day_count_horizon;

-- name: fold_counts
-- Journals of the transactions between two horizons, added to the counts by hour.
WITH forms AS MATERIALIZED (
    SELECT j.agency_id, j.business_date, j.service_date,
           date_trunc('hour', j.event_at AT TIME ZONE g.timezone) AS hour,
           posting_form(j.accounts) AS form, j.amounts, j.revision = 1 AS is_first, count(*) AS n
    FROM journal j JOIN agency g USING (agency_id)
    WHERE j.tap_no IS NOT NULL AND j.xid >= %(from_xid)s AND j.xid < %(to_xid)s
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
INSERT INTO day_count AS c (agency_id, business_date, service_date, hour, taps, riders, earned_tiyn,
                            paid_tiyn)
SELECT f.agency_id, f.business_date, f.service_date, f.hour,
       coalesce(sum(n) FILTER (WHERE e.line = 1 AND is_first), 0)::bigint,
       coalesce(sum(n * e.amount) FILTER (WHERE a.code = 9110), 0)::bigint,
       -coalesce(sum(n * e.amount) FILTER (WHERE a.code IN (2210, 2220, 2320)), 0)::bigint,
       coalesce(sum(n * e.amount) FILTER (WHERE e.account_no >= 0), 0)::bigint
FROM forms f
CROSS JOIN LATERAL unnest(f.form, f.amounts) WITH ORDINALITY AS e (account_no, amount, line)
LEFT JOIN account a ON a.account_no = e.account_no
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
ON CONFLICT (agency_id, business_date, service_date, hour) DO UPDATE
SET taps = c.taps + excluded.taps, riders = c.riders + excluded.riders,
    earned_tiyn = c.earned_tiyn + excluded.earned_tiyn,
    paid_tiyn = c.paid_tiyn + excluded.paid_tiyn;

-- name: set_horizon
UPDATE day_count_horizon SET to_xid = %(to_xid)s;

-- name: list_counts
-- The folded counts of a business day, and what came since the horizon.
WITH forms AS MATERIALIZED (
    SELECT j.service_date, date_trunc('hour', j.event_at AT TIME ZONE g.timezone) AS hour,
           posting_form(j.accounts) AS form, j.amounts, j.revision = 1 AS is_first, count(*) AS n
    FROM journal j JOIN agency g USING (agency_id)
    WHERE j.tap_no IS NOT NULL AND j.agency_id = %(agency_id)s AND j.business_date = %(day)s
      AND j.xid >= (SELECT to_xid FROM day_count_horizon)
    GROUP BY 1, 2, 3, 4, 5
), tail AS (
    SELECT f.service_date, f.hour,
           coalesce(sum(n) FILTER (WHERE e.line = 1 AND is_first), 0)::bigint AS taps,
           coalesce(sum(n * e.amount) FILTER (WHERE a.code = 9110), 0)::bigint AS riders,
           -coalesce(sum(n * e.amount) FILTER (WHERE a.code IN (2210, 2220, 2320)), 0)::bigint
               AS earned_tiyn,
           coalesce(sum(n * e.amount) FILTER (WHERE e.account_no >= 0), 0)::bigint AS paid_tiyn
    FROM forms f
    CROSS JOIN LATERAL unnest(f.form, f.amounts) WITH ORDINALITY AS e (account_no, amount, line)
    LEFT JOIN account a ON a.account_no = e.account_no
    GROUP BY 1, 2
)
SELECT service_date, hour, sum(taps)::bigint, sum(riders)::bigint, sum(earned_tiyn)::bigint,
       sum(paid_tiyn)::bigint
FROM (SELECT service_date, hour, taps, riders, earned_tiyn, paid_tiyn FROM day_count
      WHERE agency_id = %(agency_id)s AND business_date = %(day)s
      UNION ALL SELECT service_date, hour, taps, riders, earned_tiyn, paid_tiyn FROM tail) AS all_
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: sum_dates
-- Rides by day of service and business day, as far as they are folded.
SELECT service_date, business_date, sum(taps)::bigint, sum(riders)::bigint,
       sum(earned_tiyn)::bigint, sum(paid_tiyn)::bigint
FROM day_count
WHERE agency_id = %(agency_id)s AND (service_date BETWEEN %(first)s AND %(last)s
                                     OR business_date BETWEEN %(first)s AND %(last)s)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: count_open_exceptions
-- By kind.
SELECT kind, count(*), coalesce(sum(value_tiyn), 0)::bigint, count(accepted_at), min(opened_at)
FROM ticketing_exception WHERE agency_id = %(agency_id)s AND closed_at IS NULL
GROUP BY kind ORDER BY kind;

-- name: count_open_gaps
-- Open gaps and the taps that miss in them.
SELECT count(*), coalesce(sum(g.to_seq - g.from_seq + 1), 0)::bigint
FROM tap_gap g JOIN device d USING (device_no) WHERE d.agency_id = %(agency_id)s;

-- name: list_suspense
-- Balances that age to zero, in the sign of the ledger.
SELECT code, owner, balance FROM account
WHERE agency_id = %(agency_id)s AND code = ANY(%(codes)s::smallint[]) AND balance <> 0
ORDER BY code, owner;

-- name: age_unmatched
-- Bank lines that nothing is matched to, by age in days: how many, and what they come to.
SELECT CASE WHEN age <= 1 THEN 0 WHEN age <= 7 THEN 2 WHEN age <= 30 THEN 8 ELSE 31 END,
       count(*), sum(abs(amount_tiyn))::bigint
FROM (SELECT %(today)s::date - l.booked_on AS age, l.amount_tiyn FROM bank_line l
      WHERE l.agency_id = %(agency_id)s AND NOT EXISTS (
          SELECT FROM bank_match_line m WHERE m.line_no = l.line_no AND m.active)) AS unmatched
GROUP BY 1 ORDER BY 1;

-- name: list_stale
-- Stages whose newest run is older than a journal with the day's date.
SELECT s.stage
FROM (SELECT DISTINCT ON (stage) stage, last_journal_no FROM day_stage
      WHERE agency_id = %(agency_id)s AND business_date = %(day)s AND revision = %(revision)s
      ORDER BY stage, run_no DESC) s
WHERE EXISTS (SELECT FROM journal j WHERE j.journal_no > s.last_journal_no
                  AND j.business_date = %(day)s AND j.agency_id = %(agency_id)s);

-- name: count_shifts
-- Shift reports that count, of shifts that began on a day.
SELECT count(*), count(DISTINCT device_no) FROM shift_report
WHERE agency_id = %(agency_id)s AND service_date = %(day)s AND counts;

-- name: list_takers
-- What stands with those who take money, moved on the day by all but rides.
SELECT a.code, a.owner, count(*), coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)::bigint,
       -coalesce(sum(e.amount) FILTER (WHERE e.amount < 0), 0)::bigint
FROM journal j
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no AND a.code IN (1020, 1110, 2410, 2420)
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s AND j.source_key IS NOT NULL
GROUP BY a.code, a.owner ORDER BY a.code, a.owner;

-- name: list_bank_days
-- Each bank account that was opened by then: whether its statements cover the day, the day's lines,
-- and those that nothing is matched to.
SELECT b.bank_account_id, coalesce(b.closing_on >= %(day)s, false), count(l.line_no),
       coalesce(sum(l.amount_tiyn), 0)::bigint, count(l.line_no) FILTER (WHERE m.line_no IS NULL),
       coalesce(sum(abs(l.amount_tiyn)) FILTER (WHERE m.line_no IS NULL), 0)::bigint
FROM bank_account b
LEFT JOIN bank_line l ON l.bank_account_no = b.bank_account_no AND l.booked_on = %(day)s
LEFT JOIN bank_match_line m ON m.line_no = l.line_no AND m.active
WHERE b.agency_id = %(agency_id)s AND coalesce(b.opening_on <= %(day)s, true)
GROUP BY b.bank_account_no ORDER BY b.bank_account_id;

-- name: name_accounts
-- Code and owner of accounts.
SELECT account_no, code, owner FROM account
WHERE agency_id = %(agency_id)s AND account_no = ANY(%(numbers)s::bigint[]);

-- name: sum_day_exceptions
-- What the open exceptions of a day, or of its taps, are worth that nobody accepted.
SELECT coalesce(sum(e.value_tiyn), 0)::bigint
FROM ticketing_exception e LEFT JOIN tap t ON t.tap_no = e.tap_no
WHERE e.agency_id = %(agency_id)s AND e.closed_at IS NULL AND e.accepted_at IS NULL
  AND coalesce(e.business_date, t.service_date) = %(day)s;

-- name: count_posted_since
-- How much was posted with the day's date after a revision was closed.
SELECT count(*), min(j.journal_no), max(j.journal_no)
FROM journal j
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s
  AND j.journal_no > (SELECT last_journal_no FROM day_totals
                      WHERE agency_id = %(agency_id)s AND business_date = %(day)s
                          AND revision = %(revision)s ORDER BY totals_no DESC LIMIT 1);

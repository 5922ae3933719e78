-- Claims on budgets: what 1220 holds by journals of closed days, once.

-- name: lock_claims
SELECT pg_advisory_xact_lock(hashtextextended('claim ' || %(agency_id)s::text, 4));

-- name: list_open_days
-- Days of a period that are not closed, or were reopened and not closed again since.
SELECT day::date FROM generate_series(%(from_date)s::date, %(to_date)s::date, interval '1 day') day
WHERE NOT EXISTS (SELECT FROM business_day b
                  WHERE b.agency_id = %(agency_id)s AND b.business_date = day
                    AND NOT EXISTS (SELECT FROM day_reopening r
                                    WHERE (r.agency_id, r.business_date, r.revision)
                                        = (b.agency_id, b.business_date, b.revision)))
ORDER BY 1;

-- name: list_closed_stamps
-- When each day of a period was closed.
SELECT business_date, closed_at FROM business_day
WHERE agency_id = %(agency_id)s AND business_date BETWEEN %(from_date)s AND %(to_date)s
ORDER BY business_date;

-- name: list_funders
SELECT owner FROM account WHERE agency_id = %(agency_id)s AND code = 1220
ORDER BY owner COLLATE "C";

-- name: list_ranges
-- Days of a period with up to where they are claimed, and where they end.
SELECT j.business_date, coalesce(max(m.through_journal_no), 0), max(j.last)
FROM (SELECT business_date, max(journal_no) AS last FROM journal
      WHERE agency_id = %(agency_id)s AND business_date BETWEEN %(from_date)s AND %(to_date)s
      GROUP BY 1) j
LEFT JOIN (SELECT d.business_date, d.through_journal_no
           FROM budget_claim_day d JOIN budget_claim c USING (claim_no)
           WHERE c.agency_id = %(agency_id)s AND c.funder = %(funder)s) m
    ON m.business_date = j.business_date
GROUP BY 1
ORDER BY 1;

-- name: sum_rides
-- Rides of one category, fare and difference make a line.
SELECT block, category, product_id, difference, sum(rides)::bigint, sum(amount_tiyn)::bigint
FROM (SELECT block, category, product_id, CASE WHEN rides <> 0 THEN amount_tiyn / rides END
                 AS difference, rides, amount_tiyn
      FROM budget_rides(%(agency_id)s, %(funder)s, %(days)s, %(after)s, %(upto)s)
      WHERE amount_tiyn <> 0) one
GROUP BY 1, 2, 3, 4
HAVING sum(amount_tiyn) <> 0 OR sum(rides) <> 0
ORDER BY array_position(ARRAY['concession', 'late', 'refunds', 'production'], block),
         category COLLATE "C", product_id COLLATE "C", difference;

-- name: sum_budget
-- All entries of the budget's account by the same journals, for the check.
SELECT coalesce(sum(e.amount), 0)::bigint
FROM unnest(%(days)s::date[], %(after)s::bigint[], %(upto)s::bigint[]) AS d (day, after, upto)
JOIN journal j ON j.agency_id = %(agency_id)s AND j.business_date = d.day
    AND j.journal_no > d.after AND j.journal_no <= d.upto
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no AND a.agency_id = %(agency_id)s AND a.code = 1220
    AND a.owner = %(funder)s
WHERE j.tap_no IS NOT NULL OR j.kind = 'production'
   OR EXISTS (SELECT FROM tap_refund r WHERE r.journal_no = j.journal_no);

-- name: find_next
-- The part that comes next of a period's claims, and the next number.
SELECT coalesce((SELECT max(part) FROM budget_claim
                 WHERE agency_id = %(agency_id)s AND funder = %(funder)s
                   AND from_date = %(from_date)s AND to_date = %(to_date)s), 0) + 1,
       coalesce((SELECT max(number_in_agency) FROM budget_claim
                 WHERE agency_id = %(agency_id)s), 0) + 1;

-- name: insert_claim
-- With the item that a bank line will pay.
INSERT INTO budget_claim (agency_id, funder, from_date, to_date, part, number_in_agency, amount_tiyn,
                          digest, item_no, made_at, made_by)
VALUES (%(agency_id)s, %(funder)s, %(from_date)s, %(to_date)s, %(part)s, %(number)s,
        %(amount_tiyn)s, %(digest)s, %(item_no)s, %(now)s, %(actor)s)
RETURNING claim_no;

-- name: insert_claim_line
-- The database holds that rides times difference are the amount.
INSERT INTO budget_claim_line (claim_no, position, block, category, product_id, difference_tiyn,
                               rides, amount_tiyn)
VALUES (%(claim_no)s, %(position)s, %(block)s, %(category)s, %(product_id)s, %(difference_tiyn)s,
        %(rides)s, %(amount_tiyn)s);

-- name: insert_claim_days
INSERT INTO budget_claim_day (claim_no, business_date, from_journal_no, through_journal_no)
SELECT %(claim_no)s, day, after, upto
FROM unnest(%(days)s::date[], %(after)s::bigint[], %(upto)s::bigint[]) AS d (day, after, upto);

-- name: list_claims
-- Newest first; what is left of the item: the whole until it is matched, then its open remainders;
-- less what was paid beyond it, which stays on the budget's account.
WITH RECURSIVE claim AS (
    SELECT * FROM budget_claim
    WHERE agency_id = %(agency_id)s AND (%(funder)s::text IS NULL OR funder = %(funder)s)
      AND (%(claim_no)s::bigint IS NULL OR claim_no = %(claim_no)s)
), tree AS (
    SELECT c.claim_no, i.item_no, i.amount_tiyn, i.cancelled_at
    FROM claim c JOIN finance_item i USING (item_no)
    UNION ALL
    SELECT t.claim_no, i.item_no, i.amount_tiyn, i.cancelled_at
    FROM tree t JOIN finance_item i ON i.parent_item_no = t.item_no
), open AS (
    SELECT claim_no, sum(amount_tiyn)::bigint AS amount_tiyn FROM tree t
    WHERE cancelled_at IS NULL
      AND NOT EXISTS (SELECT FROM bank_match_item m WHERE m.item_no = t.item_no AND m.active)
    GROUP BY 1
), over AS (
    SELECT t.claim_no, sum(m.residual_tiyn)::bigint AS amount_tiyn
    FROM tree t
    JOIN bank_match_item i ON i.item_no = t.item_no AND i.active
    JOIN (SELECT match_no, residual_tiyn, residual_code FROM bank_match
          WHERE residual_code IS NOT NULL
          UNION ALL SELECT match_no, amount_tiyn, code FROM bank_match_residual) m USING (match_no)
    WHERE m.residual_tiyn > 0 AND m.residual_code = 1220
      AND i.item_no = (SELECT min(x.item_no) FROM bank_match_item x WHERE x.match_no = m.match_no)
    GROUP BY 1
)
SELECT c.claim_no, c.funder, c.from_date, c.to_date, c.part,
       'CL-' || extract(year FROM c.to_date) || '-' || lpad(c.number_in_agency::text, 4, '0'),
       c.amount_tiyn, coalesce(o.amount_tiyn, 0) - coalesce(v.amount_tiyn, 0),
       EXISTS (SELECT FROM bank_match_item m WHERE m.item_no = c.item_no AND m.active),
       encode(c.digest, 'hex'), c.item_no, c.made_at, c.made_by
FROM claim c LEFT JOIN open o USING (claim_no) LEFT JOIN over v USING (claim_no)
ORDER BY c.to_date DESC, c.claim_no DESC
LIMIT %(most)s;

-- name: list_claim_lines
SELECT position, block, category, product_id, difference_tiyn, rides, amount_tiyn
FROM budget_claim_line WHERE claim_no = %(claim_no)s ORDER BY position;

-- name: list_claim_parts
-- The rides of a line, by the newest of their journals.
WITH days AS (
    SELECT array_agg(business_date) AS days, array_agg(from_journal_no) AS after,
           array_agg(through_journal_no) AS upto
    FROM budget_claim_day WHERE claim_no = %(claim_no)s
)
SELECT r.journal_no, r.tap_no, j.kind, k.card_ref, d.device_id, t.seq, t.route_id, t.event_at,
       r.rides, r.amount_tiyn
FROM budget_claim c
JOIN budget_claim_line l USING (claim_no)
CROSS JOIN days
CROSS JOIN LATERAL budget_rides(c.agency_id, c.funder, days.days, days.after, days.upto) r
JOIN journal j ON j.journal_no = r.journal_no
LEFT JOIN tap t ON t.tap_no = r.tap_no
LEFT JOIN device d ON d.device_no = t.device_no
LEFT JOIN card k ON k.card_no = t.card_no
WHERE c.agency_id = %(agency_id)s AND c.claim_no = %(claim_no)s AND l.position = %(position)s
  AND r.block = l.block AND r.category = l.category AND r.product_id = l.product_id
  AND r.amount_tiyn <> 0
  AND CASE WHEN r.rides <> 0 THEN r.amount_tiyn / r.rides END
      IS NOT DISTINCT FROM l.difference_tiyn
  AND r.journal_no > %(after)s
ORDER BY r.journal_no
LIMIT %(most)s;

-- Accounts, cards' balances, journals, operations and the chain. Locks are taken in this order:
-- an operation's key, sequences of devices, the closing of days, cards by number, exceptions by
-- number, accounts by number. Whoever posts taps, proves them, rules on them or resolves an exception
-- leaves out what it does not need and never goes back.

-- name: find_accounts
-- Numbers of the accounts that exist.
SELECT a.agency_id, a.code, a.owner, a.account_no
FROM account a
JOIN unnest(%(agency_id)s::text[], %(code)s::smallint[], %(owner)s::text[])
     AS asked (agency_id, code, owner) USING (agency_id, code, owner);

-- name: create_accounts
-- In the order of their keys, so that two who make the same ones wait for each other in one
-- direction; the number's range tells the asset.
INSERT INTO account (account_no, agency_id, code, owner)
SELECT CASE WHEN code = ANY(%(boardings)s::smallint[]) THEN nextval('boarding_account_number')
            ELSE nextval('account_number') END,
       agency_id, code, owner
FROM (SELECT * FROM unnest(%(agency_id)s::text[], %(code)s::smallint[], %(owner)s::text[])
          AS asked (agency_id, code, owner)
      WHERE NOT EXISTS (SELECT FROM account a WHERE (a.agency_id, a.code, a.owner)
                            = (asked.agency_id, asked.code, asked.owner))
      ORDER BY agency_id, code, owner) missing
ON CONFLICT (agency_id, code, owner) DO NOTHING;

-- name: hold_days_open
-- Shared with all who post; whoever closes a day waits for them.
SELECT pg_advisory_xact_lock_shared(1935765857, hashtext(agency_id))
FROM unnest(%(agencies)s::text[]) AS posting (agency_id);

-- name: lock_closing
SELECT pg_advisory_xact_lock(1935765857, hashtext(%(agency_id)s));

-- name: list_closed_days
-- From a date on; with each, whether it may be posted to while it is reopened.
SELECT agency_id, business_date, day_is_reopened(agency_id, business_date) FROM business_day
WHERE agency_id = ANY(%(agencies)s) AND business_date >= %(since)s;

-- name: lock_cards
-- By number, and kept until the commit; whoever reads references to them does not wait.
SELECT card_no, agency_id, card_ref, status, category,
       (extract(epoch FROM category_from) * 1000)::bigint, has_pass, has_pending, has_block,
       purse_tiyn, debt_tiyn, deposit_tiyn, pending_tiyn
FROM card
WHERE card_no = ANY(%(cards)s::bigint[])
ORDER BY card_no
FOR NO KEY UPDATE;

-- name: lock_free_cards
-- The same, but for those that another transaction holds.
SELECT card_no, agency_id, card_ref, status, category,
       (extract(epoch FROM category_from) * 1000)::bigint, has_pass, has_pending, has_block,
       purse_tiyn, debt_tiyn, deposit_tiyn, pending_tiyn
FROM card
WHERE card_no = ANY(%(cards)s::bigint[])
ORDER BY card_no
FOR NO KEY UPDATE SKIP LOCKED;

-- name: draw_journal_numbers
SELECT array_agg(nextval('journal_number')) FROM generate_series(1, %(count)s);

-- name: copy_journals
-- Rows as rows.py writes them; `posted_at` and `xid` are the database's own.
COPY journal (journal_no, tap_no, revision, card_no, reverses, service_date, business_date,
              event_at, event_at_raw, received_at, agency_id, kind, product_id, rider_category,
              tariff_version, rule, actor, source_key, content_hash, accounts, amounts)
FROM STDIN (FORMAT binary);

-- name: update_cards
-- Purses and debts of cards that are locked; each once. The arrays come as text.
UPDATE card c SET purse_tiyn = c.purse_tiyn + d.purse, debt_tiyn = c.debt_tiyn + d.debt
FROM unnest(%(card_no)s::bigint[], %(purse)s::bigint[], %(debt)s::bigint[])
     AS d (card_no, purse, debt)
WHERE c.card_no = d.card_no;

-- name: update_savings
-- Deposits and pending top-ups, in the same way.
UPDATE card c
SET deposit_tiyn = c.deposit_tiyn + d.deposit, pending_tiyn = c.pending_tiyn + d.pending
FROM unnest(%(card_no)s::bigint[], %(deposit)s::bigint[], %(pending)s::bigint[])
     AS d (card_no, deposit, pending)
WHERE c.card_no = d.card_no;

-- name: lock_accounts
-- All of a batch in one sorted pass, so that two batches never wait for each other in a circle.
SELECT account_no FROM account
WHERE account_no = ANY(%(account_no)s::bigint[])
ORDER BY account_no
FOR NO KEY UPDATE;

-- name: update_accounts
-- By the batch's sum for each; they are locked.
UPDATE account a SET balance = a.balance + d.amount
FROM unnest(%(account_no)s::bigint[], %(amount)s::bigint[]) AS d (account_no, amount)
WHERE a.account_no = d.account_no;

-- name: lock_key
-- Two calls with one key come one after the other. Its number is 64 bits of the key's hash, apart
-- from the two-number locks above.
SELECT pg_advisory_xact_lock(hashtextextended(%(agency_id)s || ' ' || %(source_key)s, 4));

-- name: find_operation
-- What became of a key: its journal, or why it was refused.
SELECT journal_no, content_hash, NULL, NULL FROM journal
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s
UNION ALL
SELECT NULL, content_hash, code, message FROM refused_operation
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s;

-- name: insert_refused_operation
INSERT INTO refused_operation (agency_id, source_key, kind, content_hash, code, message)
VALUES (%(agency_id)s, %(source_key)s, %(kind)s, %(content_hash)s, %(code)s, %(message)s);

-- name: insert_key_conflict
-- Reported once, however often it is tried.
INSERT INTO key_conflict (agency_id, source_key, content_hash)
VALUES (%(agency_id)s, %(source_key)s, %(content_hash)s)
ON CONFLICT DO NOTHING;

-- name: lock_reversal
SELECT pg_advisory_xact_lock(hashtextextended('reversal ' || %(journal_no)s::bigint, 4));

-- name: find_journal
-- With the number of the journal that reversed it.
SELECT j.kind, j.card_no, j.product_id, j.accounts, j.amounts, j.reverses, r.journal_no
FROM journal j LEFT JOIN journal r ON r.reverses = j.journal_no
WHERE j.journal_no = %(journal_no)s AND j.agency_id = %(agency_id)s;

-- name: may_take_role
SELECT pg_has_role(rolname, 'MEMBER') FROM pg_roles WHERE rolname = %(role)s;

-- name: begin_hashing
-- One hasher at a time; the horizon is the lowest transaction still running, in this database or
-- another, and all below it are over.
SELECT pg_try_advisory_xact_lock(1935765858, 0),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint + xid_offset();

-- name: find_last_block
SELECT block_no, from_xid, to_xid, journals, previous_hash, hash FROM chain_block
ORDER BY block_no DESC LIMIT 1;

-- name: list_blocks
SELECT block_no, from_xid, to_xid, journals, previous_hash, hash FROM chain_block
ORDER BY block_no;

-- name: count_block
SELECT count(*) FROM journal WHERE xid >= %(from_xid)s AND xid < %(to_xid)s;

-- name: copy_block
-- Every column of a journal, in this order for ever: it is what the chain's hashes are of.
COPY (SELECT journal_no, agency_id, kind, source_key, content_hash, tap_no, revision, card_no,
             service_date, business_date, event_at, event_at_raw, received_at, posted_at,
             product_id, rider_category, tariff_version, rule, reverses, actor, accounts, amounts,
             xid
      FROM journal
      WHERE xid >= %(from_xid)s AND xid < %(to_xid)s
      ORDER BY journal_no)
TO STDOUT (FORMAT binary, ENCODING 'UTF8');

-- name: insert_block
INSERT INTO chain_block (block_no, from_xid, to_xid, journals, previous_hash, hash)
VALUES (%(block_no)s, %(from_xid)s, %(to_xid)s, %(journals)s, %(previous_hash)s, %(hash)s);

-- name: publish_heads
-- For each ended day from the first block's on: the last block that was hashed by its end.
INSERT INTO chain_head (head_date, block_no, hash, journals)
SELECT day::date, b.block_no, b.hash,
       (SELECT sum(journals) FROM chain_block c WHERE c.block_no <= b.block_no)
FROM generate_series(
         coalesce((SELECT max(head_date) + 1 FROM chain_head),
                  (SELECT (min(hashed_at) AT TIME ZONE 'UTC')::date FROM chain_block))::timestamp,
         coalesce(%(today)s::date, (now() AT TIME ZONE 'UTC')::date) - 1, interval '1 day') AS day
CROSS JOIN LATERAL (
    SELECT block_no, hash FROM chain_block
    WHERE hashed_at < (day + interval '1 day') AT TIME ZONE 'UTC'
    ORDER BY block_no DESC LIMIT 1
) b
ON CONFLICT (head_date) DO NOTHING
RETURNING head_date, block_no, hash, journals;

-- name: list_heads
SELECT head_date, block_no, hash, journals FROM chain_head ORDER BY head_date;

-- name: lock_journal
-- Nobody posts meanwhile.
LOCK TABLE journal IN SHARE ROW EXCLUSIVE MODE;

-- name: find_highest_xid
-- The highest number that anything has, and one more.
SELECT greatest((SELECT max(xid) FROM journal), (SELECT max(to_xid) FROM chain_block),
                xid_offset()) + 1;

-- name: set_xid_offset
CREATE OR REPLACE FUNCTION xid_offset() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN OFFSET_NUMBER::bigint;

-- name: count_unhashed
-- Posted since the last block.
SELECT count(*) FROM journal WHERE xid >= %(to_xid)s;

-- name: see_one_moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: check_assets
-- Each check gives how many cases there are, and one of them.
SELECT count(*), min(concat_ws(' ', asset, total))
FROM (SELECT asset, sum(amount) AS total FROM entry GROUP BY asset) sums
WHERE total <> 0;

-- name: check_journals
SELECT count(*), min(concat('journal ', journal_no)) FROM journal
WHERE journal_balances(accounts, amounts) IS NOT TRUE;

-- name: check_accounts
-- Accounts without entries have nothing; entries without an account are a case, too.
SELECT count(*), min(concat('account ', coalesce(a.account_no, e.account_no)))
FROM account a
FULL JOIN (SELECT account_no, sum(amount) AS total FROM entry WHERE account_no < 0
           GROUP BY account_no) e USING (account_no)
WHERE a.account_no IS NULL OR a.balance <> coalesce(e.total, 0);

-- name: check_cards
-- The four sums of each card against the entries on its four accounts.
WITH moved AS (
    SELECT account_no >> 3 AS card_no,
           sum(amount) FILTER (WHERE account_no & 7 = 0) AS purse,
           sum(amount) FILTER (WHERE account_no & 7 = 1) AS debt,
           sum(amount) FILTER (WHERE account_no & 7 = 2) AS deposit,
           sum(amount) FILTER (WHERE account_no & 7 = 3) AS pending,
           bool_or(account_no & 7 > 3) AS has_other
    FROM entry WHERE account_no >= 0 GROUP BY 1
)
SELECT count(*), min(concat('card ', card_no))
FROM card c FULL JOIN moved m USING (card_no)
WHERE c.card_ref IS NULL OR m.has_other
   OR (c.purse_tiyn, c.debt_tiyn, c.deposit_tiyn, c.pending_tiyn)
      IS DISTINCT FROM (-coalesce(m.purse, 0), coalesce(m.debt, 0), -coalesce(m.deposit, 0),
                        -coalesce(m.pending, 0));

-- name: check_purses
SELECT count(*), min(concat('card ', card_no)) FROM card
WHERE purse_tiyn < 0 OR debt_tiyn < 0 OR deposit_tiyn < 0 OR pending_tiyn < 0
   OR (purse_tiyn > 0 AND debt_tiyn > 0);

-- name: check_tap_postings
-- What the card, or the suspense of an unknown card, paid for a tap is its charge; and the revision
-- on the tap is that of its last journal.
WITH posted AS (
    SELECT j.tap_no, max(j.revision) AS revision,
           sum(e.amount) FILTER (WHERE e.account_no >= 0 OR a.code = 2920) AS charged
    FROM journal j
    CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
    LEFT JOIN account a ON a.account_no = e.account_no
    WHERE j.tap_no IS NOT NULL
    GROUP BY j.tap_no
)
SELECT count(*), min(concat('tap ', coalesce(t.tap_no, p.tap_no)))
FROM tap t FULL JOIN posted p USING (tap_no)
WHERE t.status IS NULL OR t.revision <> coalesce(p.revision, 0)
   OR coalesce(p.charged, 0) <> CASE WHEN t.status = 'posted' THEN t.charged_tiyn ELSE 0 END;

-- name: check_boardings
-- Of the journals of taps, which no refund takes back.
SELECT (taps.riders <> posted.boardings)::int, concat_ws(' ', taps.riders, posted.boardings)
FROM (SELECT coalesce(sum(num_riders), 0) AS riders FROM tap WHERE status = 'posted') taps,
     (SELECT coalesce(sum(e.amount), 0) AS boardings
      FROM journal j
      CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
      JOIN account a ON a.account_no = e.account_no AND a.code = 9110
      WHERE j.tap_no IS NOT NULL) posted;

-- name: export_taps
-- Identity, judgement, and what each account got in all, by its code and owner; a card's by its ref.
COPY (
    WITH net AS (
        SELECT j.tap_no, e.account_no, sum(e.amount) AS amount
        FROM journal j CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
        WHERE j.tap_no IS NOT NULL
        GROUP BY 1, 2
        HAVING sum(e.amount) <> 0
    ), named AS (
        SELECT n.tap_no, n.amount,
               coalesce(a.code, (ARRAY[2110, 1210, 2120, 2130])[(n.account_no & 7) + 1]) AS code,
               coalesce(a.owner, c.card_ref) AS owner
        FROM net n
        LEFT JOIN account a ON a.account_no = n.account_no
        LEFT JOIN card c ON n.account_no >= 0 AND c.card_no = n.account_no >> 3
    ), lines AS (
        SELECT tap_no, string_agg(concat(code, ' ', to_json(owner), ' ', amount), '; '
                                  ORDER BY code, owner COLLATE "C") AS entries
        FROM named GROUP BY tap_no
    )
    SELECT 'tap', d.agency_id, d.device_id, t.epoch, t.seq, encode(t.digest, 'hex'), c.card_ref,
           t.status, coalesce(t.code, ''), coalesce(l.entries, '')
    FROM tap t
    JOIN device d ON d.device_no = t.device_no
    JOIN card c ON c.card_no = t.card_no
    LEFT JOIN lines l ON l.tap_no = t.tap_no
    ORDER BY d.agency_id COLLATE "C", d.device_id COLLATE "C", t.epoch, t.seq, t.digest
) TO STDOUT (ENCODING 'UTF8');

-- name: export_others
-- All that is no tap's, summed per card, kind and account.
COPY (
    WITH moved AS (
        SELECT j.agency_id, coalesce(o.card_ref, '') AS card_ref, j.kind,
               coalesce(a.code, (ARRAY[2110, 1210, 2120, 2130])[(e.account_no & 7) + 1]) AS code,
               coalesce(a.owner, c.card_ref) AS owner, e.amount
        FROM journal j
        CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
        LEFT JOIN card o ON o.card_no = j.card_no
        LEFT JOIN account a ON a.account_no = e.account_no
        LEFT JOIN card c ON e.account_no >= 0 AND c.card_no = e.account_no >> 3
        WHERE j.tap_no IS NULL
    )
    SELECT 'other', agency_id, card_ref, kind, code, owner, sum(amount)
    FROM moved
    GROUP BY agency_id, card_ref, kind, code, owner
    HAVING sum(amount) <> 0
    ORDER BY agency_id COLLATE "C", card_ref COLLATE "C", kind COLLATE "C", code, owner COLLATE "C"
) TO STDOUT (ENCODING 'UTF8');

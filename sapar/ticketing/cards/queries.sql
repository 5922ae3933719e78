-- Cards: operations and their log, statements, the deny list, moving in. Locks are taken in this
-- order: an operation's key, the closing of days, cards by number, accounts by number.

-- name: lock_key
-- Two calls with one key come one after the other; the ledger's operations use the same number.
SELECT pg_advisory_xact_lock(hashtextextended(%(agency_id)s || ' ' || %(source_key)s, 4));

-- name: find_done
-- What became of a key: the receipt, or why it was refused; a journal alone is of another kind.
SELECT content_hash, receipt, NULL, NULL FROM card_operation
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s
UNION ALL
SELECT content_hash, NULL, code, message FROM refused_operation
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s
UNION ALL
SELECT content_hash, NULL, NULL, NULL FROM journal
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s
ORDER BY 2 NULLS LAST LIMIT 1;

-- name: keep_done
-- The log of what went through, and the receipt for whoever asks again.
INSERT INTO card_operation (agency_id, source_key, kind, content_hash, card_no, actor, event_at,
                            request, receipt, done_at)
VALUES (%(agency_id)s, %(source_key)s, %(kind)s, %(content_hash)s, %(card_no)s, %(actor)s,
        %(event_at)s, %(request)s, %(receipt)s, %(done_at)s);

-- name: keep_refused
INSERT INTO refused_operation (agency_id, source_key, kind, content_hash, code, message)
VALUES (%(agency_id)s, %(source_key)s, %(kind)s, %(content_hash)s, %(code)s, %(message)s);

-- name: keep_conflict
-- Reported once, however often it is tried.
INSERT INTO key_conflict (agency_id, source_key, content_hash)
VALUES (%(agency_id)s, %(source_key)s, %(content_hash)s)
ON CONFLICT DO NOTHING;

-- name: zone_of_agency
SELECT timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: numbers_of_cards
SELECT card_no FROM card
WHERE agency_id = %(agency_id)s AND card_ref = ANY(%(card_refs)s::text[]);

-- name: add_card
INSERT INTO card (agency_id, card_ref, status, category, category_from)
VALUES (%(agency_id)s, %(card_ref)s, 'active', %(category)s, %(category_from)s)
ON CONFLICT (agency_id, card_ref) DO NOTHING;

-- name: register_card
-- A card that was tapped before anybody issued it.
UPDATE card
SET status = CASE WHEN EXISTS (SELECT FROM card_block b
                               WHERE b.card_no = card.card_no AND b.unblocked_at IS NULL)
                  THEN 'blocked' ELSE 'active' END,
    category = %(category)s, category_from = %(category_from)s
WHERE card_no = %(card_no)s AND status = 'unknown';

-- name: set_status
UPDATE card SET status = %(status)s WHERE card_no = %(card_no)s;

-- name: add_pending
INSERT INTO pending_top_up (journal_no, card_no, amount_tiyn, paid_at, expires_at)
VALUES (%(journal_no)s, %(card_no)s, %(amount_tiyn)s, %(paid_at)s, %(expires_at)s);

-- name: mark_pending
UPDATE card SET has_pending = true WHERE card_no = %(card_no)s AND NOT has_pending;

-- name: pending_of_cards
-- Pending top-ups of these cards that a ride may activate, with the earliest ride that does: one
-- that counts, within the time.
SELECT p.journal_no, p.card_no, c.agency_id, p.amount_tiyn,
       (extract(epoch FROM p.activated_at) * 1000)::bigint,
       (extract(epoch FROM first.event_at) * 1000)::bigint, first.service_date
FROM pending_top_up p
JOIN card c USING (card_no)
LEFT JOIN LATERAL (
    SELECT t.event_at, t.service_date FROM tap t
    WHERE t.card_no = p.card_no AND t.status = 'posted'
      AND t.event_at BETWEEN p.paid_at AND p.expires_at
    ORDER BY t.event_at LIMIT 1
) first ON true
WHERE p.card_no = ANY(%(card_no)s::bigint[]) AND p.moved_by IS NULL
ORDER BY p.card_no, p.journal_no;

-- name: set_activated
-- When the ride was that activates each; null: there is none any more.
UPDATE pending_top_up p
SET activated_at = to_timestamp(n.at_ms / 1000.0)
FROM unnest(%(journal_no)s::bigint[], %(at_ms)s::bigint[]) AS n (journal_no, at_ms)
WHERE p.journal_no = n.journal_no;

-- name: take_pending
-- What was not activated goes with the card's money, for good.
UPDATE pending_top_up SET moved_by = %(journal_no)s
WHERE card_no = %(card_no)s AND activated_at IS NULL AND moved_by IS NULL;

-- name: settle_pending
-- What was activated stays activated: the money has left the card.
UPDATE pending_top_up SET moved_by = journal_no
WHERE card_no = %(card_no)s AND moved_by IS NULL;

-- name: draw_journal_number
SELECT nextval('journal_number');

-- name: add_pass
INSERT INTO card_pass (card_no, journal_no, product_id, valid)
VALUES (%(card_no)s, %(journal_no)s, %(product_id)s, tstzrange(%(valid_from)s, %(valid_to)s));

-- name: mark_pass
UPDATE card SET has_pass = true WHERE card_no = %(card_no)s AND NOT has_pass;

-- name: passes_of_sale
-- A pass on these cards; one that went with a replacement is on two of them.
SELECT card_no, product_id, (extract(epoch FROM lower(valid)) * 1000)::bigint
FROM card_pass WHERE card_no = ANY(%(card_nos)s::bigint[]) AND journal_no = %(sale_no)s;

-- name: ride_on_pass
-- The first ride that counts and is on a pass for want of another one of its product.
SELECT t.tap_no FROM card_pass p
JOIN tap t ON t.card_no = p.card_no AND t.event_at >= lower(p.valid) AND t.event_at < upper(p.valid)
WHERE p.card_no = ANY(%(card_nos)s::bigint[]) AND p.journal_no = %(sale_no)s
  AND t.status = 'posted' AND t.adjustments LIKE '%%"pass"%%'
  AND EXISTS (SELECT FROM jsonb_array_elements(t.adjustments::jsonb) part
              WHERE part ->> 0 = 'pass' AND part ->> 1 = p.product_id)
  AND NOT EXISTS (SELECT FROM card_pass o
                  WHERE o.card_no = p.card_no AND o.journal_no <> p.journal_no
                    AND o.product_id = p.product_id AND o.valid @> t.event_at)
ORDER BY t.event_at, t.tap_no LIMIT 1;

-- name: sale_of_pass
-- The journal of a sale and who took the price; none: the pass was not sold here. What was given
-- away has a number of its own and no journal: its product and its first day tell it from one that
-- moved in.
SELECT (o.receipt ->> 'journal_no')::bigint, o.request -> 'paid' FROM card_operation o
WHERE o.card_no = ANY(%(card_nos)s::bigint[]) AND o.kind = 'sell_pass'
  AND coalesce((o.receipt ->> 'journal_no')::bigint = %(sale_no)s,
               o.request ->> 'product_id' = %(product_id)s
               AND (o.request ->> 'valid_from_ms')::bigint = %(from_ms)s
               AND NOT EXISTS (SELECT FROM journal WHERE journal_no = %(sale_no)s))
LIMIT 1;

-- name: was_taken_back
SELECT EXISTS (SELECT FROM card_operation
               WHERE card_no = ANY(%(card_nos)s::bigint[]) AND kind = 'take_back_pass'
                 AND (request ->> 'sale_no')::bigint = %(sale_no)s);

-- name: hold_cash_desk
-- Until the commit it is as it is.
SELECT status FROM cash_desk
WHERE agency_id = %(agency_id)s AND desk_id = %(desk_id)s FOR SHARE;

-- name: end_pass
DELETE FROM card_pass
WHERE card_no = ANY(%(card_nos)s::bigint[]) AND journal_no = %(sale_no)s;

-- name: copy_passes
-- What is left of the old card's passes, to the new card.
INSERT INTO card_pass (card_no, journal_no, product_id, valid)
SELECT %(new)s, journal_no, product_id, valid * tstzrange(%(at)s, NULL)
FROM card_pass WHERE card_no = %(old)s AND upper(valid) > %(at)s;

-- name: drop_passes
DELETE FROM card_pass WHERE card_no = %(old)s AND lower(valid) >= %(at)s;

-- name: cut_passes
UPDATE card_pass SET valid = valid * tstzrange(NULL, %(at)s)
WHERE card_no = %(old)s AND upper(valid) > %(at)s;

-- name: last_block
SELECT (extract(epoch FROM blocked_at) * 1000)::bigint, reason,
       (extract(epoch FROM unblocked_at) * 1000)::bigint
FROM card_block WHERE card_no = %(card_no)s ORDER BY blocked_at DESC LIMIT 1;

-- name: add_block
INSERT INTO card_block (card_no, blocked_at, reason, note, actor)
VALUES (%(card_no)s, %(at)s, %(reason)s, %(note)s, %(actor)s);

-- name: mark_block
UPDATE card SET has_block = true WHERE card_no = %(card_no)s AND NOT has_block;

-- name: end_block
UPDATE card_block SET unblocked_at = %(at)s, unblocked_actor = %(actor)s
WHERE card_no = %(card_no)s AND unblocked_at IS NULL;

-- name: replaced_by
SELECT new_card_no FROM card_replacement WHERE old_card_no = %(card_no)s;

-- name: replacement_of
SELECT old_card_no FROM card_replacement WHERE new_card_no = %(card_no)s;

-- name: add_replacement
INSERT INTO card_replacement (old_card_no, new_card_no, replaced_at, actor)
VALUES (%(old)s, %(new)s, %(at)s, %(actor)s);

-- name: keep_category
-- The category that the card has, before it gets another.
INSERT INTO card_category (card_no, valid_from, category, actor)
SELECT card_no, category_from, category, %(actor)s FROM card WHERE card_no = %(card_no)s
ON CONFLICT DO NOTHING;

-- name: set_category
-- From a time on; asked for twice for one time, the later word counts.
INSERT INTO card_category (card_no, valid_from, category, actor)
VALUES (%(card_no)s, %(at)s, %(category)s, %(actor)s)
ON CONFLICT (card_no, valid_from) DO UPDATE
SET category = excluded.category, actor = excluded.actor;

-- name: show_category
-- The newest one stands on the card.
UPDATE card c SET category = n.category, category_from = n.valid_from
FROM (SELECT category, valid_from FROM card_category WHERE card_no = %(card_no)s
      ORDER BY valid_from DESC LIMIT 1) n
WHERE c.card_no = %(card_no)s;

-- name: days_since
-- Fare days of a card's rides from a time on.
SELECT DISTINCT service_date FROM tap WHERE card_no = %(card_no)s AND event_at >= %(at)s;

-- name: find_ride
-- A tap with what was given back for it, and its first journal.
SELECT t.card_no, t.status, t.charged_tiyn, t.service_date,
       (SELECT coalesce(sum(r.amount_tiyn), 0)::bigint FROM tap_refund r WHERE r.tap_no = t.tap_no),
       (SELECT j.journal_no FROM journal j WHERE j.tap_no = t.tap_no AND j.revision = 1),
       EXISTS (SELECT FROM tap_refund r JOIN journal j USING (journal_no)
               WHERE r.tap_no = t.tap_no AND j.reverses IS NOT NULL)
FROM tap t WHERE t.tap_no = %(tap_no)s;

-- name: card_of_tap
SELECT c.card_ref FROM tap t JOIN card c USING (card_no)
WHERE t.tap_no = %(tap_no)s AND c.agency_id = %(agency_id)s;

-- name: posted_for_tap
-- Net per account; the code and owner of those that are not of a card.
SELECT e.account_no, sum(e.amount)::bigint, a.code, a.owner
FROM journal j, unnest(j.accounts, j.amounts) AS e (account_no, amount)
LEFT JOIN account a USING (account_no)
WHERE j.tap_no = %(tap_no)s
GROUP BY e.account_no, a.code, a.owner HAVING sum(e.amount) <> 0;

-- name: add_refund
INSERT INTO tap_refund (journal_no, tap_no, amount_tiyn, reason)
VALUES (%(journal_no)s, %(tap_no)s, %(amount_tiyn)s, %(reason)s);

-- name: owed_to_holder
-- What journals of a card left on the account that its holder is paid from.
SELECT coalesce(-sum(e.amount), 0)::bigint
FROM journal j, unnest(j.accounts, j.amounts) AS e (account_no, amount)
WHERE j.card_no = %(card_no)s AND j.tap_no IS NULL AND e.account_no = %(account_no)s;

-- name: balances
SELECT account_no, balance FROM account WHERE account_no = ANY(%(account_no)s::bigint[]);

-- name: standing_of_agent
-- Whether whoever takes money must be known, how this one stands, its terms of a day, what it owes.
-- A cash desk of the register is known, and has no terms.
SELECT coalesce((SELECT r.required FROM agent_rule r WHERE r.agency_id = %(agency_id)s), false)
       AND NOT (%(by)s = 'cash_desk'
                AND EXISTS (SELECT FROM cash_desk d
                            WHERE d.agency_id = %(agency_id)s AND d.desk_id = %(name)s)),
       a.status, t.kind, t.credit_limit_tiyn, coalesce(t.commission_bp, 0),
       coalesce(t.commission_least_tiyn, 0), t.commission_most_tiyn,
       coalesce((SELECT o.balance FROM account o WHERE o.agency_id = %(agency_id)s
                 AND o.code = 1110 AND o.owner = %(name)s), 0)
FROM (SELECT) one
LEFT JOIN agent a ON a.agency_id = %(agency_id)s AND a.agent_id = %(name)s
LEFT JOIN LATERAL (
    SELECT * FROM agent_terms t
    WHERE t.agency_id = a.agency_id AND t.agent_id = a.agent_id AND t.from_date <= %(day)s
    ORDER BY t.from_date DESC, t.terms_no DESC LIMIT 1
) t ON true;

-- name: standing_of_processor
-- The same of a processor: it has no limit, and earns a fee when it pays out.
SELECT coalesce((SELECT r.required FROM agent_rule r WHERE r.agency_id = %(agency_id)s), false),
       p.status, CASE WHEN EXISTS (
           SELECT FROM processor_terms t
           WHERE t.agency_id = p.agency_id AND t.processor_id = p.processor_id
             AND t.from_date <= %(day)s) THEN 'processor' END,
       NULL, 0, 0, NULL, 0
FROM (SELECT) one
LEFT JOIN processor p ON p.agency_id = %(agency_id)s AND p.processor_id = %(name)s;

-- name: last_activation
-- When the journal happened that put a top-up into the purse.
SELECT (extract(epoch FROM event_at) * 1000)::bigint, service_date
FROM journal
WHERE card_no = %(card_no)s AND tap_no IS NULL AND kind = 'activation' AND rule = %(rule)s
ORDER BY journal_no DESC LIMIT 1;

-- name: blocks_of_cards
SELECT card_no, reason, (extract(epoch FROM blocked_at) * 1000)::bigint,
       (extract(epoch FROM unblocked_at) * 1000)::bigint
FROM card_block WHERE card_no = ANY(%(card_no)s::bigint[]) ORDER BY card_no, blocked_at;

-- name: listings_of_cards
-- From which version to which the deny list held a card, and when the first of them, and the first
-- without it, went out.
SELECT e.card_no, e.from_version, (extract(epoch FROM v.published_at) * 1000)::bigint,
       e.to_version, (extract(epoch FROM w.published_at) * 1000)::bigint
FROM deny_list_entry e
JOIN card c USING (card_no)
JOIN deny_list_version v ON v.agency_id = c.agency_id AND v.version_no = e.from_version
LEFT JOIN deny_list_version w ON w.agency_id = c.agency_id AND w.version_no = e.to_version
WHERE e.card_no = ANY(%(card_no)s::bigint[]) ORDER BY e.card_no, e.from_version;

-- name: lock_deny_list
-- One cutter at a time for an agency.
SELECT pg_advisory_xact_lock(1684370041, hashtext(%(agency_id)s));

-- name: newest_version
SELECT version_no, published_at, is_full, spared FROM deny_list_version
WHERE agency_id = %(agency_id)s ORDER BY version_no DESC LIMIT 1;

-- name: newest_full_version
SELECT version_no, published_at, spared FROM deny_list_version
WHERE agency_id = %(agency_id)s AND is_full ORDER BY version_no DESC LIMIT 1;

-- name: count_denied_changes
-- Cards that are blocked and not on the list, or on it and not blocked.
SELECT count(*) FROM card c
LEFT JOIN card_block b ON b.card_no = c.card_no AND b.unblocked_at IS NULL
LEFT JOIN deny_list_entry e ON e.card_no = c.card_no AND e.to_version IS NULL
WHERE c.agency_id = %(agency_id)s AND c.has_block AND (b.card_no IS NULL) <> (e.card_no IS NULL);

-- name: end_denied
-- Cards that are blocked no longer.
UPDATE deny_list_entry e SET to_version = %(version_no)s
FROM card c
WHERE c.card_no = e.card_no AND c.agency_id = %(agency_id)s AND e.to_version IS NULL
  AND NOT EXISTS (SELECT FROM card_block b
                  WHERE b.card_no = e.card_no AND b.unblocked_at IS NULL);

-- name: begin_denied
-- Cards that are blocked now.
INSERT INTO deny_list_entry (card_no, from_version)
SELECT b.card_no, %(version_no)s
FROM card_block b JOIN card c USING (card_no)
WHERE c.agency_id = %(agency_id)s AND b.unblocked_at IS NULL
  AND NOT EXISTS (SELECT FROM deny_list_entry e
                  WHERE e.card_no = b.card_no AND e.to_version IS NULL);

-- name: add_version
-- With the number of cards on it.
INSERT INTO deny_list_version (agency_id, version_no, published_at, cards, is_full, spared)
VALUES (%(agency_id)s, %(version_no)s, %(published_at)s,
        (SELECT count(*) FROM deny_list_entry e JOIN card c USING (card_no)
         WHERE c.agency_id = %(agency_id)s AND e.to_version IS NULL), %(is_full)s, %(spared)s);

-- name: denied_hashes
-- The first 40 bits of the SHA-256 of each reference, as contract/denylist.py makes them.
SELECT substring(sha256(convert_to(c.card_ref, 'UTF8')) FOR 5)
FROM deny_list_entry e JOIN card c USING (card_no)
WHERE c.agency_id = %(agency_id)s AND e.from_version <= %(version_no)s
  AND (e.to_version IS NULL OR e.to_version > %(version_no)s);

-- name: spared_marks
-- Of every card that shares its hash with a blocked one and is not blocked.
WITH hashed AS MATERIALIZED (
    SELECT sha256(convert_to(c.card_ref, 'UTF8')) AS digest, b.card_no IS NOT NULL AS blocked
    FROM card c LEFT JOIN card_block b ON b.card_no = c.card_no AND b.unblocked_at IS NULL
    WHERE c.agency_id = %(agency_id)s
)
SELECT substring(h.digest FOR 16) FROM hashed h
WHERE NOT h.blocked AND substring(h.digest FOR 5) IN
      (SELECT substring(d.digest FOR 5) FROM hashed d WHERE d.blocked)
ORDER BY 1;

-- name: agencies_of_cards
-- Agencies that have cards or a tariff.
SELECT agency_id FROM agency a
WHERE EXISTS (SELECT FROM card c WHERE c.agency_id = a.agency_id)
   OR EXISTS (SELECT FROM tariff_version t
              WHERE t.agency_id = a.agency_id AND t.effective_from IS NOT NULL)
ORDER BY agency_id;

-- name: statement_card
-- The card as it stands, and the cards of its replacements.
SELECT c.card_no, c.status, c.category, c.purse_tiyn, c.debt_tiyn, c.deposit_tiyn, c.pending_tiyn,
       (SELECT n.card_ref FROM card_replacement r JOIN card n ON n.card_no = r.new_card_no
        WHERE r.old_card_no = c.card_no),
       (SELECT o.card_ref FROM card_replacement r JOIN card o ON o.card_no = r.old_card_no
        WHERE r.new_card_no = c.card_no)
FROM card c WHERE c.agency_id = %(agency_id)s AND c.card_ref = %(card_ref)s;

-- name: statement_movements
-- Net on purse and debt together, on the deposit, and on what waits for a tap. A ride's journals,
-- the fare and its differences, are one movement; a move between purse and debt is none. Rides are
-- found by the card's days, all else by the card or by the accounts, for a replacement's journal is
-- of the old card.
WITH own AS (
    SELECT j.journal_no, j.tap_no, j.kind, j.event_at, j.rule, j.accounts, j.amounts
    FROM journal j WHERE j.card_no = %(card_no)s AND j.tap_no IS NULL AND j.kind <> 'debt'
    UNION
    SELECT j.journal_no, j.tap_no, j.kind, j.event_at, j.rule, j.accounts, j.amounts
    FROM journal j
    JOIN card_replacement r ON r.new_card_no = %(card_no)s AND j.card_no = r.old_card_no
    WHERE j.tap_no IS NULL AND j.kind = 'replace'
    UNION ALL
    SELECT j.journal_no, j.tap_no, 'ride', t.event_at, t.rule, j.accounts, j.amounts
    FROM tap t JOIN journal j USING (tap_no) WHERE t.card_no = %(card_no)s
    UNION ALL  -- rides that nothing was ever posted for
    SELECT NULL, t.tap_no, 'ride', t.event_at, t.rule, '{}', '{}'
    FROM tap t WHERE t.card_no = %(card_no)s AND t.revision = 0
)
SELECT (extract(epoch FROM min(o.event_at)) * 1000)::bigint, o.kind, o.tap_no,
       coalesce(-sum(e.amount) FILTER (WHERE e.account_no - %(card_no)s * 8 IN (0, 1)), 0)::bigint,
       coalesce(-sum(e.amount) FILTER (WHERE e.account_no - %(card_no)s * 8 = 2), 0)::bigint,
       coalesce(-sum(e.amount) FILTER (WHERE e.account_no - %(card_no)s * 8 = 3), 0)::bigint,
       min(o.rule),
       coalesce(array_agg(DISTINCT o.journal_no ORDER BY o.journal_no)
                FILTER (WHERE o.journal_no IS NOT NULL), '{}')
FROM own o LEFT JOIN LATERAL unnest(o.accounts, o.amounts) AS e (account_no, amount) ON true
GROUP BY coalesce(o.tap_no, -o.journal_no), o.tap_no, o.kind
ORDER BY min(o.event_at), min(o.journal_no), o.tap_no;

-- name: statement_rides
-- All taps of the card, those that do not count too, with what was given back.
SELECT t.tap_no, d.device_id, t.vehicle_id, t.route_id, t.num_riders, t.status, t.code,
       t.product_id, t.rider_category, t.tariff_version, t.nominal_tiyn, t.charged_tiyn,
       t.adjustments,
       (SELECT coalesce(sum(r.amount_tiyn), 0)::bigint FROM tap_refund r WHERE r.tap_no = t.tap_no)
FROM tap t LEFT JOIN device d USING (device_no)
WHERE t.card_no = %(card_no)s;

-- name: statement_blocks
SELECT reason, note, actor, (extract(epoch FROM blocked_at) * 1000)::bigint,
       (extract(epoch FROM unblocked_at) * 1000)::bigint
FROM card_block WHERE card_no = %(card_no)s ORDER BY blocked_at;

-- name: statement_passes
-- With the number of the sale, and what was paid: the most that its journal moves.
SELECT p.product_id, (extract(epoch FROM lower(p.valid)) * 1000)::bigint,
       (extract(epoch FROM upper(p.valid)) * 1000)::bigint, p.journal_no,
       coalesce((SELECT max(amount) FROM journal j, unnest(j.amounts) AS amount
                 WHERE j.journal_no = p.journal_no), 0)
FROM card_pass p WHERE p.card_no = %(card_no)s ORDER BY lower(p.valid), p.journal_no;

-- name: statement_pending
-- Top-ups that still wait for a tap, expired ones too.
SELECT amount_tiyn, (extract(epoch FROM paid_at) * 1000)::bigint,
       (extract(epoch FROM expires_at) * 1000)::bigint
FROM pending_top_up
WHERE card_no = %(card_no)s AND activated_at IS NULL AND moved_by IS NULL
ORDER BY paid_at, journal_no;

-- name: make_staging
-- Temporary tables of this connection, emptied by a second import over it.
DROP TABLE IF EXISTS pg_temp.moving_card, pg_temp.moving_pass, pg_temp.moving_block;
CREATE TEMPORARY TABLE moving_card (
    line int, card_ref text, category text, purse bigint, debt bigint, deposit bigint);
CREATE TEMPORARY TABLE moving_pass (
    line int, card_ref text, product_id text, valid_from timestamptz, valid_to timestamptz,
    unearned bigint);
CREATE TEMPORARY TABLE moving_block (
    line int, card_ref text, reason text, note text, blocked_at timestamptz, nothing bigint);

-- name: stage_cards
COPY pg_temp.moving_card FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\');

-- name: stage_passes
COPY pg_temp.moving_pass FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\');

-- name: stage_blocks
COPY pg_temp.moving_block FROM STDIN (FORMAT csv, NULL 'null', ESCAPE '\');

-- name: index_cards
CREATE UNIQUE INDEX ON pg_temp.moving_card (line);
CREATE INDEX ON pg_temp.moving_card (card_ref);
ANALYZE pg_temp.moving_card;

-- name: index_passes
CREATE UNIQUE INDEX ON pg_temp.moving_pass (line);
ANALYZE pg_temp.moving_pass;

-- name: index_blocks
CREATE UNIQUE INDEX ON pg_temp.moving_block (line);
ANALYZE pg_temp.moving_block;

-- name: refuse_cards
-- Takes out, and gives, rows that cannot move in: a card that stands in an earlier line, one that
-- moved in with other balances, one that was issued here.
WITH judged AS (
    SELECT m.line, CASE
        WHEN row_number() OVER (PARTITION BY m.card_ref ORDER BY m.line) > 1 THEN 'duplicate_row'
        WHEN j.journal_no IS NOT NULL AND j.content_hash <> sha256(convert_to(
                 m.purse || ' ' || m.debt || ' ' || m.deposit, 'UTF8')) THEN 'moved_in_otherwise'
        WHEN j.journal_no IS NULL AND c.status <> 'unknown'
             AND m.purse + m.debt + m.deposit > 0 THEN 'card_exists' END AS code
    FROM pg_temp.moving_card m
    LEFT JOIN card c ON c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref
    LEFT JOIN journal j ON j.agency_id = %(agency_id)s
        AND j.source_key = %(name)s || ' card ' || m.card_ref
)
DELETE FROM pg_temp.moving_card m USING judged n
WHERE n.line = m.line AND n.code IS NOT NULL
RETURNING m.line, n.code, 'card ' || m.card_ref, m.purse + m.deposit - m.debt;

-- name: skip_cards
-- Takes out, and counts, cards that are there already.
WITH gone AS (
    DELETE FROM pg_temp.moving_card m USING card c
    WHERE c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref AND c.status <> 'unknown'
    RETURNING m.purse + m.deposit - m.debt AS amount
)
SELECT count(*), coalesce(sum(amount), 0)::bigint FROM gone;

-- name: sum_cards
SELECT count(*), coalesce(sum(purse + deposit - debt), 0)::bigint FROM pg_temp.moving_card;

-- name: next_cards
SELECT line, card_ref, category, purse, debt, deposit
FROM pg_temp.moving_card WHERE line > %(after)s ORDER BY line LIMIT %(count)s;

-- name: open_cards
-- In order, so that two imports wait for each other in one direction.
INSERT INTO card (agency_id, card_ref, status, category, category_from)
SELECT %(agency_id)s, card_ref, 'active', category, %(category_from)s
FROM unnest(%(card_ref)s::text[], %(category)s::text[]) AS n (card_ref, category)
ORDER BY card_ref
ON CONFLICT (agency_id, card_ref) DO NOTHING;

-- name: register_cards
-- Cards that were tapped before they moved in.
UPDATE card c
SET status = CASE WHEN EXISTS (SELECT FROM card_block b
                               WHERE b.card_no = c.card_no AND b.unblocked_at IS NULL)
                  THEN 'blocked' ELSE 'active' END,
    category = n.category, category_from = %(category_from)s
FROM unnest(%(card_ref)s::text[], %(category)s::text[]) AS n (card_ref, category)
WHERE c.agency_id = %(agency_id)s AND c.card_ref = n.card_ref AND c.status = 'unknown'
RETURNING c.card_no;

-- name: numbers_by_ref
SELECT card_ref, card_no FROM card
WHERE agency_id = %(agency_id)s AND card_ref = ANY(%(card_ref)s::text[]);

-- name: refuse_passes
-- Takes out, and gives, passes of no card, and those that stand in an earlier line.
WITH judged AS (
    SELECT m.line, CASE
        WHEN c.status IS NULL AND n.card_ref IS NULL THEN 'unknown_card'
        WHEN c.status IN ('replaced', 'returned') THEN 'card_' || c.status
        WHEN row_number() OVER (PARTITION BY m.card_ref, m.product_id, m.valid_from
                                ORDER BY m.line) > 1 THEN 'duplicate_row' END AS code
    FROM pg_temp.moving_pass m
    LEFT JOIN card c ON c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref
                        AND c.status <> 'unknown'
    LEFT JOIN (SELECT DISTINCT card_ref FROM pg_temp.moving_card) n ON n.card_ref = m.card_ref
)
DELETE FROM pg_temp.moving_pass m USING judged n
WHERE n.line = m.line AND n.code IS NOT NULL
RETURNING m.line, n.code, 'card ' || m.card_ref, m.unearned;

-- name: skip_passes
-- Takes out, and counts, passes that are there already.
WITH gone AS (
    DELETE FROM pg_temp.moving_pass m USING card c, card_pass p
    WHERE c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref AND p.card_no = c.card_no
      AND p.product_id = m.product_id AND lower(p.valid) = m.valid_from
    RETURNING m.unearned AS amount
)
SELECT count(*), coalesce(sum(amount), 0)::bigint FROM gone;

-- name: sum_passes
SELECT count(*), coalesce(sum(unearned), 0)::bigint FROM pg_temp.moving_pass;

-- name: next_passes
-- Staged passes in order of the file; their cards are in by now.
SELECT m.line, c.card_no, m.product_id, m.valid_from, m.valid_to, m.unearned, m.card_ref
FROM pg_temp.moving_pass m
JOIN card c ON c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref
WHERE m.line > %(after)s ORDER BY m.line LIMIT %(count)s;

-- name: open_passes
-- A pass without money has a number of its own, and no journal.
WITH added AS (
    INSERT INTO card_pass (card_no, journal_no, product_id, valid)
    SELECT card_no, coalesce(journal_no, nextval('journal_number')), product_id,
           tstzrange(valid_from, valid_to)
    FROM unnest(%(card_no)s::bigint[], %(journal_no)s::bigint[], %(product_id)s::text[],
                %(valid_from)s::timestamptz[], %(valid_to)s::timestamptz[])
         AS n (card_no, journal_no, product_id, valid_from, valid_to)
    RETURNING card_no
)
UPDATE card c SET has_pass = true
WHERE NOT c.has_pass AND c.card_no IN (SELECT card_no FROM added);

-- name: refuse_blocks
-- Takes out, and gives, blocks of no card, and of cards that are, or were later, blocked otherwise.
WITH judged AS (
    SELECT m.line, CASE
        WHEN c.card_no IS NULL AND n.card_ref IS NULL THEN 'unknown_card'
        WHEN row_number() OVER (PARTITION BY m.card_ref ORDER BY m.line) > 1 THEN 'duplicate_row'
        WHEN c.status IN ('replaced', 'returned') THEN 'card_' || c.status
        WHEN EXISTS (SELECT FROM card_block b WHERE b.card_no = c.card_no
                     AND NOT (b.reason = m.reason AND coalesce(m.blocked_at = b.blocked_at, true))
                     AND coalesce(b.unblocked_at, 'infinity') > coalesce(m.blocked_at, %(now)s))
             THEN 'already_blocked' END AS code
    FROM pg_temp.moving_block m
    LEFT JOIN card c ON c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref
    LEFT JOIN (SELECT DISTINCT card_ref FROM pg_temp.moving_card) n ON n.card_ref = m.card_ref
)
DELETE FROM pg_temp.moving_block m USING judged n
WHERE n.line = m.line AND n.code IS NOT NULL
RETURNING m.line, n.code, 'card ' || m.card_ref, 0;

-- name: skip_blocks
-- Takes out, and counts, blocks that are there already, also if they were ended since; one without
-- a time is there when the card was ever blocked for the reason.
WITH gone AS (
    DELETE FROM pg_temp.moving_block m USING card c, card_block b
    WHERE c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref AND b.card_no = c.card_no
      AND b.reason = m.reason AND coalesce(m.blocked_at = b.blocked_at, true)
    RETURNING m.line
)
SELECT count(*), 0 FROM gone;

-- name: sum_blocks
SELECT count(*), 0 FROM pg_temp.moving_block;

-- name: move_blocks
-- The cards are locked in order of their numbers, as everywhere.
WITH locked AS MATERIALIZED (
    SELECT c.card_no, coalesce(m.blocked_at, %(now)s) AS blocked_at, m.reason, m.note
    FROM pg_temp.moving_block m
    JOIN card c ON c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref
    ORDER BY c.card_no FOR NO KEY UPDATE OF c
), added AS (
    INSERT INTO card_block (card_no, blocked_at, reason, note, actor)
    SELECT card_no, blocked_at, reason, note, %(actor)s FROM locked
    RETURNING card_no
)
UPDATE card c SET has_block = true,
    status = CASE WHEN c.status = 'active' THEN 'blocked' ELSE c.status END
FROM added WHERE c.card_no = added.card_no;

-- name: touched_by_blocks
-- Fare days of rides on cards since the times at which their blocks that moved in began.
SELECT DISTINCT t.card_no, t.service_date
FROM pg_temp.moving_block m
JOIN card c ON c.agency_id = %(agency_id)s AND c.card_ref = m.card_ref
JOIN tap t ON t.card_no = c.card_no AND t.event_at >= m.blocked_at;

-- name: touched_since
SELECT DISTINCT t.card_no, t.service_date
FROM unnest(%(card_no)s::bigint[], %(at)s::timestamptz[]) AS n (card_no, at)
JOIN tap t ON t.card_no = n.card_no AND t.event_at >= n.at;

-- name: journals_since
-- Journals of cards from a number on, in order.
SELECT journal_no FROM journal
WHERE card_no = ANY(%(card_nos)s::bigint[]) AND journal_no >= %(first)s
ORDER BY journal_no;

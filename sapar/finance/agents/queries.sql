-- Agents and processors, their registers, and what they must pay. Locks are taken in this order: the
-- agency's money (`lock_takers`), then those of a posting (see the ledger's queries).

-- name: zone_of_agency
SELECT timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: see_one_moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: lock_takers
-- One at a time makes items, takes registers and changes terms of an agency.
SELECT pg_advisory_xact_lock(1935765873, hashtext(%(agency_id)s));

-- name: set_rule
-- Whether only registered ones take money.
INSERT INTO agent_rule (agency_id, required, changed_at, changed_by)
VALUES (%(agency_id)s, %(required)s, %(now)s, %(actor)s)
ON CONFLICT (agency_id) DO UPDATE
SET required = excluded.required, changed_at = excluded.changed_at,
    changed_by = excluded.changed_by;

-- name: find_rule
SELECT required FROM agent_rule WHERE agency_id = %(agency_id)s;

-- name: insert_agent
INSERT INTO agent (agency_id, agent_id, name, created_at, created_by)
VALUES (%(agency_id)s, %(id)s, %(name)s, %(now)s, %(actor)s)
ON CONFLICT DO NOTHING;

-- name: insert_processor
INSERT INTO processor (agency_id, processor_id, name, created_at, created_by)
VALUES (%(agency_id)s, %(id)s, %(name)s, %(now)s, %(actor)s)
ON CONFLICT DO NOTHING;

-- name: find_agent
SELECT agent_id, name, status, reason, mapping, created_at, created_by FROM agent
WHERE agency_id = %(agency_id)s AND agent_id = %(id)s;

-- name: find_processor
SELECT processor_id, name, status, reason, mapping, created_at, created_by FROM processor
WHERE agency_id = %(agency_id)s AND processor_id = %(id)s;

-- name: insert_agent_terms
-- A version; nobody changes one.
INSERT INTO agent_terms (agency_id, agent_id, terms_no, from_date, kind, credit_limit_tiyn,
                         commission_bp, commission_least_tiyn, commission_most_tiyn, netted,
                         due_days, register_due_h, register_start, bin, iban, bank_account_id,
                         agreed_at, agreed_by)
VALUES (%(agency_id)s, %(id)s, %(terms_no)s, %(from_date)s, %(kind)s, %(credit_limit_tiyn)s,
        %(commission_bp)s, %(commission_least_tiyn)s, %(commission_most_tiyn)s, %(netted)s,
        %(due_days)s, %(register_due_h)s, %(register_start)s, %(bin)s, %(iban)s,
        %(bank_account_id)s, %(now)s, %(actor)s);

-- name: insert_processor_terms
-- A version; nobody changes one.
INSERT INTO processor_terms (agency_id, processor_id, terms_no, from_date, fee_bp, fee_fixed_tiyn,
                             payout_days, register_due_h, register_start, bin, iban,
                             bank_account_id, agreed_at, agreed_by)
VALUES (%(agency_id)s, %(id)s, %(terms_no)s, %(from_date)s, %(fee_bp)s, %(fee_fixed_tiyn)s,
        %(payout_days)s, %(register_due_h)s, %(register_start)s, %(bin)s, %(iban)s,
        %(bank_account_id)s, %(now)s, %(actor)s);

-- name: list_agent_terms
-- Of one agent or all, in the order in which they were agreed; columns as in AgentTerms.
SELECT agent_id, terms_no, agreed_at, agreed_by, from_date, kind, credit_limit_tiyn, commission_bp,
       commission_least_tiyn, commission_most_tiyn, netted, due_days, register_due_h,
       register_start, bin, iban, bank_account_id
FROM agent_terms
WHERE agency_id = %(agency_id)s AND (%(id)s::text IS NULL OR agent_id = %(id)s)
ORDER BY agent_id, terms_no;

-- name: list_processor_terms
-- Columns as in ProcessorTerms.
SELECT processor_id, terms_no, agreed_at, agreed_by, from_date, fee_bp, fee_fixed_tiyn,
       payout_days, register_due_h, register_start, bin, iban, bank_account_id
FROM processor_terms
WHERE agency_id = %(agency_id)s AND (%(id)s::text IS NULL OR processor_id = %(id)s)
ORDER BY processor_id, terms_no;

-- name: lock_agent_accounts
-- Whoever sells through an agent looks at its standing with these locked: from here on it waits.
SELECT account_no FROM account
WHERE agency_id = %(agency_id)s AND code IN (1110, 2410) AND owner = %(id)s
ORDER BY account_no
FOR NO KEY UPDATE;

-- name: lock_processor_accounts
SELECT account_no FROM account
WHERE agency_id = %(agency_id)s AND code = 1020 AND owner = %(id)s
FOR NO KEY UPDATE;

-- name: set_agent_status
UPDATE agent SET status = %(status)s, reason = %(reason)s
WHERE agency_id = %(agency_id)s AND agent_id = %(id)s;

-- name: set_processor_status
UPDATE processor SET status = %(status)s, reason = %(reason)s
WHERE agency_id = %(agency_id)s AND processor_id = %(id)s;

-- name: set_agent_mapping
UPDATE agent SET mapping = %(mapping)s WHERE agency_id = %(agency_id)s AND agent_id = %(id)s;

-- name: set_processor_mapping
UPDATE processor SET mapping = %(mapping)s
WHERE agency_id = %(agency_id)s AND processor_id = %(id)s;

-- name: find_register_file
-- The register that a file made when it came last.
SELECT register_no, number FROM register
WHERE agency_id = %(agency_id)s AND party = %(party)s AND party_id = %(id)s AND day = %(day)s
  AND digest = %(digest)s
ORDER BY register_no DESC LIMIT 1;

-- name: find_standing_register
SELECT register_no, number, row_count, total_tiyn, mapping FROM register
WHERE agency_id = %(agency_id)s AND party = %(party)s AND party_id = %(id)s AND day = %(day)s
  AND replaced_at IS NULL;

-- name: replace_register
UPDATE register SET replaced_at = %(now)s WHERE register_no = %(register_no)s;

-- name: insert_register
-- A file, of an agent or of a processor; the other of the two is null.
INSERT INTO register (agency_id, agent_id, processor_id, day, number, format, file_name, digest,
                      file, mapping, row_count, total_tiyn, replaces, imported_at, imported_by)
VALUES (%(agency_id)s, %(agent_id)s, %(processor_id)s, %(day)s, %(number)s, %(format)s,
        %(file_name)s, %(digest)s, %(file)s, %(mapping)s, %(row_count)s, %(total_tiyn)s,
        %(replaces)s, %(now)s, %(actor)s)
RETURNING register_no;

-- name: insert_register_rows
-- All of a register at once.
INSERT INTO register_row (register_no, line, reference, at, amount_tiyn, card_ref, masked, status)
SELECT %(register_no)s, n.*
FROM unnest(%(line)s::int[], %(reference)s::text[], %(at)s::timestamptz[],
            %(amount_tiyn)s::bigint[], %(card_ref)s::text[], %(masked)s::text[],
            %(status)s::text[]) AS n;

-- name: list_register_rows
SELECT line, reference, at, amount_tiyn, card_ref, masked, status FROM register_row
WHERE register_no = %(register_no)s ORDER BY line;

-- name: list_references_beside
-- References in the registers of the days before and after.
SELECT DISTINCT w.reference FROM register r JOIN register_row w USING (register_no)
WHERE r.agency_id = %(agency_id)s AND r.party = %(party)s AND r.party_id = %(id)s
  AND r.day IN (%(day)s::date - 1, %(day)s::date + 1) AND r.replaced_at IS NULL
  AND w.reference <> '';

-- name: list_sales
-- Operations that whoever took money for them must have in a register of a day, those about as
-- late or early, and those that its rows name from a day before or after. What was taken back on a
-- later day was sold on this one: the day of the taking back has it the other way round.
SELECT s.source_key, s.kind, s.event_at, s.amount_tiyn, c.card_ref,
       CASE WHEN r.event_at < %(to_at)s THEN 'cancelled' ELSE 'done' END,
       s.event_at >= %(from_at)s AND s.event_at < %(to_at)s, s.journal_no,
       coalesce(r.event_at >= %(to_at)s, false)
FROM (SELECT o.source_key, o.kind, o.event_at, o.card_no,
             (o.receipt ->> 'journal_no')::bigint AS journal_no,
             coalesce(o.request ->> 'amount_tiyn', o.request ->> 'price_tiyn')::bigint
                 AS amount_tiyn
      FROM card_operation o
      WHERE o.agency_id = %(agency_id)s AND o.kind IN ('issue', 'top_up', 'sell_pass')
        AND (o.event_at >= %(from_at)s - %(apart)s AND o.event_at < %(to_at)s + %(apart)s
             OR o.source_key = ANY(%(keys)s::text[])
             AND o.event_at >= %(from_at)s - interval '1 day'
             AND o.event_at < %(to_at)s + interval '1 day')
        AND o.request -> 'paid' ->> 'name' = %(id)s
        AND (o.request -> 'paid' ->> 'by' = 'processor') = (%(party)s = 'processor')) s
JOIN card c USING (card_no)
LEFT JOIN journal r ON r.reverses = s.journal_no
WHERE s.amount_tiyn > 0;

-- name: list_refused_keys
SELECT source_key FROM refused_operation
WHERE agency_id = %(agency_id)s AND source_key = ANY(%(keys)s::text[]);

-- name: sum_items_of_day
-- What a day's items expect, and what of it is not paid; what is left of a deposit counts to the
-- day that it is left of.
WITH RECURSIVE made AS (
    SELECT item_no, amount_tiyn - fee_tiyn AS net, cancelled_at, true AS first
    FROM finance_item
    WHERE agency_id = %(agency_id)s AND code = %(code)s AND owner = %(id)s AND item_date = %(day)s
      AND kind IN ('agent_deposit', 'processor_payout')
    UNION ALL
    SELECT i.item_no, i.amount_tiyn - i.fee_tiyn, i.cancelled_at, false
    FROM made JOIN finance_item i ON i.parent_item_no = made.item_no
)
SELECT coalesce(sum(net) FILTER (WHERE first), 0)::bigint,
       coalesce(sum(net) FILTER (WHERE m.match_no IS NULL), 0)::bigint
FROM made LEFT JOIN bank_match_item m ON m.item_no = made.item_no AND m.active
WHERE cancelled_at IS NULL;

-- name: list_registers
-- Newest day first; of one day the one that stands first.
SELECT r.register_no, r.party, r.party_id, r.day, r.number, r.format, r.file_name, r.row_count,
       r.total_tiyn, r.replaces, r.replaced_at, r.imported_at, r.imported_by,
       encode(r.digest, 'hex')
FROM register r
WHERE r.agency_id = %(agency_id)s
  AND (%(party)s::text IS NULL OR r.party = %(party)s)
  AND (%(id)s::text IS NULL OR r.party_id = %(id)s)
  AND (%(from_date)s::date IS NULL OR r.day >= %(from_date)s)
  AND (%(to_date)s::date IS NULL OR r.day <= %(to_date)s)
  AND (%(all)s OR r.replaced_at IS NULL)
ORDER BY r.day DESC, r.party, r.party_id, r.register_no DESC
LIMIT %(most)s;

-- name: get_register_file
SELECT file, file_name FROM register
WHERE agency_id = %(agency_id)s AND register_no = %(register_no)s;

-- name: list_days_to_compare
-- Registers of a day, and those of other days that differ still.
SELECT party, party_id, day FROM register
WHERE agency_id = %(agency_id)s AND day = %(day)s AND replaced_at IS NULL
UNION
SELECT r.party, r.party_id, r.day
FROM ticketing_exception e
JOIN register r ON r.agency_id = e.agency_id AND r.day = e.business_date
    AND e.subject LIKE 'register ' || r.party || ' ' || r.party_id || ' %%'
WHERE e.agency_id = %(agency_id)s AND e.kind = 'register_difference' AND e.closed_at IS NULL
  AND r.replaced_at IS NULL
ORDER BY 3, 1, 2;

-- name: list_register_days
-- Which of some days have a register.
SELECT party, party_id, day FROM register
WHERE agency_id = %(agency_id)s AND day >= %(from_date)s AND day <= %(to_date)s
  AND replaced_at IS NULL;

-- name: sum_sales
-- What the sales of a business day moved on the accounts of whoever took the money, and how many
-- took some; sales that were taken back on that day count against them.
SELECT a.code, a.owner, sum(e.amount)::bigint, count(*) FILTER (WHERE e.amount > 0)
FROM journal j
LEFT JOIN journal r ON r.journal_no = j.reverses
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s AND j.source_key IS NOT NULL
  AND coalesce(r.kind, j.kind) IN ('issue', 'top_up', 'sell_pass')
  AND a.code IN (1110, 1020, 2420)
GROUP BY a.code, a.owner;

-- name: sum_nettings
-- Commission of a day that agents have kept, by account; and how often.
SELECT a.code, a.owner, sum(e.amount)::bigint, count(*)
FROM journal j
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no
WHERE j.agency_id = %(agency_id)s AND j.service_date = %(day)s AND j.kind = 'agent_netting'
GROUP BY a.code, a.owner;

-- name: sum_made_items
-- What was made of a day already.
SELECT code, owner, sum(amount_tiyn)::bigint, sum(fee_tiyn)::bigint, count(*) FROM finance_item
WHERE agency_id = %(agency_id)s AND item_date = %(day)s
  AND (code = 1110 AND kind = 'agent_deposit' OR code = 1020 AND kind = 'processor_payout')
GROUP BY code, owner;

-- name: list_bank_accounts
-- Up to which day the bank has shown each.
SELECT bank_account_id, bank_account_no, closing_on FROM bank_account
WHERE agency_id = %(agency_id)s;

-- name: list_register_numbers
SELECT party_id, number FROM register
WHERE agency_id = %(agency_id)s AND party = 'processor' AND day = %(day)s
  AND replaced_at IS NULL;

-- name: ensure_accounts
-- In the order of their keys, as everywhere.
INSERT INTO account (account_no, agency_id, code, owner)
SELECT nextval('account_number'), %(agency_id)s, code, owner
FROM (SELECT code, owner FROM unnest(%(code)s::smallint[], %(owner)s::text[]) AS n (code, owner)
      WHERE NOT EXISTS (SELECT FROM account a WHERE a.agency_id = %(agency_id)s
                        AND a.code = n.code AND a.owner = n.owner)
      ORDER BY code, owner) missing
ON CONFLICT (agency_id, code, owner) DO NOTHING;

-- name: find_accounts
SELECT a.code, a.owner, a.account_no, a.balance FROM account a
WHERE a.agency_id = %(agency_id)s AND a.code IN (1020, 1110, 2410, 2420)
  AND (%(owner)s::text[] IS NULL OR a.owner = ANY(%(owner)s));

-- name: list_new_payouts
-- Payments to holders that no item stands for yet, and those of them that were taken back.
SELECT j.journal_no, j.service_date, m.amount, o.request ->> 'bank', o.request ->> 'channel',
       c.card_ref
FROM (SELECT p.journal_no, p.journal_no AS paid_by FROM journal p
      WHERE p.agency_id = %(agency_id)s AND p.kind = 'pay_out'
      UNION ALL
      SELECT r.journal_no, p.journal_no FROM journal p JOIN journal r ON r.reverses = p.journal_no
      WHERE p.agency_id = %(agency_id)s AND p.kind = 'pay_out') n
JOIN journal j ON j.journal_no = n.journal_no
JOIN journal p ON p.journal_no = n.paid_by
JOIN account a ON a.agency_id = j.agency_id AND a.code = 1020 AND a.owner = %(owner)s
CROSS JOIN LATERAL (SELECT sum(e.amount)::bigint AS amount
                    FROM unnest(j.accounts, j.amounts) AS e (account_no, amount)
                    WHERE e.account_no = a.account_no) m
LEFT JOIN card_operation o ON o.agency_id = p.agency_id AND o.source_key = p.source_key
LEFT JOIN card c ON c.card_no = p.card_no
WHERE m.amount <> 0
  AND NOT EXISTS (SELECT FROM finance_item i WHERE i.agency_id = j.agency_id
                  AND i.source_key = 'agent:refund:' || j.journal_no)
ORDER BY j.journal_no;

-- name: list_unpaid_items
-- Items that should have been paid by now, as far as the bank has shown the day.
SELECT i.item_no, i.kind, i.code, i.owner, i.amount_tiyn - i.fee_tiyn, i.item_date, i.due_on
FROM finance_item i
LEFT JOIN bank_match_item m ON m.item_no = i.item_no AND m.active
LEFT JOIN bank_account b ON b.bank_account_no = i.bank_account_no
WHERE i.agency_id = %(agency_id)s AND i.due_on < %(today)s AND i.cancelled_at IS NULL
  AND m.match_no IS NULL
  AND (i.kind IN ('agent_deposit', 'processor_payout') AND i.amount_tiyn > 0
       OR i.kind = 'refund' AND i.amount_tiyn < 0)
  AND i.due_on <= coalesce(b.closing_on,
                           (SELECT max(c.closing_on) FROM bank_account c
                            WHERE c.agency_id = i.agency_id), 'infinity')
ORDER BY i.item_no;

-- name: find_item
SELECT item_no, amount_tiyn, reference FROM finance_item
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s;

-- name: list_agents
SELECT agent_id, name, status FROM agent WHERE agency_id = %(agency_id)s ORDER BY agent_id;

-- name: list_processors
SELECT processor_id, name, status FROM processor WHERE agency_id = %(agency_id)s
ORDER BY processor_id;

-- name: list_open_items
-- What is expected on the accounts of agents and processors and not paid, with the day of the sales
-- that it is left of.
WITH RECURSIVE open_item AS (
    SELECT i.item_no, i.parent_item_no, i.code, i.owner, i.kind, i.amount_tiyn, i.due_on,
           i.item_date
    FROM finance_item i
    LEFT JOIN bank_match_item m ON m.item_no = i.item_no AND m.active
    WHERE i.agency_id = %(agency_id)s AND i.code IN (1110, 1020)
      AND (%(id)s::text IS NULL OR i.owner = %(id)s)
      AND i.kind IN ('agent_deposit', 'processor_payout', 'remainder')
      AND i.cancelled_at IS NULL AND m.match_no IS NULL
), climb AS (
    SELECT item_no AS leaf, parent_item_no AS parent, item_date FROM open_item
    UNION ALL
    SELECT c.leaf, p.parent_item_no, p.item_date
    FROM climb c JOIN finance_item p ON p.item_no = c.parent
)
SELECT o.code, o.owner, o.item_no, o.kind, o.amount_tiyn, o.due_on, min(c.item_date)
FROM open_item o JOIN climb c ON c.leaf = o.item_no
GROUP BY o.code, o.owner, o.item_no, o.kind, o.amount_tiyn, o.due_on
ORDER BY min(c.item_date), o.item_no;

-- name: sum_statement
-- What moved from a day on, by business date and what it was; what was paid is what bank lines were
-- matched with.
SELECT j.business_date, a.code = 2420,
       CASE WHEN j.kind IN ('issue', 'top_up', 'sell_pass') THEN 'sold'
            WHEN r.kind IN ('issue', 'top_up', 'sell_pass') THEN 'taken_back'
            WHEN j.kind = 'agent_netting' THEN 'netted'
            WHEN coalesce(r.kind, j.kind) = 'match' THEN 'paid'
            ELSE 'other' END AS what,
       sum(e.amount)::bigint
FROM journal j
LEFT JOIN journal r ON r.journal_no = j.reverses
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no
WHERE j.agency_id = %(agency_id)s AND j.business_date >= %(from_date)s
  AND j.source_key IS NOT NULL AND a.code = ANY(%(code)s::smallint[]) AND a.owner = %(id)s
GROUP BY 1, 2, 3;

-- name: list_movements
-- Journals of a day on the accounts of one, in order.
SELECT j.journal_no, j.kind, j.event_at, j.source_key, j.rule, j.actor, coalesce(c.card_ref, ''),
       coalesce(sum(e.amount) FILTER (WHERE a.code <> 2420), 0)::bigint,
       coalesce(sum(-e.amount) FILTER (WHERE a.code = 2420), 0)::bigint
FROM journal j
CROSS JOIN LATERAL unnest(j.accounts, j.amounts) AS e (account_no, amount)
JOIN account a ON a.account_no = e.account_no
LEFT JOIN card c ON c.card_no = j.card_no
WHERE j.agency_id = %(agency_id)s AND j.business_date = %(day)s AND j.source_key IS NOT NULL
  AND a.code = ANY(%(code)s::smallint[]) AND a.owner = %(id)s AND j.journal_no > %(after)s
GROUP BY j.journal_no, c.card_ref
ORDER BY j.journal_no LIMIT %(most)s;

-- name: balance_of
SELECT balance FROM account
WHERE agency_id = %(agency_id)s AND code = %(code)s AND owner = %(owner)s;

-- name: list_desks
-- Open ones first, by name, with what each has taken and who may take it.
SELECT d.desk_id, d.name, d.place, d.status,
       coalesce((SELECT a.balance FROM account a
                 WHERE a.agency_id = d.agency_id AND a.code = 1110 AND a.owner = d.desk_id), 0),
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                            'user_id', p.user_id, 'name', p.name, 'full_name', p.full_name,
                            'ended', p.ended_at IS NOT NULL) ORDER BY p.name)
                 FROM cash_desk_seller s JOIN person p USING (user_id)
                 WHERE (s.agency_id, s.desk_id) = (d.agency_id, d.desk_id)), '[]'),
       d.created_at, d.created_by
FROM cash_desk d
WHERE d.agency_id = %(agency_id)s
ORDER BY d.status DESC, d.name, d.desk_id;

-- name: list_cashiers
-- People who may take money in the agency.
SELECT p.user_id, p.name, p.full_name FROM person p
WHERE p.ended_at IS NULL
  AND EXISTS (SELECT FROM person_role r
              WHERE r.user_id = p.user_id AND r.role = 'cashier'
                AND (r.agency_id IS NULL OR r.agency_id = %(agency_id)s))
ORDER BY p.name;

-- name: find_desk
SELECT status FROM cash_desk WHERE agency_id = %(agency_id)s AND desk_id = %(id)s;

-- name: keep_desk
-- A new one, or what is so now; the row is written whatever changes, so that sales wait.
INSERT INTO cash_desk (agency_id, desk_id, name, place, status, created_at, created_by)
VALUES (%(agency_id)s, %(id)s, %(name)s, %(place)s, %(status)s, %(now)s, %(actor)s)
ON CONFLICT (agency_id, desk_id) DO UPDATE
SET name = excluded.name, place = excluded.place, status = excluded.status;

-- name: drop_sellers
-- Whoever takes no money there any more.
DELETE FROM cash_desk_seller
WHERE agency_id = %(agency_id)s AND desk_id = %(id)s AND user_id <> ALL(%(sellers)s::int[]);

-- name: add_sellers
-- Those who were not named for it yet.
INSERT INTO cash_desk_seller (agency_id, desk_id, user_id, added_at, added_by)
SELECT %(agency_id)s, %(id)s, user_id, %(now)s, %(actor)s
FROM unnest(%(sellers)s::int[]) AS one (user_id)
ON CONFLICT DO NOTHING;

-- name: desks_of_person
-- Whether the agency keeps any, and the open ones where a person takes money.
SELECT EXISTS (SELECT FROM cash_desk d WHERE d.agency_id = %(agency_id)s),
       coalesce((SELECT jsonb_agg(jsonb_build_array(d.desk_id, d.name) ORDER BY d.name, d.desk_id)
                 FROM cash_desk d JOIN cash_desk_seller s USING (agency_id, desk_id)
                 WHERE d.agency_id = %(agency_id)s AND d.status = 'open'
                   AND s.user_id = %(user_id)s), '[]');

-- name: hold_desk
-- Until the commit it is as it is: it is not closed, and nobody is taken off it.
SELECT status FROM cash_desk
WHERE agency_id = %(agency_id)s AND desk_id = %(id)s FOR SHARE;

-- name: sells_at_desk
SELECT EXISTS (SELECT FROM cash_desk_seller
               WHERE agency_id = %(agency_id)s AND desk_id = %(id)s AND user_id = %(user_id)s);

-- Items, matches and what is open. Locks are taken in this order: the agency's matching, items by
-- number, then those of a posting (see the ledger's queries).

-- name: insert_items
-- Those whose key is new.
INSERT INTO finance_item (agency_id, kind, source_key, code, owner, amount_tiyn, item_date, due_on,
                          reference, batch_ref, counterparty_bin, counterparty_iban,
                          bank_account_no, fee_tiyn, residual_code, residual_owner, tolerance_tiyn,
                          parent_item_no, detail)
SELECT agency_id, kind, source_key, code, owner, amount_tiyn, item_date, due_on, reference,
       batch_ref, counterparty_bin, counterparty_iban, bank_account_no, fee_tiyn, residual_code,
       residual_owner, tolerance_tiyn, parent_item_no, detail
FROM unnest(%(agency_id)s::text[], %(kind)s::text[], %(source_key)s::text[],
            %(code)s::smallint[], %(owner)s::text[], %(amount_tiyn)s::bigint[],
            %(item_date)s::date[], %(due_on)s::date[], %(reference)s::text[],
            %(batch_ref)s::text[], %(counterparty_bin)s::text[],
            %(counterparty_iban)s::text[], %(bank_account_no)s::int[], %(fee_tiyn)s::bigint[],
            %(residual_code)s::smallint[], %(residual_owner)s::text[],
            %(tolerance_tiyn)s::bigint[], %(parent_item_no)s::bigint[], %(detail)s::jsonb[])
     WITH ORDINALITY AS new (agency_id, kind, source_key, code, owner, amount_tiyn, item_date,
                             due_on, reference, batch_ref, counterparty_bin, counterparty_iban,
                             bank_account_no, fee_tiyn, residual_code, residual_owner,
                             tolerance_tiyn, parent_item_no, detail, line)
ORDER BY line
ON CONFLICT (agency_id, source_key) DO NOTHING;

-- name: find_items_by_key
-- Numbers in the order of the keys, and whether the content is what was asked for.
SELECT i.item_no,
       (i.kind, i.code, i.owner, i.amount_tiyn, i.item_date, i.due_on, i.reference, i.batch_ref,
        i.counterparty_bin, i.counterparty_iban, i.bank_account_no, i.fee_tiyn, i.residual_code,
        i.residual_owner, i.tolerance_tiyn, i.parent_item_no, i.detail)
       IS NOT DISTINCT FROM
       (new.kind, new.code, new.owner, new.amount_tiyn, new.item_date, new.due_on, new.reference,
        new.batch_ref, new.counterparty_bin, new.counterparty_iban, new.bank_account_no,
        new.fee_tiyn, new.residual_code, new.residual_owner, new.tolerance_tiyn,
        new.parent_item_no, new.detail)
FROM unnest(%(agency_id)s::text[], %(kind)s::text[], %(source_key)s::text[],
            %(code)s::smallint[], %(owner)s::text[], %(amount_tiyn)s::bigint[],
            %(item_date)s::date[], %(due_on)s::date[], %(reference)s::text[],
            %(batch_ref)s::text[], %(counterparty_bin)s::text[],
            %(counterparty_iban)s::text[], %(bank_account_no)s::int[], %(fee_tiyn)s::bigint[],
            %(residual_code)s::smallint[], %(residual_owner)s::text[],
            %(tolerance_tiyn)s::bigint[], %(parent_item_no)s::bigint[], %(detail)s::jsonb[])
     WITH ORDINALITY AS new (agency_id, kind, source_key, code, owner, amount_tiyn, item_date,
                             due_on, reference, batch_ref, counterparty_bin, counterparty_iban,
                             bank_account_no, fee_tiyn, residual_code, residual_owner,
                             tolerance_tiyn, parent_item_no, detail, line)
JOIN finance_item i USING (agency_id, source_key)
ORDER BY new.line;

-- name: lock_item
SELECT cancelled_at FROM finance_item
WHERE agency_id = %(agency_id)s AND item_no = %(item_no)s
FOR NO KEY UPDATE;

-- name: find_match_of_item
SELECT match_no FROM bank_match_item WHERE item_no = %(item_no)s AND active;

-- name: cancel_item
UPDATE finance_item SET cancelled_at = %(now)s WHERE item_no = %(item_no)s;

-- name: list_items
-- Newest first, with the match that has them.
WITH one AS (
SELECT i.item_no, i.kind, i.source_key, i.code, i.owner, i.amount_tiyn, i.fee_tiyn, i.item_date,
       i.due_on, i.reference, i.batch_ref, i.counterparty_bin, i.counterparty_iban,
       a.bank_account_id, i.residual_code, i.residual_owner, i.tolerance_tiyn, i.parent_item_no,
       i.detail, i.cancelled_at, m.match_no,
       CASE WHEN i.cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN m.match_no IS NOT NULL THEN 'matched' ELSE 'open' END AS state
FROM finance_item i
LEFT JOIN bank_account a USING (bank_account_no)
LEFT JOIN bank_match_item m ON m.item_no = i.item_no AND m.active
WHERE i.agency_id = %(agency_id)s
  AND (%(kind)s::text IS NULL OR i.kind = %(kind)s)
  AND (%(code)s::smallint IS NULL OR i.code = %(code)s)
  AND (%(owner)s::text IS NULL OR i.owner = %(owner)s)
  AND (%(from_date)s::date IS NULL OR i.item_date >= %(from_date)s)
  AND (%(to_date)s::date IS NULL OR i.item_date <= %(to_date)s)
)
SELECT * FROM one
WHERE %(state)s::text IS NULL OR state = %(state)s
ORDER BY item_date DESC, item_no DESC
LIMIT %(most)s;

-- name: lock_matching
-- One matches at a time for an agency; kept until the commit.
SELECT pg_advisory_xact_lock(hashtextextended('matching ' || %(agency_id)s, 6));

-- name: hold_matching
-- The same lock, kept as long as the connection is open.
SELECT pg_advisory_lock(hashtextextended('matching ' || %(agency_id)s, 6));

-- name: find_settings
SELECT version, settings FROM matching_settings
WHERE agency_id = %(agency_id)s ORDER BY version DESC LIMIT 1;

-- name: insert_settings
-- They hold until a higher version comes.
INSERT INTO matching_settings (agency_id, version, settings, changed_at, changed_by)
VALUES (%(agency_id)s, %(version)s, %(settings)s, %(now)s, %(actor)s);

-- name: read_lines
-- Open ones, with the days as ordinals, and in how many matches they were that were undone.
SELECT l.line_no, l.line_key, l.bank_account_no, l.booked_on - '0001-01-01'::date + 1,
       l.amount_tiyn, l.counterparty_bin, l.counterparty_iban, l.reference, l.bank_reference,
       l.purpose, coalesce(u.uses, 0)
FROM bank_line l
LEFT JOIN (SELECT line_no, count(*) AS uses FROM bank_match_line WHERE NOT active
           GROUP BY line_no) u USING (line_no)
WHERE l.agency_id = %(agency_id)s
  AND (%(lines)s::bigint[] IS NULL OR l.line_no = ANY(%(lines)s))
  AND NOT EXISTS (SELECT FROM bank_match_line m WHERE m.line_no = l.line_no AND m.active);

-- name: read_items
-- Open ones, with the item that they are the rest of.
SELECT i.item_no, i.source_key, i.code, i.owner, i.amount_tiyn, i.fee_tiyn,
       i.item_date - '0001-01-01'::date + 1,
       coalesce(i.due_on, i.item_date) - '0001-01-01'::date + 1, i.reference, i.batch_ref,
       i.counterparty_bin, i.counterparty_iban, i.bank_account_no, i.residual_code,
       i.residual_owner, i.tolerance_tiyn, coalesce(i.parent_item_no, i.item_no)
FROM finance_item i
WHERE i.agency_id = %(agency_id)s AND i.cancelled_at IS NULL
  AND (%(items)s::bigint[] IS NULL OR i.item_no = ANY(%(items)s))
  AND NOT EXISTS (SELECT FROM bank_match_item m WHERE m.item_no = i.item_no AND m.active);

-- name: read_twins
-- Open lines that equal a matched one which was booked at about the same time.
SELECT DISTINCT o.line_no
FROM bank_line o
JOIN bank_line l ON l.bank_account_no = o.bank_account_no AND l.amount_tiyn = o.amount_tiyn
    AND l.booked_on BETWEEN o.booked_on - %(days)s::int AND o.booked_on + %(days)s::int
    AND l.line_no <> o.line_no
    AND l.counterparty_bin IS NOT DISTINCT FROM o.counterparty_bin
    AND l.counterparty_iban IS NOT DISTINCT FROM o.counterparty_iban
    AND btrim(l.reference) = btrim(o.reference)
    AND (btrim(o.reference) <> ''
         OR l.purpose = o.purpose
            AND (o.purpose <> '' OR o.counterparty_bin <> '' OR o.counterparty_iban <> ''))
JOIN bank_match_line m ON m.line_no = l.line_no AND m.active
WHERE o.agency_id = %(agency_id)s
  AND NOT EXISTS (SELECT FROM bank_match_line n WHERE n.line_no = o.line_no AND n.active);

-- name: read_undone
-- Pairs that a person took apart, of lines that are open.
SELECT l.line_no, array_agg(DISTINCT i.item_no)
FROM bank_match_line l
JOIN bank_match_item i USING (match_no)
JOIN bank_match m USING (match_no)
WHERE m.agency_id = %(agency_id)s AND NOT l.active
  AND NOT EXISTS (SELECT FROM bank_match_line n WHERE n.line_no = l.line_no AND n.active)
GROUP BY l.line_no;

-- name: read_bank_accounts
SELECT bank_account_no, bank_account_id, iban FROM bank_account WHERE agency_id = %(agency_id)s;

-- name: lock_items
-- In the order of their numbers; those that are no longer to be had are left out.
SELECT item_no FROM finance_item
WHERE item_no = ANY(%(items)s::bigint[]) AND cancelled_at IS NULL
ORDER BY item_no
FOR NO KEY UPDATE;

-- name: insert_matches
-- With their lines and items, whose matches are counted from 1 in the order of the arrays.
WITH new AS (
    INSERT INTO bank_match (match_no, agency_id, bank_account_no, source_key, content_hash, rule,
                            rule_version, settings_version, lines_tiyn, items_tiyn, fee_tiyn,
                            residual_tiyn, residual_code, residual_owner, journal_no, made_at,
                            made_by, note)
    SELECT match_no, %(agency_id)s, bank_account_no, source_key, content_hash, rule,
           %(rule_version)s, %(settings_version)s, lines_tiyn, items_tiyn, fee_tiyn,
           residual_tiyn, residual_code, residual_owner, journal_no, %(now)s, %(actor)s, %(note)s
    FROM unnest(%(match_no)s::bigint[], %(bank_account_no)s::int[], %(source_key)s::text[],
                %(content_hash)s::bytea[], %(rule)s::text[], %(lines_tiyn)s::bigint[],
                %(items_tiyn)s::bigint[], %(fee_tiyn)s::bigint[], %(residual_tiyn)s::bigint[],
                %(residual_code)s::smallint[], %(residual_owner)s::text[],
                %(journal_no)s::bigint[])
         AS one (match_no, bank_account_no, source_key, content_hash, rule, lines_tiyn, items_tiyn,
                 fee_tiyn, residual_tiyn, residual_code, residual_owner, journal_no)
), with_lines AS (
    INSERT INTO bank_match_line (match_no, line_no)
    SELECT * FROM unnest(%(line_match)s::bigint[], %(line_no)s::bigint[])
)
INSERT INTO bank_match_item (match_no, item_no)
SELECT * FROM unnest(%(item_match)s::bigint[], %(item_no)s::bigint[]);

-- name: insert_residual
-- A part of a difference that goes to several accounts; the parts are held against it at the commit.
INSERT INTO bank_match_residual (match_no, position, code, owner, amount_tiyn)
VALUES (%(match_no)s, %(position)s, %(code)s, %(owner)s, %(amount_tiyn)s);

-- name: draw_match_numbers
SELECT array_agg(nextval('bank_match_number')) FROM generate_series(1, %(count)s);

-- name: delete_hints
-- Those that are so no longer.
DELETE FROM bank_match_hint
WHERE agency_id = %(agency_id)s AND line_no <> ALL(%(line_no)s::bigint[]);

-- name: keep_hints
-- New ones, and those that say something else now; all others are left as they are.
INSERT INTO bank_match_hint (line_no, agency_id, rule, reason, items, item_count)
SELECT line_no, %(agency_id)s, rule, reason,
       string_to_array(items, ' ')::bigint[], item_count
FROM unnest(%(line_no)s::bigint[], %(rule)s::text[], %(reason)s::text[], %(items)s::text[],
            %(item_count)s::int[]) AS new (line_no, rule, reason, items, item_count)
ON CONFLICT (line_no) DO UPDATE
SET rule = excluded.rule, reason = excluded.reason, items = excluded.items,
    item_count = excluded.item_count
WHERE (bank_match_hint.rule, bank_match_hint.reason, bank_match_hint.items,
       bank_match_hint.item_count)
      IS DISTINCT FROM (excluded.rule, excluded.reason, excluded.items, excluded.item_count);

-- name: find_zone
-- In which the agency's days are.
SELECT timezone FROM agency WHERE agency_id = %(agency_id)s;

-- name: find_doubled
-- Open lines that equal a matched one of about the same time, the first of these, and its match;
-- where items fit a line equally well it has something to pay.
SELECT o.line_no, abs(o.amount_tiyn), o.booked_on, a.bank_account_id, min(l.line_no),
       min(m.match_no)
FROM bank_line o
JOIN bank_account a ON a.bank_account_no = o.bank_account_no
JOIN bank_line l ON l.bank_account_no = o.bank_account_no AND l.amount_tiyn = o.amount_tiyn
    AND l.booked_on BETWEEN o.booked_on - %(days)s::int AND o.booked_on + %(days)s::int
    AND l.line_no <> o.line_no
    AND l.counterparty_bin IS NOT DISTINCT FROM o.counterparty_bin
    AND l.counterparty_iban IS NOT DISTINCT FROM o.counterparty_iban
    AND btrim(l.reference) = btrim(o.reference)
    AND (btrim(o.reference) <> ''
         OR l.purpose = o.purpose
            AND (o.purpose <> '' OR o.counterparty_bin <> '' OR o.counterparty_iban <> ''))
JOIN bank_match_line m ON m.line_no = l.line_no AND m.active
LEFT JOIN bank_match_hint h ON h.line_no = o.line_no AND h.reason = 'ambiguous'
WHERE o.agency_id = %(agency_id)s AND h.line_no IS NULL
  AND NOT EXISTS (SELECT FROM bank_match_line n WHERE n.line_no = o.line_no AND n.active)
GROUP BY o.line_no, a.bank_account_id;

-- name: find_unknown
-- Lines that are open since before a day, and what the last run had to say about them.
SELECT l.line_no, abs(l.amount_tiyn), l.booked_on, a.bank_account_id, h.reason, h.item_count
FROM bank_line l
JOIN bank_account a USING (bank_account_no)
LEFT JOIN bank_match_hint h USING (line_no)
WHERE l.agency_id = %(agency_id)s AND l.booked_on <= %(until)s
  AND NOT EXISTS (SELECT FROM bank_match_line m WHERE m.line_no = l.line_no AND m.active);

-- name: find_short
-- What agents still owe of items that were paid in part, by the item: what is looked for as a
-- remainder, and what a person left on the account of another item than the first, which has none.
SELECT r.parent_item_no, abs(sum(r.amount_tiyn))::bigint, max(r.item_date), r.code, r.owner,
       i.reference, i.item_date
FROM finance_item r
JOIN finance_item i ON i.item_no = r.parent_item_no
WHERE r.agency_id = %(agency_id)s AND r.kind = 'remainder' AND r.cancelled_at IS NULL
  AND r.code = ANY(%(codes)s::smallint[])
  AND NOT EXISTS (SELECT FROM bank_match_item m WHERE m.item_no = r.item_no AND m.active)
GROUP BY r.parent_item_no, r.code, r.owner, i.reference, i.item_date
HAVING sum(r.amount_tiyn) <> 0
UNION ALL
SELECT own.item_no, abs(d.amount_tiyn), own.item_date, d.code, d.owner, own.reference, own.item_date
FROM bank_match m
JOIN LATERAL (SELECT m.residual_code AS code, m.residual_owner AS owner,
                     m.residual_tiyn AS amount_tiyn
              UNION ALL SELECT code, owner, amount_tiyn FROM bank_match_residual
              WHERE match_no = m.match_no) d ON d.code = ANY(%(codes)s::smallint[])
JOIN LATERAL (SELECT array_agg(i.code || ':' || i.owner
                               ORDER BY i.item_date, i.source_key COLLATE "C") AS accounts,
                     min(i.item_no) FILTER (WHERE (i.code, i.owner) = (d.code, d.owner)) AS item_no
              FROM bank_match_item b JOIN finance_item i USING (item_no)
              WHERE b.match_no = m.match_no) its ON its.accounts[1] <> d.code || ':' || d.owner
JOIN finance_item own ON own.item_no = its.item_no AND sign(own.amount_tiyn) <> sign(d.amount_tiyn)
WHERE m.agency_id = %(agency_id)s AND m.undone_at IS NULL AND m.rule = 'hand'
  AND m.residual_tiyn <> 0;

-- name: find_residuals
-- Differences that rules or people left on an item's own account beyond what it bears, or that
-- rules took for a processor's fee, by the first of the items.
SELECT first.item_no, sum(m.residual_tiyn)::bigint, max(l.booked_on), m.residual_code,
       m.residual_owner, min(first.reference), min(first.item_date)
FROM (
    SELECT match_no, agency_id, rule, undone_at, items_tiyn, residual_tiyn, residual_code,
           residual_owner
    FROM bank_match WHERE residual_code IS NOT NULL
    UNION ALL
    SELECT b.match_no, b.agency_id, b.rule, b.undone_at, b.items_tiyn, r.amount_tiyn, r.code,
           r.owner
    FROM bank_match_residual r JOIN bank_match b USING (match_no)
) m
JOIN LATERAL (
    SELECT coalesce(i.parent_item_no, i.item_no) AS item_no, i.code, i.owner, i.reference,
           i.item_date
    FROM bank_match_item b JOIN finance_item i USING (item_no)
    WHERE b.match_no = m.match_no ORDER BY i.item_date, i.source_key COLLATE "C" LIMIT 1
) first ON true
JOIN LATERAL (
    SELECT max(n.booked_on) AS booked_on
    FROM bank_match_line k JOIN bank_line n USING (line_no) WHERE k.match_no = m.match_no
) l ON true
WHERE m.agency_id = %(agency_id)s AND m.undone_at IS NULL AND m.residual_tiyn <> 0
  AND m.rule = ANY(%(rules)s::text[])
  AND m.residual_code = ANY(%(codes)s::smallint[])
  AND (NOT %(over)s OR (m.residual_code, m.residual_owner) = (first.code, first.owner)
                   AND sign(m.residual_tiyn) = sign(m.items_tiyn))
GROUP BY first.item_no, m.residual_code, m.residual_owner
HAVING sum(m.residual_tiyn) <> 0;

-- name: find_match_by_key
SELECT match_no, content_hash, journal_no FROM bank_match
WHERE agency_id = %(agency_id)s AND source_key = %(source_key)s;

-- name: lock_match
-- As it stands, with what is posted about it.
SELECT source_key, journal_no, undone_at, undone_by,
       (SELECT max(l.booked_on) FROM bank_match_line b JOIN bank_line l USING (line_no)
        WHERE b.match_no = m.match_no),
       lines_tiyn, items_tiyn, rule
FROM bank_match m
WHERE agency_id = %(agency_id)s AND match_no = %(match_no)s
FOR NO KEY UPDATE;

-- name: find_remainder
-- The item that a match left, and the match that pays it.
SELECT i.item_no, m.match_no
FROM finance_item i LEFT JOIN bank_match_item m ON m.item_no = i.item_no AND m.active
WHERE i.agency_id = %(agency_id)s AND i.source_key = %(source_key)s;

-- name: undo_match
-- Once: a trigger refuses the second time.
UPDATE bank_match
SET undone_at = %(now)s, undone_by = %(actor)s, undo_reason = %(reason)s,
    undo_journal_no = %(journal_no)s
WHERE match_no = %(match_no)s;

-- name: release_lines
UPDATE bank_match_line SET active = false WHERE match_no = %(match_no)s;

-- name: release_items
UPDATE bank_match_item SET active = false WHERE match_no = %(match_no)s;

-- name: open_lines
-- Oldest first, with what the last run had to say about them.
SELECT l.line_no, a.bank_account_id, l.booked_on, l.amount_tiyn, l.counterparty_name,
       l.counterparty_bin, l.counterparty_iban, l.reference, l.bank_reference, l.purpose,
       h.reason, h.rule, coalesce(h.items, '{}'), coalesce(h.item_count, 0),
       EXISTS (SELECT FROM ticketing_exception e
               WHERE e.agency_id = l.agency_id AND e.kind = 'bank_line_doubled'
                 AND e.subject = 'line ' || l.line_no AND e.closed_at IS NULL)
FROM bank_line l
JOIN bank_account a USING (bank_account_no)
LEFT JOIN bank_match_hint h USING (line_no)
WHERE l.agency_id = %(agency_id)s
  AND (%(bank_account_id)s::text IS NULL OR a.bank_account_id = %(bank_account_id)s)
  AND (%(line_no)s::bigint IS NULL OR l.line_no = %(line_no)s)
  AND (%(from_date)s::date IS NULL OR l.booked_on >= %(from_date)s)
  AND (%(to_date)s::date IS NULL OR l.booked_on <= %(to_date)s)
  AND NOT EXISTS (SELECT FROM bank_match_line m WHERE m.line_no = l.line_no AND m.active)
ORDER BY l.booked_on, l.line_no
LIMIT %(most)s;

-- name: list_matches
-- Newest first, with their lines and items.
SELECT m.match_no, a.bank_account_id, m.rule, m.rule_version, m.settings_version, m.lines_tiyn,
       m.items_tiyn, m.fee_tiyn, m.residual_tiyn, m.residual_code, m.residual_owner,
       m.journal_no, m.made_at, m.made_by, m.note, m.undone_at, m.undone_by, m.undo_journal_no,
       m.undo_reason,
       (SELECT jsonb_agg(jsonb_build_object(
                    'line_no', l.line_no, 'booked_on', l.booked_on, 'amount_tiyn', l.amount_tiyn,
                    'counterparty_name', l.counterparty_name, 'reference', l.reference,
                    'purpose', l.purpose) ORDER BY l.booked_on, l.line_no)
        FROM bank_match_line b JOIN bank_line l USING (line_no) WHERE b.match_no = m.match_no),
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                    'item_no', i.item_no, 'kind', i.kind, 'code', i.code, 'owner', i.owner,
                    'amount_tiyn', i.amount_tiyn, 'fee_tiyn', i.fee_tiyn,
                    'item_date', i.item_date, 'reference', i.reference,
                    'batch_ref', i.batch_ref) ORDER BY i.item_date, i.item_no)
        FROM bank_match_item b JOIN finance_item i USING (item_no)
        WHERE b.match_no = m.match_no), '[]'),
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                    'code', r.code, 'owner', r.owner, 'amount_tiyn', r.amount_tiyn)
                    ORDER BY r.position)
        FROM bank_match_residual r WHERE r.match_no = m.match_no), '[]')
FROM bank_match m
LEFT JOIN bank_account a USING (bank_account_no)
WHERE m.agency_id = %(agency_id)s
  AND (%(match_no)s::bigint IS NULL OR m.match_no = %(match_no)s)
  AND (%(line_no)s::bigint IS NULL
       OR EXISTS (SELECT FROM bank_match_line b
                  WHERE b.match_no = m.match_no AND b.line_no = %(line_no)s))
  AND (%(item_no)s::bigint IS NULL
       OR EXISTS (SELECT FROM bank_match_item b
                  WHERE b.match_no = m.match_no AND b.item_no = %(item_no)s))
  AND (%(rule)s::text IS NULL OR m.rule = %(rule)s)
  AND (%(undone)s::boolean IS NULL OR (m.undone_at IS NOT NULL) = %(undone)s)
  AND (%(from_date)s::date IS NULL
       OR EXISTS (SELECT FROM bank_match_line b JOIN bank_line l USING (line_no)
                  WHERE b.match_no = m.match_no AND l.booked_on >= %(from_date)s))
  AND (%(to_date)s::date IS NULL
       OR EXISTS (SELECT FROM bank_match_line b JOIN bank_line l USING (line_no)
                  WHERE b.match_no = m.match_no AND l.booked_on <= %(to_date)s))
ORDER BY m.match_no DESC
LIMIT %(most)s;

-- name: find_candidates
-- Open items that a line may pay: named in its texts, of its counterparty, or of a near amount.
SELECT i.item_no,
       (i.reference <> '' AND position(upper(i.reference) IN %(text)s) > 0
        OR i.batch_ref <> '' AND position(upper(i.batch_ref) IN %(text)s) > 0) AS named
FROM finance_item i
WHERE i.agency_id = %(agency_id)s AND i.cancelled_at IS NULL
  AND (i.bank_account_no IS NULL OR i.bank_account_no = %(account)s)
  AND sign(i.amount_tiyn) = sign(%(amount)s::bigint)
  AND (i.counterparty_bin = %(bin)s OR i.counterparty_iban = %(iban)s
       OR i.reference <> '' AND position(upper(i.reference) IN %(text)s) > 0
       OR i.batch_ref <> '' AND position(upper(i.batch_ref) IN %(text)s) > 0
       OR abs(i.amount_tiyn - i.fee_tiyn - %(amount)s::bigint) * 4 <= abs(%(amount)s::bigint)
          AND i.item_date BETWEEN %(day)s::date - 60 AND %(day)s::date + 10)
  AND NOT EXISTS (SELECT FROM bank_match_item m WHERE m.item_no = i.item_no AND m.active)
ORDER BY named DESC, abs(i.amount_tiyn - i.fee_tiyn - %(amount)s::bigint),
         abs(i.item_date - %(day)s::date), i.item_no
LIMIT %(most)s;

-- name: explained_share
-- Of the lines booked from a day to another: their value, and that of those which were matched
-- within so many days.
SELECT coalesce(sum(abs(l.amount_tiyn)), 0)::bigint,
       coalesce(sum(abs(l.amount_tiyn)) FILTER (
           WHERE (m.made_at AT TIME ZONE g.timezone)::date - l.booked_on <= %(days)s), 0)::bigint,
       count(*),
       count(*) FILTER (
           WHERE (m.made_at AT TIME ZONE g.timezone)::date - l.booked_on <= %(days)s)
FROM bank_line l
JOIN agency g USING (agency_id)
LEFT JOIN bank_match_line b ON b.line_no = l.line_no AND b.active
LEFT JOIN bank_match m USING (match_no)
WHERE l.agency_id = %(agency_id)s
  AND (%(from_date)s::date IS NULL OR l.booked_on >= %(from_date)s)
  AND (%(to_date)s::date IS NULL OR l.booked_on <= %(to_date)s);

-- name: suspense_ages
-- What is open on each bank account, by age in days.
SELECT a.bank_account_id, bucket.name,
       count(l.line_no),
       coalesce(sum(l.amount_tiyn) FILTER (WHERE l.amount_tiyn > 0), 0)::bigint,
       coalesce(sum(l.amount_tiyn) FILTER (WHERE l.amount_tiyn < 0), 0)::bigint
FROM bank_account a
CROSS JOIN (VALUES (1, '0-1', -100000, 1), (2, '2-7', 2, 7), (3, '8-30', 8, 30),
                   (4, '30+', 31, 100000)) AS bucket (place, name, youngest, oldest)
LEFT JOIN bank_line l ON l.bank_account_no = a.bank_account_no
    AND %(today)s::date - l.booked_on BETWEEN bucket.youngest AND bucket.oldest
    AND NOT EXISTS (SELECT FROM bank_match_line m WHERE m.line_no = l.line_no AND m.active)
WHERE a.agency_id = %(agency_id)s
GROUP BY a.bank_account_id, bucket.place, bucket.name
ORDER BY a.bank_account_id, bucket.place;

-- name: check_suspense
-- Accounts 2910 that are not what is open, with both sums.
SELECT a.bank_account_id, coalesce(-c.balance, 0), coalesce(o.total, 0)::bigint
FROM bank_account a
LEFT JOIN account c ON (c.agency_id, c.code, c.owner) = (a.agency_id, 2910, a.bank_account_id)
LEFT JOIN (SELECT l.bank_account_no, sum(l.amount_tiyn) AS total FROM bank_line l
           WHERE l.agency_id = %(agency_id)s
             AND NOT EXISTS (SELECT FROM bank_match_line m
                             WHERE m.line_no = l.line_no AND m.active)
           GROUP BY l.bank_account_no) o USING (bank_account_no)
WHERE a.agency_id = %(agency_id)s AND coalesce(-c.balance, 0) <> coalesce(o.total, 0)
ORDER BY a.bank_account_id;

-- name: find_hand_match
-- What came of a key.
SELECT m.match_no, m.journal_no, m.residual_tiyn, r.item_no
FROM bank_match m
LEFT JOIN finance_item r ON r.agency_id = m.agency_id
    AND r.source_key = 'remainder:' || m.source_key
WHERE m.agency_id = %(agency_id)s AND m.source_key = %(source_key)s;

-- name: find_counterparty_name
SELECT counterparty_name FROM bank_line WHERE line_no = %(line_no)s;

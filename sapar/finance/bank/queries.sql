-- Bank accounts, how their tables are read, statements and lines.

-- name: insert_account
-- Nothing comes back when the short name or the IBAN is taken.
INSERT INTO bank_account (agency_id, bank_account_id, iban, name, created_at, created_by)
VALUES (%(agency_id)s, %(bank_account_id)s, %(iban)s, %(name)s, %(now)s, %(person)s)
ON CONFLICT DO NOTHING
RETURNING bank_account_no;

-- name: list_accounts
-- With the newest balance that the bank has shown, the ledger's (1010), what no match explains yet,
-- and 2910 as the bank would show it.
SELECT a.bank_account_no, a.bank_account_id, a.iban, a.name, a.currency,
       a.opening_on, a.opening_tiyn, a.closing_on, a.closing_tiyn,
       coalesce(bank.balance, 0), -coalesce(suspense.balance, 0), open.lines, open.tiyn,
       ARRAY(SELECT format FROM bank_mapping m WHERE m.bank_account_no = a.bank_account_no
             ORDER BY format)
FROM bank_account a
LEFT JOIN account bank
    ON (bank.agency_id, bank.code, bank.owner) = (a.agency_id, 1010, a.bank_account_id)
LEFT JOIN account suspense
    ON (suspense.agency_id, suspense.code, suspense.owner) = (a.agency_id, 2910, a.bank_account_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, coalesce(sum(l.amount_tiyn), 0)::bigint AS tiyn
    FROM bank_line l
    WHERE l.bank_account_no = a.bank_account_no
      AND NOT EXISTS (SELECT FROM bank_match_line m WHERE m.line_no = l.line_no AND m.active)
) open
WHERE a.agency_id = %(agency_id)s
ORDER BY a.bank_account_id;

-- name: find_accounts
-- One by its short name or number, or all when none is named; with what its tables are read by.
SELECT a.bank_account_no, a.bank_account_id, a.iban,
       (SELECT jsonb_object_agg(m.format, m.mapping) FROM bank_mapping m
        WHERE m.bank_account_no = a.bank_account_no)
FROM bank_account a
WHERE a.agency_id = %(agency_id)s
  AND (%(account)s::text IS NULL OR %(account)s IN (a.bank_account_id, a.iban))
ORDER BY a.bank_account_id;

-- name: find_mapping
SELECT mapping FROM bank_mapping
WHERE bank_account_no = %(bank_account_no)s AND format = %(format)s;

-- name: set_mapping
-- The mapping before it stands in the audit log.
INSERT INTO bank_mapping (bank_account_no, format, mapping, changed_at, changed_by)
VALUES (%(bank_account_no)s, %(format)s, %(mapping)s, %(now)s, %(person)s)
ON CONFLICT (bank_account_no, format) DO UPDATE
SET mapping = excluded.mapping, changed_at = excluded.changed_at, changed_by = excluded.changed_by;

-- name: lock_account
-- One import at a time for each account; with the local midnight that its days begin at.
SELECT a.opening_on, a.opening_tiyn, a.closing_on, a.closing_tiyn, g.timezone
FROM bank_account a JOIN agency g USING (agency_id)
WHERE a.bank_account_no = %(bank_account_no)s
FOR NO KEY UPDATE OF a;

-- name: find_same_file
SELECT statement_no FROM bank_statement
WHERE bank_account_no = %(bank_account_no)s AND digest = %(digest)s;

-- name: list_stored
-- The account's lines of some days, in the order of the bank, with the formats they came in.
SELECT l.booked_on, l.amount_tiyn, l.counterparty_bin, l.counterparty_iban, l.reference,
       l.bank_reference, l.purpose, s.format
FROM bank_line l JOIN bank_statement s USING (statement_no)
WHERE l.bank_account_no = %(bank_account_no)s
  AND l.booked_on BETWEEN %(from_date)s AND %(to_date)s
ORDER BY l.booked_on, l.line_no;

-- name: sum_before
SELECT coalesce(sum(amount_tiyn), 0)::bigint FROM bank_line
WHERE bank_account_no = %(bank_account_no)s AND booked_on < %(from_date)s;

-- name: sum_ledger
-- What stands on 1010 of an account.
SELECT coalesce(sum(balance), 0)::bigint FROM account
WHERE agency_id = %(agency_id)s AND code = 1010 AND owner = %(account)s;

-- name: insert_statement
-- Also of a file that brings nothing new.
INSERT INTO bank_statement (bank_account_no, from_date, to_date, opening_tiyn, closing_tiyn, format,
                            file_name, digest, file, line_count, new_line_count, imported_at,
                            imported_by)
VALUES (%(bank_account_no)s, %(from_date)s, %(to_date)s, %(opening_tiyn)s, %(closing_tiyn)s,
        %(format)s, %(file_name)s, %(digest)s, %(file)s, %(line_count)s, %(new_line_count)s,
        %(now)s, %(person)s)
RETURNING statement_no;

-- name: copy_lines
-- Their journals are posted.
COPY bank_line (agency_id, bank_account_no, statement_no, position, line_key, booked_on, value_on,
                amount_tiyn, counterparty_name, counterparty_bin, counterparty_iban, reference,
                bank_reference, purpose, journal_no)
FROM STDIN;

-- name: update_account
-- What is known of it after an import.
UPDATE bank_account
SET opening_on = %(opening_on)s, opening_tiyn = %(opening_tiyn)s, closing_on = %(closing_on)s,
    closing_tiyn = %(closing_tiyn)s
WHERE bank_account_no = %(bank_account_no)s;

-- name: sum_unmatched
-- Lines of an account that no match explains.
SELECT count(*), coalesce(sum(l.amount_tiyn), 0)::bigint FROM bank_line l
WHERE l.bank_account_no = %(bank_account_no)s
  AND NOT EXISTS (SELECT FROM bank_match_line m WHERE m.line_no = l.line_no AND m.active);

-- name: list_statements
-- Newest first.
SELECT s.statement_no, a.bank_account_id, s.from_date, s.to_date, s.opening_tiyn, s.closing_tiyn,
       s.format, s.file_name, s.line_count, s.new_line_count, s.imported_at, s.imported_by,
       s.file IS NOT NULL
FROM bank_statement s JOIN bank_account a USING (bank_account_no)
WHERE a.agency_id = %(agency_id)s
  AND (%(account)s::text IS NULL OR a.bank_account_id = %(account)s)
  AND (%(below)s::bigint IS NULL OR s.statement_no < %(below)s)
ORDER BY s.statement_no DESC
LIMIT %(limit)s;

-- name: find_file
-- As it was kept: null when cards' numbers could not be masked in it.
SELECT s.file_name, s.file
FROM bank_statement s JOIN bank_account a USING (bank_account_no)
WHERE a.agency_id = %(agency_id)s AND s.statement_no = %(statement_no)s;

-- name: list_lines
-- The newest day first; after a page comes what lies below its last (day, number).
SELECT l.line_no, a.bank_account_id, l.statement_no, l.booked_on, l.value_on, l.amount_tiyn,
       l.counterparty_name, l.counterparty_bin, l.counterparty_iban, l.reference, l.bank_reference,
       l.purpose, l.journal_no, m.match_no
FROM bank_line l
JOIN bank_account a USING (bank_account_no)
LEFT JOIN bank_match_line m ON m.line_no = l.line_no AND m.active
WHERE l.agency_id = %(agency_id)s
  AND (%(account)s::text IS NULL OR a.bank_account_id = %(account)s)
  AND (%(statement_no)s::bigint IS NULL OR l.statement_no = %(statement_no)s)
  AND (%(from_date)s::date IS NULL OR l.booked_on >= %(from_date)s)
  AND (%(to_date)s::date IS NULL OR l.booked_on <= %(to_date)s)
  AND (%(unmatched)s::boolean IS NULL OR (m.match_no IS NULL) = %(unmatched)s)
  AND (%(amount_tiyn)s::bigint IS NULL OR abs(l.amount_tiyn) = %(amount_tiyn)s)
  AND (%(text)s::text IS NULL OR concat_ws(' ', l.counterparty_name, l.counterparty_bin,
           l.counterparty_iban, l.reference, l.bank_reference, l.purpose) ILIKE %(text)s)
  AND (%(below_day)s::date IS NULL OR (l.booked_on, l.line_no) < (%(below_day)s, %(below_no)s))
ORDER BY l.booked_on DESC, l.line_no DESC
LIMIT %(limit)s;

-- name: sum_lines
-- What the filters leave of all lines, page or not: how many, receipts, payments, unmatched.
SELECT count(*), coalesce(sum(l.amount_tiyn) FILTER (WHERE l.amount_tiyn > 0), 0)::bigint,
       coalesce(-sum(l.amount_tiyn) FILTER (WHERE l.amount_tiyn < 0), 0)::bigint,
       count(*) FILTER (WHERE m.match_no IS NULL)
FROM bank_line l
JOIN bank_account a USING (bank_account_no)
LEFT JOIN bank_match_line m ON m.line_no = l.line_no AND m.active
WHERE l.agency_id = %(agency_id)s
  AND (%(account)s::text IS NULL OR a.bank_account_id = %(account)s)
  AND (%(statement_no)s::bigint IS NULL OR l.statement_no = %(statement_no)s)
  AND (%(from_date)s::date IS NULL OR l.booked_on >= %(from_date)s)
  AND (%(to_date)s::date IS NULL OR l.booked_on <= %(to_date)s)
  AND (%(unmatched)s::boolean IS NULL OR (m.match_no IS NULL) = %(unmatched)s)
  AND (%(amount_tiyn)s::bigint IS NULL OR abs(l.amount_tiyn) = %(amount_tiyn)s)
  AND (%(text)s::text IS NULL OR concat_ws(' ', l.counterparty_name, l.counterparty_bin,
           l.counterparty_iban, l.reference, l.bank_reference, l.purpose) ILIKE %(text)s);
